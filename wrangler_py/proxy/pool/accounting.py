"""The accounting of queries that have ended: the query log, answers for the cache, writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from time import monotonic
from typing import Protocol

from librt.time import time as unix_time  # which mypyc calls directly

from wrangler_py.cache.store import StoredResult
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.observer import Observer, QueryEvent
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.querylog.incidents import Incident
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import REFUSED, describe_error
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.query_run import QueryRun, WorkerRequest
from wrangler_py.session.sql_text import SQLText
from wrangler_py.session.translation.asked_queries import AskedQuery, asked_queries

_End = tuple[QueryRun, bytes, bytes | None]
"""A query, the end of its answer, and its error."""


class AnswerKeeper(Protocol):
    """The pool's cache, as the accounting sees it."""

    def keep(self, sent_group: SentGroup, *, committed: bool) -> None:
        """A group with a capture has ended; its answer counts if no transaction was open around it."""

    def record_write(self, text: SQLText, request: str | None) -> None:
        """`text` has run and is committed."""


class WriteListener(Protocol):
    """The pool, as the accounting sees it."""

    def dropped(self, databases: frozenset[str]) -> None:
        """These databases are gone."""


class FailingClient(Protocol):
    """A client whose queries fail in the proxy."""

    session: ClientSession
    origin: OriginConnection | None
    waiting_since: float

    def take_wait(self, until: float) -> float:
        """How many seconds it has waited for the connection; counted once."""


class Accounting:
    """The accounting of one pool; `binding` names it in the query log."""

    def __init__(
        self,
        binding: str,
        query_log: QueryLog,
        observer: Observer | None,
        keeper: AnswerKeeper,
        listener: WriteListener,
    ) -> None:
        self._binding = binding
        self._query_log = query_log
        self._observer = observer
        self._keeper = keeper
        self._listener = listener

    def group_ended(self, connection: OriginConnection, sent_group: SentGroup, status: int) -> None:
        """Records what the group ran, keeps its answer, notes what it wrote. `status` is 0 when it was cut off."""
        capture = sent_group.capture
        if capture is not None:
            self._keeper.keep(sent_group, committed=status == IDLE)
        queries: list[QueryRun] | None = sent_group.queries
        if queries is None:
            return
        failed = sent_group.error is not None
        duration = connection.answered_at - sent_group.sent_at
        waited = sending = 0.0
        client = connection.client
        if client is not None:
            if client.waiting_since:
                waited = client.take_wait(sent_group.sent_at)
            if client.paused_s or client.write_paused:
                sending = min(client.take_paused(), duration)
        if connection.distance is not None:
            cost = connection.distance.take_cost()
            if (request := queries[0].request) is not None:
                request.counts.add_distance(cost, waited + duration)
        if capture is not None and capture.oversized:
            for run in queries:
                run.answer_is_oversized()
        count = len(queries)
        if count == 1:
            run = queries[0]
            writes = run.text.writes
            self._add(
                run, waited, duration - sending, sending, sent_group.tail, sent_group.answered_bytes,
                sent_group.error, connection.number, status != IDLE or run.in_transaction, False,
            )  # fmt: skip
        else:
            writes = any(run.text.writes for run in queries)
            for run, tail, error in _ends_of_several(queries, sent_group):
                self._add(
                    run, waited, (duration - sending) / count, sending / count, tail,
                    sent_group.answered_bytes // count, error, connection.number,
                    status != IDLE or run.in_transaction, False,
                )  # fmt: skip
                waited = 0.0
        if writes or status != IDLE or connection.writes.is_open:
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
        self._add(run, 0.0, 0.0, 0.0, result.tail, size, None, None, False, stale)

    def query_refused(self, client: ClientSession, sql: bytes, response: bytes) -> None:
        """The origin was not asked, and the client got the error in `response` instead."""
        request_id = client.request.id if client.request else None
        in_transaction = client.in_transaction
        self._query_log.add(
            (
                unix_time(), self._binding, request_id, client.number, sql, b"", b"", REFUSED, 0.0, 0.0, 0.0,
                b"", len(sql), 0, response, None, in_transaction, False,
            )
        )  # fmt: skip
        self._tell(client.request, REFUSED, 0.0, sql, response)

    def group_failed(self, client: FailingClient, group: list[Piece], response: bytes) -> None:
        """The origin could not be asked what is in `group`."""
        with contextlib.suppress(ProtocolError):
            for query in asked_queries(client.session, group):
                self.query_failed(client, query, response)

    def query_failed(self, client: FailingClient, query: AskedQuery, response: bytes) -> None:
        """The client got the error in `response` in the place of an answer."""
        sql, statement, bind, _ = query
        session = client.session
        text = session.text(sql)
        status = text.verdict.status or CacheStatus.MISS if session.shared.caching else CacheStatus.DISABLED
        types = statement.types if statement is not None else b""
        run = QueryRun(sql, text, status, session.request, session.number, bind, types)
        waited = client.take_wait(monotonic()) if client.waiting_since else 0.0
        in_transaction = client.origin is not None and client.origin.stream.transaction_status != IDLE
        self._add(run, waited, 0.0, 0.0, b"", 0, response, None, in_transaction, False)

    def left_in_transaction(self, session: ClientSession, label: str | None, origin: OriginConnection) -> None:
        """A client has disconnected without ending its transaction; `label` is the name of its request."""
        request = session.request
        self._query_log.note(
            Incident(
                kind="left-in-transaction",
                binding=self._binding,
                request_id=request.id if request is not None else None,
                label=label,
                client=session.number,
                origin_connection=origin.number,
            )
        )

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
        sql, status, request = run.sql, run.status, run.request
        request_id = None
        if request is not None:
            request_id = request.id
            if not run.text.transaction_control:
                request.counts.add(status)
        self._query_log.add(
            (
                unix_time(), self._binding, request_id, run.client, sql, run.bind, run.types, status, waited,
                at_origin, sending, tail, len(sql), result_bytes, error, origin_connection, in_transaction, stale,
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


def _ends_of_several(queries: list[QueryRun], sent_group: SentGroup) -> Iterator[_End]:
    """How each query of a group with several has ended: those before the one that failed have been answered."""
    completed, error = sent_group.completed, sent_group.error
    if error is None and len(completed) != len(queries):
        completed = ()  # which of them is whose is unknown
    for index, run in enumerate(queries):
        if not completed:
            yield run, sent_group.tail, error
        elif index < len(completed):
            yield run, completed[index], None
        else:
            yield run, b"", error
