"""What queries come to when they have ended: counts, answers kept, writes noted, lines in the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.proxy.origin import IDLE
from wrangler_py.proxy.query_run import QueryRun

if TYPE_CHECKING:
    from wrangler_py.pgwire.exchange import Exchange
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.pool import Pool


class Accounting:
    """That of one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._caching = pool.caching
        self._stored_code = pool.stored_code
        self._loop = asyncio.get_running_loop()

    def exchange_ended(self, connection: OriginConnection, exchange: Exchange, status: int) -> None:
        """Counts what `exchange` ran, keeps its answer, notes what it wrote. `status` is 0 when it was cut off."""
        capture = exchange.capture
        if capture is not None:
            self._caching.keep(exchange, committed=status == IDLE)
        queries: list[QueryRun] | None = exchange.queries
        if self._stored_code.on_write and self._stored_code.may_have_run(queries or ()):
            connection.dirty = True
        if queries is None:
            return
        failed = exchange.error is not None
        duration_ms = (self._loop.time() - exchange.sent_at) * 1000
        for run in queries:
            if capture is not None and capture.oversized and run.status is CacheStatus.MISS:
                run = run._replace(status=CacheStatus.OVERSIZED_RESULT)
            self.query_ended(run, exchange.answered_bytes // len(queries), duration_ms, failed)
        if self._caching.enabled:
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
            return
        connection.in_failed_transaction = status == ord("E")
        if not failed:
            connection.writes += [run for run in queries if run.text.writes]

    def query_ended(
        self, run: QueryRun, result_bytes: int, duration_ms: float | None, failed: bool = False
    ) -> None:
        """`duration_ms` is None when the origin was not asked."""
        sql, text, status, request = run
        self._caching.counts.add_query(status, len(sql), result_bytes, duration_ms, failed)
        if request is not None and not text.transaction_control:
            request.counts.add(status)
        if self._pool.observer is not None and self._pool.observer.wants_queries:
            self._pool.observer.query(
                QueryEvent(
                    binding=self._pool.binding,
                    request=request.id if request else None,
                    status=status,
                    duration_ms=duration_ms or 0.0,
                    sql=sql.decode("utf-8", "replace"),
                )
            )
