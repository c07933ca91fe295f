"""What queries come to when they have ended: counts, answers kept, writes noted, lines in the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import IDLE, IN_FAILED_TRANSACTION
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.proxy.query_run import QueryRun

if TYPE_CHECKING:
    from wrangler_py.pgwire.outstanding_requests import SentGroup
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.proxy.worker_requests import Request


class Accounting:
    """That of one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._caching = pool.caching
        self._loop = asyncio.get_running_loop()

    def group_ended(self, connection: OriginConnection, sent_group: SentGroup, status: int) -> None:
        """Counts what `group` ran, keeps its answer, notes what it wrote. `status` is 0 when it was cut off."""
        capture = sent_group.capture
        if capture is not None:
            self._caching.keep(sent_group, committed=status == IDLE)
        queries: list[QueryRun] | None = sent_group.queries
        if queries is None:
            return
        failed = sent_group.error is not None
        error = _shown(sent_group.error) if sent_group.error and len(queries) == 1 else None
        duration_ms = (self._loop.time() - sent_group.sent_at) * 1000
        writes = False
        for run in queries:
            writes = writes or run.text.writes
            if capture is not None and capture.oversized and run.status is CacheStatus.MISS:
                run = run._replace(status=CacheStatus.OVERSIZED_RESULT)
            self.query_ended(run, sent_group.answered_bytes // len(queries), duration_ms, failed, error)
        if writes or status != IDLE or connection.writes or connection.in_failed_transaction:
            self._note_writes(connection, queries, status, failed=failed)

    def _note_writes(
        self, connection: OriginConnection, queries: list[QueryRun], status: int, *, failed: bool
    ) -> None:
        if status == IDLE:
            undone = failed or connection.in_failed_transaction or any(run.text.rolls_back for run in queries)
            written = [] if undone else [*connection.writes, *(run for run in queries if run.text.writes)]
            connection.writes = []
            connection.in_failed_transaction = False
            for run in written:
                self._caching.record_write(run.text, run.request.id if run.request else None)
                dropped = [statement.drops_databases for statement in run.text.facts.statements]
                if any(dropped):
                    self._pool.dropped(frozenset().union(*dropped))
            return
        connection.in_failed_transaction = status == IN_FAILED_TRANSACTION
        if not failed:
            connection.writes += [run for run in queries if run.text.writes]

    def query_ended(
        self,
        run: QueryRun,
        result_bytes: int,
        duration_ms: float | None,
        failed: bool = False,
        error: str | None = None,
    ) -> None:
        """`duration_ms` is None when the origin was not asked; `error` is what is known of why it failed."""
        sql, text, status, request = run
        self._caching.counts.add_query(status, len(sql), result_bytes, duration_ms, failed)
        if request is not None and not text.transaction_control:
            request.counts.add(status)
        self._tell(request, status, duration_ms or 0.0, sql, error)

    def query_refused(self, request: Request | None, sql: bytes, response: bytes) -> None:
        """The origin was not asked, and the client got the error in `response` instead."""
        self._tell(request, "refused", 0.0, sql, _shown(response))

    def _tell(
        self, request: Request | None, status: str, duration_ms: float, sql: bytes, error: str | None
    ) -> None:
        observer = self._pool.observer
        if observer is not None and observer.wants_queries:
            text = sql.decode("utf-8", "replace")
            request_id = request.id if request else None
            observer.query(QueryEvent(self._pool.binding, request_id, status, duration_ms, text, error))


def _shown(response: bytes) -> str:
    """An ErrorResponse, as its message and SQLSTATE."""
    fields = messages.parse_report(response[5:])
    return f"{fields.get('M', '')} ({fields.get('C', '')})"
