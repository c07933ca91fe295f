"""A snapshot of a pool for display: its size, its waiting clients, and the state of each origin connection."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.worker_requests import Requests
from wrangler_py.session.client_session import ClientSession

State = Literal["idle", "in a query", "in a transaction", "pinned", "resetting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSnapshot:
    """One origin connection. `number` is its number in the query log, `process_id` its process at the server.

    `client` is the number of the client that uses it, and `request_id` that client's request of the Worker.
    `opened_at` is in Unix seconds.
    """

    number: int
    process_id: int
    state: State
    why_pinned: str | None
    client: int | None
    request_id: str | None
    request: str | None
    prepared_statements: int
    opened_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSnapshot:
    """`at` is in Unix seconds. `opening` counts connections that are not ready yet."""

    binding: str
    database: str
    at: float
    size_maximum: int
    waiting_clients: int
    clients: int
    opening: int
    connections: tuple[ConnectionSnapshot, ...]

    @property
    def open_connections(self) -> int:
        return len(self.connections)

    @property
    def idle_connections(self) -> int:
        return sum(each.state == "idle" for each in self.connections)


def take_snapshot(
    binding: str,
    config: PoolConfig,
    connections: Iterable[OriginConnection],
    requests: Requests,
    *,
    waiting: int,
    clients: int,
    opening: int,
) -> PoolSnapshot:
    """The pool with these `connections` as it is now."""
    return PoolSnapshot(
        binding=binding,
        database=config.origin.database,
        at=time.time(),
        size_maximum=config.connection_limit,
        waiting_clients=waiting,
        clients=clients,
        opening=opening,
        connections=tuple(
            sorted((_connection(requests, each) for each in connections), key=lambda each: each.number)
        ),
    )


def _connection(requests: Requests, connection: OriginConnection) -> ConnectionSnapshot:
    client = connection.client.client_session if connection.client is not None else None
    request = client.request if client is not None else None
    return ConnectionSnapshot(
        number=connection.number,
        process_id=connection.process_id,
        state=_state(connection),
        why_pinned=client.why_pinned if client is not None else None,
        client=client.number or None if client is not None else None,
        request_id=request.id if request is not None else None,
        request=requests.label(request.id) if request is not None else None,
        prepared_statements=len(connection.session.prepared),
        opened_at=connection.opened_at,
    )


def _state(connection: OriginConnection) -> State:
    if connection.idle:
        return "idle"
    if connection.client is None:
        return "resetting"
    client: ClientSession | None = connection.client.client_session
    if client is not None and client.pinned:
        return "pinned"
    if connection.stream.queue:
        return "in a query"
    return "in a query" if connection.stream.transaction_status == IDLE else "in a transaction"
