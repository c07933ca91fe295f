"""What follows when queries have ended: counts, the query log, answers kept, writes noted."""

from __future__ import annotations

import asyncio
from time import time
from typing import Protocol

from wrangler_py.cache.counts import ConfigCounts
from wrangler_py.cache.store import StoredResult
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.connection_user import ConnectionUser
from wrangler_py.proxy.observer import Observer, QueryEvent
from wrangler_py.proxy.origin_connection import OriginConnection
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import REFUSED, describe_error
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.query_run import QueryRun, WorkerRequest
from wrangler_py.session.sql_text import SQLText


class AnswerKeeper(Protocol):
    """What the cache of the pool is told."""

    def keep(self, sent_group: SentGroup, *, committed: bool) -> None:
        """A group with a capture has ended; its answer counts if no transaction was open around it."""

    def record_write(self, text: SQLText, request: str | None) -> None:
        """`text` has run and is committed."""


class WriteListener(Protocol):
    """What the pool is told."""

    def dropped(self, databases: frozenset[str]) -> None:
        """These databases are gone."""


class Accounting:
    """That of one pool, which goes by `binding`."""

    def __init__(
        self,
        binding: str,
        counts: ConfigCounts,
        query_log: QueryLog,
        observer: Observer | None,
        keeper: AnswerKeeper,
        listener: WriteListener,
    ) -> None:
        self._binding = binding
        self._counts = counts
        self._record = query_log.add if query_log.max_records else None
        self._observer = observer
        self._keeper = keeper
        self._listener = listener
        self._loop = asyncio.get_running_loop()

    def group_ended(self, connection: OriginConnection, sent_group: SentGroup, status: int) -> None:
        """Counts what the group ran, keeps its answer, notes what it wrote. `status` is 0 when it was cut off."""
        capture = sent_group.capture
        if capture is not None:
            self._keeper.keep(sent_group, committed=status == IDLE)
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
        if writes or status != IDLE or connection.writes:
            self._note_writes(connection.writes.group_ended(queries, status, failed=failed))

    def _note_writes(self, committed: list[QueryRun]) -> None:
        for run in committed:
            self._keeper.record_write(run.text, run.request.id if run.request else None)
            dropped = [statement.drops_databases for statement in run.text.facts.statements]
            if any(dropped):
                self._listener.dropped(frozenset().union(*dropped))

    def answered_from_cache(self, run: QueryRun, result: StoredResult, *, stale: bool = False) -> None:
        """The origin was not asked."""
        size = result.size
        self._counts.add_query(run.status, len(run.sql), size)
        self._add(run, 0.0, 0.0, 0.0, result.tail, size, None, None, False, stale)

    def query_refused(self, client: ClientSession, sql: bytes, response: bytes) -> None:
        """The origin was not asked, and the client got the error in `response` instead."""
        request_id = client.request.id if client.request else None
        in_transaction = client.in_transaction
        if self._record is not None:
            self._record(
                (
                    time(), self._binding, request_id, client.number, sql, b"", b"", REFUSED, 0.0, 0.0, 0.0,
                    b"", len(sql), 0, response, None, in_transaction, False,
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
        if self._record is not None:
            self._record(
                (
                    time(), self._binding, request_id, client, sql, bind, types, status, waited, at_origin,
                    sending, tail, len(sql), result_bytes, error, origin_connection, in_transaction, stale,
                )
            )  # fmt: skip
        observer = self._observer
        if observer is not None and observer.wants_queries:
            self._tell(request, status, at_origin * 1000, sql, error)

    def _tell(
        self, request: WorkerRequest | None, status: str, duration_ms: float, sql: bytes, error: bytes | None
    ) -> None:
        observer = self._observer
        if observer is not None and observer.wants_queries:
            text = sql.decode("utf-8", "replace")
            request_id = request.id if request else None
            shown = describe_error(error) if error else None
            observer.query(QueryEvent(self._binding, request_id, status, duration_ms, text, shown))
