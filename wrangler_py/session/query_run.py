"""One query that a client has sent."""

from __future__ import annotations

from typing import Protocol

from wrangler_py.cache.counts import QueryCounts
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.session.sql_text import SQLText


class WorkerRequest(Protocol):
    """The request of a Worker that a query belongs to."""

    @property
    def id(self) -> str: ...
    @property
    def counts(self) -> QueryCounts: ...


class QueryRun:
    """What runs, what is known of its text, its cache status, the Worker's request, and the number of the client.

    `bind` is what follows the names in Bind, and `types` are the types of its parameters: a count and the OIDs.
    """

    __slots__ = ("bind", "client", "in_transaction", "request", "sql", "status", "text", "types")

    def __init__(
        self,
        sql: bytes,
        text: SQLText,
        status: CacheStatus,
        request: WorkerRequest | None,
        client: int,
        bind: bytes = b"",
        types: bytes = b"",
        in_transaction: bool = False,
    ) -> None:
        self.sql = sql
        self.text = text
        self.status = status
        self.request = request
        self.client = client
        self.bind = bind
        self.types = types
        self.in_transaction = in_transaction

    def answer_is_oversized(self) -> None:
        """Its answer was too long to be kept."""
        if self.status is CacheStatus.MISS:
            self.status = CacheStatus.OVERSIZED_RESULT
