"""What queries come to when they have ended: counts, answers kept, writes noted, lines in the log."""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire.backend_kinds import IDLE, IN_FAILED_TRANSACTION
from wrangler_py.proxy.connection_user import ConnectionUser
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.proxy.query_run import QueryRun
from wrangler_py.querylog.record import REFUSED, describe_error

if TYPE_CHECKING:
    from wrangler_py.cache.store import StoredResult
    from wrangler_py.pgwire.outstanding_requests import SentGroup
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.proxy.worker_requests import Request

MAX_BIND_BYTES = 65_536
"""So much of a query's parameters is remembered."""


class Accounting:
    """That of one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._caching = pool.caching
        self._counts = pool.caching.counts
        self._log = pool.query_log
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
        duration = self._loop.time() - sent_group.sent_at
        waited = sending = 0.0
        owner = sent_group.owner
        if isinstance(owner, ConnectionUser):
            if owner.waiting_since:
                waited = owner.take_wait(sent_group.sent_at)
            sending = owner.take_paused()
            if sending > duration:
                sending = duration
        count = len(queries)
        result_bytes = sent_group.answered_bytes // count
        at_origin = (duration - sending) / count
        writes = False
        for run in queries:
            writes = writes or run.text.writes
            if capture is not None and capture.oversized and run.status is CacheStatus.MISS:
                run = run._replace(status=CacheStatus.OVERSIZED_RESULT)
            self._counts.add_query(run.status, len(run.sql), result_bytes, duration * 1000, failed)
            self._add(
                run, waited, at_origin, sending / count, sent_group.tail, result_bytes,
                sent_group.error, connection.number, status != IDLE or run.in_transaction, False,
            )  # fmt: skip
            waited = 0.0
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

    def answered_from_cache(self, run: QueryRun, result: StoredResult, *, stale: bool = False) -> None:
        """The origin was not asked."""
        size = result.size
        self._counts.add_query(run.status, len(run.sql), size)
        self._add(run, 0.0, 0.0, 0.0, result.tail, size, None, None, False, stale)

    def query_refused(self, client: ClientSession, sql: bytes, response: bytes) -> None:
        """The origin was not asked, and the client got the error in `response` instead."""
        in_transaction = client.in_transaction
        self._log.add(
            (
                time(), self._pool.binding, client.request.id if client.request else None, client.number, sql, b"",
                b"", REFUSED, 0.0, 0.0, 0.0, b"", 0, response, None, in_transaction, False,
            )
        )  # fmt: skip
        self._tell(client.request, REFUSED, 0.0, sql, response)

    def _add(
        self,
        run: QueryRun,
        waited: float,
        at_origin: float,
        sending: float,
        tail: bytes,
        result_bytes: int,
        error: bytes | None,
        origin_connection: int | None,
        in_transaction: bool,
        stale: bool,
    ) -> None:
        """`run` has ended: adds it to the query log and to its request, and tells the observer."""
        sql, text, status, request, client, bind, types, _ = run
        request_id = None
        if request is not None:
            request_id = request.id
            if not text.transaction_control:
                request.counts.add(status)
        if len(bind) > MAX_BIND_BYTES:
            bind = bind[:MAX_BIND_BYTES]
        self._log.add(
            (
                time(), self._pool.binding, request_id, client, sql, bind, types, status, waited, at_origin,
                sending, tail, result_bytes, error, origin_connection, in_transaction, stale,
            )
        )  # fmt: skip
        observer = self._pool.observer
        if observer is not None and observer.wants_queries:
            self._tell(request, status, at_origin * 1000, sql, error)

    def _tell(
        self, request: Request | None, status: str, duration_ms: float, sql: bytes, error: bytes | None
    ) -> None:
        observer = self._pool.observer
        if observer is not None and observer.wants_queries:
            text = sql.decode("utf-8", "replace")
            request_id = request.id if request else None
            shown = describe_error(error) if error else None
            observer.query(QueryEvent(self._pool.binding, request_id, status, duration_ms, text, shown))
