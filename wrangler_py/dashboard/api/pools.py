"""Pool connections: sizes over time, the state of each origin connection, Restart."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wrangler_py.dashboard.api.operation import (
    BINDING,
    COUNT,
    MESSAGE,
    NUMBER,
    OPTIONAL_COUNT,
    OPTIONAL_NUMBER,
    OPTIONAL_TEXT,
    TEXT,
    Call,
    Field,
    Operation,
    list_of,
    not_found,
    object_of,
)
from wrangler_py.dashboard.pool_history import PoolSample
from wrangler_py.proxy.pool.snapshot import PoolSnapshot

SAMPLE = object_of(
    time=NUMBER,
    binding=TEXT,
    waiting_clients=COUNT,
    open_connections=COUNT,
    pool_size_maximum=COUNT,
    connection_latency_ms=OPTIONAL_NUMBER,
)


async def list_pools(call: Call) -> Any:
    history = call.sources.history
    after = call.query.get("after", 0.0)
    pools = call.served.proxy.snapshot()
    samples = (
        [] if history is None else [each for pool in call.served.pools for each in history.samples(pool, after)]
    )
    return {"pools": [_pool(pool) for pool in pools], "history": [sample_json(each) for each in samples]}


async def restart_pool(call: Call) -> Any:
    binding = call.path["binding"]
    if binding not in call.served.proxy.pools:
        raise not_found(f"There is no binding {binding} here.")
    call.served.proxy.restart(binding)
    message = f"Restarted {binding}: its origin connections are closed, and new ones are opened as needed."
    call.sources.messages.info(message)
    return {"message": message}


def sample_json(sample: PoolSample) -> dict[str, Any]:
    return {**sample._asdict(), "time": round(sample.time, 3)}


def _pool(pool: PoolSnapshot) -> dict[str, Any]:
    return {
        "binding": pool.binding,
        "database": pool.database,
        "pool_size_maximum": pool.size_maximum,
        "waiting_clients": pool.waiting_clients,
        "clients": pool.clients,
        "opening": pool.opening,
        "open_connections": pool.open_connections,
        "connections": [asdict(each) for each in pool.connections],
    }


_CONNECTION = object_of(
    number=COUNT,
    process_id=COUNT,
    state=TEXT,
    why_pinned=OPTIONAL_TEXT,
    client=OPTIONAL_COUNT,
    request_id=OPTIONAL_TEXT,
    request=OPTIONAL_TEXT,
    prepared_statements=COUNT,
    opened_at=NUMBER,
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/pools",
        summary="The pools as they are now, and their sizes over time",
        run=list_pools,
        query_fields={"after": Field(float, "only samples younger than this time", minimum=0)},
        returns=object_of(
            pools=list_of(
                object_of(
                    binding=TEXT,
                    database=TEXT,
                    pool_size_maximum=COUNT,
                    waiting_clients=COUNT,
                    clients=COUNT,
                    opening=COUNT,
                    open_connections=COUNT,
                    connections=list_of(_CONNECTION),
                )
            ),
            history=list_of(SAMPLE),
        ),
    ),
    Operation(
        method="POST",
        path="/api/pools/{binding}/restart",
        summary="Restart: close every origin connection; running queries may fail",
        run=restart_pool,
        path_fields=BINDING,
        returns=MESSAGE,
    ),
)
