"""One query of a client, on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wrangler_py.cache.verdict import CacheStatus

if TYPE_CHECKING:
    from wrangler_py.proxy.worker_requests import Request
    from wrangler_py.session.sql_text import SQLText


class QueryRun(NamedTuple):
    """What is run, what is known of it, with what cache status, for which request of the Worker, by which client.

    `bind` is what follows the names in Bind, and `types` are the types of its parameters: a count and the OIDs.
    """

    sql: bytes
    text: SQLText
    status: CacheStatus
    request: Request | None
    client: int
    bind: bytes = b""
    types: bytes = b""
    in_transaction: bool = False
