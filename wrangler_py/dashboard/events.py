"""The stream of events: new queries and pool sizes, as long as a client is connected."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from wrangler_py.dashboard.api.pools import sample_json
from wrangler_py.dashboard.record_json import record_row
from wrangler_py.dashboard.sources import Sources

INTERVAL_S = 0.2
BATCH = 1_000
"""Maximum number of queries in one event: reading and encoding more at once would hold up the proxy."""
_KEEP_ALIVE_S = 15.0


async def stream(sources: Sources, after: int, closing: asyncio.Event) -> AsyncIterator[str]:
    """Server-sent events until `closing`; queries from the one after the number `after` on.

    It polls the log a few times a second instead of subscribing to it, so a listener costs the same,
    however many queries there are.
    """
    yield "retry: 1000\n\n"
    served = sources.served
    first, sampled, spoke = 0, 0.0, asyncio.get_running_loop().time()
    session = _session(sources)
    after = after if served is None else min(after, served.proxy.query_log.last_number)
    while not closing.is_set():
        events: list[str] = []
        behind = False
        if served is not None:
            log = served.proxy.query_log
            if log.last_number > after or log.first_number != first:
                records = log.records(after, BATCH)
                first, after = log.first_number, records[-1].number if records else log.last_number
                behind = log.last_number > after
                rows = [record_row(record, log.label) for record in records]
                data = {"first_number": first, "last_number": log.last_number, "queries": rows}
                events.append(_event("queries", data, id=after))
        if (now_session := _session(sources)) != session:
            session = now_session
            events.append(_event("session", {}))
        if sources.history is not None:
            latest = [sample for sample in sources.history.latest() if sample.time > sampled]
            if latest:
                sampled = max(sample.time for sample in latest)
                events.append(_event("pools", {"samples": [sample_json(each) for each in latest]}))
        now = asyncio.get_running_loop().time()
        if events:
            spoke = now
            yield "".join(events)
        elif now - spoke > _KEEP_ALIVE_S:
            spoke = now
            yield ": still here\n\n"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01 if behind else INTERVAL_S):
                await closing.wait()


def _session(sources: Sources) -> object:
    """The state that `GET /api/session` and `GET /api/conditions` depend on."""
    if sources.served is None:
        return None
    return dict(sources.served.pools), sources.served.proxy.conditions.describe()


def _event(name: str, data: dict[str, Any], *, id: int | None = None) -> str:
    identified = "" if id is None else f"id: {id}\n"
    return f"event: {name}\n{identified}data: {json.dumps(data, separators=(',', ':'))}\n\n"
