"""Finds clients that wait for a connection that will not come, because the waiting clients hold all of them.

A request that has a transaction open on the last connection, and asks for another one, waits for itself until the
pool gives up. The same goes for several requests that hold one each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionUser
from wrangler_py.proxy.worker_requests import Requests
from wrangler_py.querylog.incidents import Incident
from wrangler_py.querylog.log import QueryLog

LOOK_EVERY_S = 0.1
"""If all connections were unused for this long while a client waited, they count as held."""


class WatchedPool(Protocol):
    """The pool, as its watch sees it."""

    binding: str
    config: PoolConfig
    options: ProxyOptions
    requests: Requests
    query_log: QueryLog
    connections: set[OriginConnection]
    closed: bool

    @property
    def waiting(self) -> int: ...
    @property
    def waiting_users(self) -> Sequence[ConnectionUser[OriginConnection]]: ...
    @property
    def opening(self) -> int: ...
    def notice(self, message: str) -> None: ...


class DeadlockWatch:
    """The watch of one pool. It looks while clients wait, and costs nothing otherwise."""

    def __init__(self, pool: WatchedPool) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._before: frozenset[tuple[int, int]] = frozenset()
        self._said: set[str | None] = set()

    def somebody_waits(self) -> None:
        """A client has begun to wait for a connection."""
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._timer = None
        pool = self._pool
        if pool.closed or not pool.waiting:
            self._before = frozenset()
            self._said.clear()
            return
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)
        held = self._all_held_open()
        now = frozenset((connection.number, connection.sent_groups) for connection in held)
        if held and now == self._before:
            self._say(held)
        self._before = now

    def _all_held_open(self) -> list[OriginConnection]:
        """All connections, if each is held by a client that runs nothing and doesn't give it back, and no other can
        be opened."""
        pool = self._pool
        connections = list(pool.connections)
        if pool.opening or len(connections) < pool.config.connection_limit:
            return []
        for connection in connections:
            in_transaction = connection.stream.transaction_status != IDLE
            if connection.client is None or connection.stream.queue:
                return []
            session = connection.client.client_session
            if not in_transaction and not (session is not None and session.pinned):
                return []
        return connections

    def _say(self, held: list[OriginConnection]) -> None:
        pool = self._pool
        waiting = {client.request_id for client in pool.waiting_users}
        holders = {connection.client.request_id for connection in held if connection.client is not None}
        if not holders <= waiting:
            return  # a holder that doesn't wait may go on, and release its connection
        for request_id in sorted(holders - self._said, key=str):
            self._said.add(request_id)
            label = pool.requests.label(request_id) if request_id is not None else None
            incident = Incident(
                kind="self-deadlock",
                binding=pool.binding,
                request_id=request_id,
                label=label,
                client=0,
                connections=len(held),
                timeout_s=pool.options.pool_wait_timeout_s,
            )
            pool.query_log.note(incident)
            pool.notice(incident.message)
