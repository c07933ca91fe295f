"""One query that a client has sent."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from wrangler_py.cache.counts import QueryCounts
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.session.sql_text import SQLText


class WorkerRequest(Protocol):
    """The request of a Worker that a query belongs to."""

    @property
    def id(self) -> str: ...
    @property
    def counts(self) -> QueryCounts: ...


class QueryRun(NamedTuple):
    """What runs, what is known of its text, its cache status, the Worker's request, and the number of the client.

    `bind` is what follows the names in Bind, and `types` are the types of its parameters: a count and the OIDs.
    """

    sql: bytes
    text: SQLText
    status: CacheStatus
    request: WorkerRequest | None
    client: int
    bind: bytes = b""
    types: bytes = b""
    in_transaction: bool = False
