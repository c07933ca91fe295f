"""One query of a client, on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wrangler_py.cache.verdict import CacheStatus

if TYPE_CHECKING:
    from wrangler_py.proxy.worker_requests import Request
    from wrangler_py.session.sql_text import SQLText


class QueryRun(NamedTuple):
    """What is run, what is known of it, with what cache status, and for which of the Worker's requests."""

    sql: bytes
    text: SQLText
    status: CacheStatus
    request: Request | None
