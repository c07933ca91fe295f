"""The cache: its entries, stale reads, and the statements that are never in it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from wrangler_py.cache.keys import CacheKey
from wrangler_py.cache.store import Entry
from wrangler_py.dashboard.api.operation import (
    COUNT,
    MESSAGE,
    NUMBER,
    OPTIONAL_TEXT,
    TEXT,
    Call,
    Field,
    Operation,
    list_of,
    not_found,
    object_of,
)
from wrangler_py.dashboard.api.queries import ROW
from wrangler_py.dashboard.record_json import SHOWN_SQL, record_row
from wrangler_py.dashboard.sources import Served
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.querylog.parameters import decode_parameters
from wrangler_py.querylog.summary import total_statements

_ENTRY = object_of(
    id=TEXT,
    bindings=list_of(TEXT),
    sql=TEXT,
    parameter_count=COUNT,
    age_s=NUMBER,
    state={"type": "string", "enum": ["fresh", "stale", "expired"]},
    hits=COUNT,
    size=COUNT,
)
_NEVER_CACHED = object_of(
    binding=TEXT, sql=TEXT, count=COUNT, total_ms=NUMBER, reason=OPTIONAL_TEXT, fix=OPTIONAL_TEXT
)
_ID = {"id": Field(str, "the id of an entry", required=True, minimum=16, maximum=16)}
_MOST_STALE_READS = 200


async def get_cache(call: Call) -> Any:
    proxy = call.served.proxy
    now = asyncio.get_running_loop().time()
    owners = _owners(call.served)
    log = proxy.query_log
    records = log.records()
    stale = [record for record in records if record.stale][-_MOST_STALE_READS:]
    return {
        "size": proxy.store.size,
        "size_maximum": proxy.store.max_bytes,
        "entries": [_entry(key, entry, owners, now) for key, entry in reversed(proxy.store.entries())],
        "stale_reads": [record_row(record, log.label) for record in reversed(stale)],
        "never_cached": [
            {
                "binding": each.binding,
                "sql": each.sql[:SHOWN_SQL],
                "count": each.count,
                "total_ms": round(each.total_ms, 3),
                "reason": each.reason,
                "fix": each.fix,
            }
            for each in total_statements(records)
            if each.reason is not None
        ],
    }


async def clear_cache(call: Call) -> Any:
    count = call.served.proxy.clear_cache()
    message = f"Cleared {count} cached answer{'' if count == 1 else 's'}."
    call.sources.messages.info(message)
    return {"message": message}


async def clear_cache_entry(call: Call) -> Any:
    call.served.proxy.store.remove(_key(call))
    return {"message": "Cleared 1 cached answer."}


async def get_cache_entry_parameters(call: Call) -> Any:
    key = _key(call)
    return {"parameters": list(decode_parameters(key.bind, key.parameter_types))}


def _key(call: Call) -> CacheKey:
    for key, _ in call.served.proxy.store.entries():
        if _id(key) == call.path["id"]:
            return key
    raise not_found("The cache has no such entry. It may have been removed.")


def _id(key: CacheKey) -> str:
    return hashlib.blake2b(repr(tuple(key)).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _owners(served: Served) -> dict[str, dict[str, PoolConfig]]:
    """The bindings that share the answers of a cache key, by that key."""
    owners: dict[str, dict[str, PoolConfig]] = {}
    for binding, pool in served.pools.items():
        owners.setdefault(pool.cache_key, {})[binding] = pool
    return owners


def _entry(key: CacheKey, entry: Entry, owners: dict[str, dict[str, PoolConfig]], now: float) -> dict[str, Any]:
    sharing = owners.get(key.config, {})
    age = max(0.0, now - entry.stored_at)
    max_age = max((pool.caching.max_age for pool in sharing.values()), default=0)
    stale_age = max(
        (pool.caching.max_age + pool.caching.stale_while_revalidate for pool in sharing.values()), default=0
    )
    return {
        "id": _id(key),
        "bindings": sorted(sharing),
        "sql": key.sql.decode("utf-8", "replace")[:SHOWN_SQL],
        "parameter_count": _parameter_count(key.bind),
        "age_s": round(age, 1),
        "state": "fresh" if age < max_age else "stale" if age < stale_age else "expired",
        "hits": entry.hits,
        "size": entry.size,
    }


def _parameter_count(bind: bytes) -> int:
    formats = int.from_bytes(bind[:2], "big")
    return int.from_bytes(bind[2 + 2 * formats : 4 + 2 * formats], "big")


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/cache",
        summary="Cached answers, the last used first; stale reads; statements never cached, by total time",
        run=get_cache,
        returns=object_of(
            size=COUNT,
            size_maximum=COUNT,
            entries=list_of(_ENTRY),
            stale_reads=list_of(ROW),
            never_cached=list_of(_NEVER_CACHED),
        ),
    ),
    Operation(
        method="DELETE",
        path="/api/cache",
        summary="Clear the cache",
        run=clear_cache,
        returns=MESSAGE,
    ),
    Operation(
        method="DELETE",
        path="/api/cache/{id}",
        summary="Clear one cached answer",
        run=clear_cache_entry,
        path_fields=_ID,
        returns=MESSAGE,
    ),
    Operation(
        method="GET",
        path="/api/cache/{id}/parameters",
        summary="The parameters of a cached answer, as text",
        run=get_cache_entry_parameters,
        path_fields=_ID,
        returns=object_of(parameters=list_of(OPTIONAL_TEXT)),
    ),
)
