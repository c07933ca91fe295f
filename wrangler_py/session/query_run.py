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
    """What runs, what is known of its text, its cache status, and the Worker's request that it belongs to."""

    sql: bytes
    text: SQLText
    status: CacheStatus
    request: WorkerRequest | None
