"""The Worker's requests as the proxy sees them: their clients, their queries, their end.

A request's id is the part behind the first dot of a client's user name: `HYPERDRIVE.3-17`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from wrangler_py.cache.counts import QueryCounts

MAX_ENDED = 10_000
"""Ended requests remembered, so that a client that outlives its request gets an error that says so."""


class RequestClient(Protocol):
    """A client, or its login, that belongs to a request."""

    def refuse(self, response: bytes) -> None:
        """Tells the client why, where that is possible, and closes."""

    def forget_request(self) -> None:
        """The request has ended, but the client stays connected."""


@dataclass(slots=True)
class Request:
    """A request of the Worker, and the clients that it has."""

    id: str
    counts: QueryCounts = field(default_factory=QueryCounts)
    clients: set[RequestClient] = field(default_factory=set)

    def add(self, client: RequestClient) -> None:
        self.clients.add(client)

    def remove(self, client: RequestClient) -> None:
        self.clients.discard(client)


class Requests:
    """The requests that have opened a connection, by id, and the ids of those that ended."""

    def __init__(self) -> None:
        self._open: dict[str, Request] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._labels: OrderedDict[str, str] = OrderedDict()
        self.most_connections = 0
        """Most connections that one request held at once."""

    def name(self, id: str, label: str) -> None:
        """Sets the name of the request: `GET /articles`."""
        self._labels[id] = label
        if len(self._labels) > MAX_ENDED:
            self._labels.popitem(last=False)

    def label(self, id: str) -> str | None:
        return self._labels.get(id)

    def enter(self, id: str) -> Request | None:
        """The request `id`, or None if it has ended."""
        if id in self._ended:
            return None
        return self._open.setdefault(id, Request(id))

    def add_client(self, request: Request, client: RequestClient) -> int:
        """`client` belongs to `request`; gives how many do now."""
        request.add(client)
        self.most_connections = max(self.most_connections, len(request.clients))
        return len(request.clients)

    def get(self, id: str) -> Request | None:
        return self._open.get(id)

    def end(self, id: str) -> Request | None:
        self._ended[id] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        return self._open.pop(id, None)
