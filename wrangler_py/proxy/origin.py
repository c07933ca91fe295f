"""One connection to the origin: sends sent groups, hands their answers to whoever owns them, keeps the books.

The protocol's meaning is `pgwire.origin_stream`'s; opening a connection is `proxy.connect`'s.
"""

from __future__ import annotations

import asyncio
import re
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import ref

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import ERROR_RESPONSE, IDLE, PARAMETER_DESCRIPTION
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.distance import DistantTransport
from wrangler_py.querylog.record import TAIL_BYTES
from wrangler_py.session.origin_session import RESET_ANSWER, OriginSession
from wrangler_py.session.statements import POOL_NAME
from wrangler_py.session.stored_code import CATALOG_QUERY

if TYPE_CHECKING:
    from wrangler_py.hyperdrive.config import PoolConfig
    from wrangler_py.pgwire.origin_startup import OriginStartup
    from wrangler_py.proxy.connection_user import ConnectionUser
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.proxy.query_run import QueryRun
    from wrangler_py.session.settings import SessionSettings

_COLUMNS_CHANGED = re.compile(rb"\0C0A000\0(?s:.*)\0RRevalidateCachedQuery\0")
_REFUSED = re.compile(rb"\0VERROR\0")
_INTERRUPTED = re.compile(rb"\0C57")
"""SQLSTATE class 57, Operator Intervention: cancelled, or the server shuts down."""
_PLAN_IS_STALE = re.compile(_COLUMNS_CHANGED.pattern + rb"|\0CXX000\0Mcache lookup failed for ")


class Collector:
    """Keeps the answers to one of the proxy's own sent groups."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class OriginConnection(asyncio.Protocol):
    """Ready for queries once `stream` is there; in a pool's hands from then on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, config: PoolConfig) -> None:
        self._loop = loop
        self.config = config
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything is sent
        self.distance: DistantTransport | None = None
        self.sent_groups = 0
        """How many groups it has sent so far."""
        self.startup: OriginStartup | None = None
        self.tls_answer: asyncio.Future[bytes] | None = None
        self.started: asyncio.Future[None] = loop.create_future()
        self.started.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.stream: OriginStream = None  # type: ignore[assignment]  # set when start-up is over
        self.pool: Pool = None  # type: ignore[assignment]
        self.client: ConnectionUser | None = None
        self.session: OriginSession = None  # type: ignore[assignment]  # set when it joins a pool
        self.number = 0
        """Among the connections of its pool, from 1 on."""
        self.opened_at = 0.0
        """In Unix seconds."""
        self.process_id = 0
        self.secret = b""
        self._used_by: Callable[[], object] | None = None
        """A weak reference to whoever has used it since the last reset."""
        self._unsent = b""
        """A reset that goes out with what is sent next."""
        self.write_paused = False
        self.closed = False
        self.retired = False
        self.idle = False
        """It is in the pool, for anyone to use."""
        self.idle_since = 0.0
        self.cancelling = 0
        self.release_pending = False
        self.writes: list[QueryRun] = []
        """What was written in the transaction that is open."""
        self.in_failed_transaction = False
        self.abandoned_at: float | None = None
        self.cancelled_at: float | None = None
        """When what runs was cancelled for taking too long."""
        self._told = False
        self._held_back = b""
        """An error that the client may not have to know of, and what came behind it."""
        self._poll: Callable[[], bool] | None = None

    def join(self, pool: Pool, settings: SessionSettings, number: int) -> None:
        """Start-up is over: the connection is one of `pool`, opened with `settings`."""
        self.pool = pool
        self.number = number
        self.opened_at = time.time()
        self.session = OriginSession(settings, pool.stored_code)
        self.stream.show_process_ids(pool.process_ids)

    # --- start-up ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def begin(self, startup: OriginStartup) -> None:
        self.startup = startup
        self.transport.write(startup.start())

    def _continue_startup(self, startup: OriginStartup, data: bytes) -> None:
        try:
            answer = startup.receive(data)
        except Exception as error:
            if not self.started.done():
                self.started.set_exception(error)
            self.transport.abort()
            return
        if answer:
            self.transport.write(answer)
        if startup.ready:
            self.stream = OriginStream(startup.parameters)
            self.process_id, self.secret = startup.process_id, startup.secret
            self.startup = None
            self._poll = _readable_now(self.transport)
            if not self.started.done():
                self.started.set_result(None)

    # --- asyncio's side ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.stream is None:
            if self.tls_answer is not None and not self.tls_answer.done():
                self.tls_answer.set_result(data)
            elif self.startup is not None:
                self._continue_startup(self.startup, data)
            return
        answers = self.stream.receive(data)
        for sent_group, output, status in answers:
            if sent_group is None:
                if self.client is not None:
                    self.client.write(output)
                    self._told = output[0] == ERROR_RESPONSE
                continue
            if output and sent_group.error:
                output = self._told_of_error(sent_group, sent_group.error, output)
            if sent_group.unfinished:
                unfinished = sent_group.take_unfinished()
                client = self._client_of(sent_group)
                if client is not None:
                    before = (sent_group.outstanding or [])[: -len(unfinished)]
                    client.steps_skipped(unfinished, before, sent_group.error or b"")
                self.session.undo(unfinished)
            if output:
                sent_group.note_answer(output, TAIL_BYTES)
                if sent_group.owner is not None:
                    sent_group.owner.write(output)
                if sent_group.capture is not None:
                    sent_group.capture.feed(output)
            if status:
                if self.stream.queue:
                    self.stream.queue[0].sent_at = self._loop.time()
                if status == IDLE and self.session.take_schema_change():
                    self.pool.schema_changed()
                if sent_group.error is not None:
                    self.session.failed(sent_group.error)
                    if _PLAN_IS_STALE.search(sent_group.error):
                        self.pool.schema_changed()
                    if self._held_back:
                        self._try_again(sent_group, alone=answers[-1][0] is sent_group)
                if sent_group.queries is not None or sent_group.capture is not None:
                    self.pool.accounting.group_ended(self, sent_group, status)
                if sent_group.done is not None:
                    sent_group.done(sent_group)
        if self.stream.dropped:
            for sent_group in self.stream.take_dropped():
                self._cut_off(sent_group)
        if self.stream.broken is not None:
            self.pool.notice(f"protocol error from the origin: {self.stream.broken}")
            self.abort()
        elif self.client is None and self.stream.syncs_uncertain:
            self.abort()
        if self.closed:
            return
        if not self.stream.queue:
            self._quiet()
        elif self.client is None:
            self._end_for_nobody()
        elif self.client.waiting and (self.stream.copy_in or not self.stream.queue[-1].closed):
            # The origin waits, too: for COPY data, or the Sync of what has failed.
            if self.stream.copy_in or not self.stream.syncs_uncertain:
                self.client.granted(self)
            elif self.stream.queue[-1].failed:
                self.abort()  # what the client has sent is skipped, or not: that can't be told

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self.stream is None:
            failure = error or ConnectionResetError("the origin closed the connection")
            for waiting in (self.tls_answer, self.started):
                if waiting is not None and not waiting.done():
                    waiting.set_exception(failure)
            return
        client, self.client = self.client, None
        if self.pool is None:
            return
        lost = self.stream.take_queue()
        self.pool.connection_lost(self)
        for sent_group in lost:
            sent_group.skip()
            self._cut_off(sent_group)
        if client is not None:
            told = self._told or (bool(lost) and bool(lost[0].error) and not self._held_back)
            client.origin_lost(told=told, mid_message=self.stream.mid_message)

    def _cut_off(self, sent_group: SentGroup) -> None:
        """`group` gets no answer any more."""
        if sent_group.queries is not None or sent_group.capture is not None:
            self.pool.accounting.group_ended(self, sent_group, 0)
        if sent_group.done is not None:
            sent_group.done(sent_group)

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.client is not None:
            self.client.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.client is not None:
            self.client.resume_reading()

    def pause_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # --- sending -------------------------------------------------------------------------------------------

    def be_distant(self, round_trip_s: Callable[[], float], cost_s: float = 0.0) -> None:
        """Has what is sent arrive as much later as `round_trip_s` says; the distance has cost `cost_s` already."""
        if self.distance is None:
            self.distance = DistantTransport(self._loop, self.transport, self, round_trip_s, cost_s)
            self.transport = self.distance

    def send(self, sent_group: SentGroup, data: bytes) -> None:
        self.sent_groups += 1
        sent_group.note_sent(data, self._loop.time())
        self.stream.send(sent_group)
        if self._unsent:
            data, self._unsent = self._unsent + data, b""
        self.transport.write(data)

    def flush(self) -> None:
        """Sends a reset that nothing was sent behind."""
        if self._unsent:
            data, self._unsent = self._unsent, b""
            self.transport.write(data)

    def prepare_for(self, client: ConnectionUser) -> None:
        """Called before `client` sends its first query over this connection, which it has just been given.

        Whatever was run for somebody else, the session is reset after it: behind the reset comes the query, in the
        same write.
        """
        if not self.was_used_by(client):
            self._used_by = ref(client)
            client.last_origin = self
            if not self.session.pristine:
                self.reset_ahead()

    def was_used_by(self, client: ConnectionUser) -> bool:
        return self._used_by is not None and self._used_by() is client

    def reset_ahead(self) -> None:
        """Resets the session in front of what is sent next."""
        if not self.stream.queue:
            self.session.nothing_under_way()
        sent_group = SentGroup(None, simple=True, done=self._must_succeed, expected=RESET_ANSWER)
        sent_group.note_sent(b"", self._loop.time())
        self.stream.send(sent_group)
        self._unsent += self._reset_query()

    def run(self, sql: str, done: Callable[[SentGroup], None], owner: Collector | None = None) -> None:
        """Runs the proxy's own `sql`; `done` is called when it has ended, with its error if it had one."""
        self.session.parse_unnamed(None)
        self.send(SentGroup(owner, simple=True, done=done), messages.query(sql))

    # --- between sent groups ---------------------------------------------------------------------------------

    def _quiet(self) -> None:
        """All that was sent has been answered."""
        if self.stream.unresolved_syncs:
            self.run("", lambda _: self.stream.resolve_syncs())
            return
        client = self.client
        if client is not None and client.waiting:
            client.granted(self)  # what it waited with depended on those answers
        elif self.stream.transaction_status == IDLE:
            if client is None:
                self.settle()
            elif client.lets_go():
                self.release()
        elif client is None and not self.release_pending:
            # Whoever leaves in the middle of a transaction may have come to grief: the next one starts afresh.
            self.session.leave_dirty(drop_statements=True)
            if self.writes and not self.in_failed_transaction:
                self.pool.say_rolled_back(self.writes)
            self.writes = []
            self.in_failed_transaction = False
            self.run("ROLLBACK", lambda _: None)

    def message_ended(self) -> None:
        """The client has sent the end of a long message, which may have been answered before that."""
        if not self.stream.queue and not self.closed:
            self._quiet()

    def release(self) -> None:
        """Takes the connection from its client: to the next one, after a reset if it was dirtied."""
        client = self.client
        if client is not None:
            client.origin = None
            self.client = None
            if self.stream.parameters_changed and client.settings is not None:
                client.write(client.settings.corrections(self.stream.parameters))
            if client.write_paused:
                self.resume_reading()
            if self.write_paused:
                client.resume_reading()
        self.release_pending = True
        self.settle()

    def abandon(self) -> None:
        """The client is gone. What it asked for ends unheard; an open transaction is rolled back."""
        for sent_group in self.stream.queue:
            sent_group.disown()
        self.client = None
        if self.stream.syncs_uncertain:
            self.abort()
            return
        self.release_pending = False
        self.resume_reading()
        if not self.stream.queue:
            self._quiet()
            return
        self.abandoned_at = self._loop.time()
        self._end_for_nobody()

    def _end_for_nobody(self) -> None:
        """Sends what the client that is gone owes."""
        if self.stream.copy_in:
            self._fail_copy()
        elif not self.stream.queue[-1].closed:
            # Should this be a COPY: a Sync alone would be ignored there, but not if that has failed meanwhile.
            self.stream.end_copy_data()
            self.stream.queue[-1].close()
            self.transport.write(messages.copy_fail(b"the client is gone") + messages.SYNC)

    def _fail_copy(self) -> None:
        sent_group = self.stream.queue[0]
        self.stream.end_copy_data()
        data = messages.copy_fail(b"the client is gone")
        if not sent_group.closed:
            sent_group.close()
            data += messages.SYNC
        self.transport.write(data)

    def settle(self) -> None:
        """Idle and nobody's: clean up what has to be, then back to the pool."""
        self.abandoned_at = self.cancelled_at = None
        if self.cancelling or self.closed:
            self.release_pending = True
            return
        self.release_pending = False
        session = self.session
        if session.spent:
            self.pool.replace(self)
            return
        if self.stream.take_parameters_changed() and self.stream.parameters != session.settings.parameters:
            session.leave_dirty()
        if session.take_anything():  # what may have prepared statements may have made triggers, too
            self.pool.stored_code.forget()
        looks_up = self.pool.stored_code.wanted and not self.retired
        if looks_up and not session.pristine:
            session.leave_dirty()
        if not (session.dirty or looks_up or session.has_statements_in_doubt):
            if not self.idle:
                self.pool.available(self)
            return
        self.pool.not_idle(self)
        if session.has_statements_in_doubt:
            self.send(SentGroup(None), session.close_statements_in_doubt())
        if session.dirty:
            self.send(SentGroup(None, simple=True, done=self._reset_done), self._reset_query())
        if looks_up:
            self._look_up_stored_code()

    def _reset_query(self) -> bytes:
        standby = self.stream.parameters.get("in_hot_standby") == "on"
        return self.session.reset(by_discard_all=standby or self.pool.reset_was_refused)

    def _look_up_stored_code(self) -> None:
        """Asks the catalog for it, behind what is under way."""
        stored_code = self.pool.stored_code
        generation = stored_code.begin_look_up()
        collector = Collector()

        def done(sent_group: SentGroup) -> None:
            rows = messages.text_rows(collector.data) if sent_group.error is None else None
            if stored_code.end_look_up(generation, rows, lost=sent_group.error == b""):
                self.pool.code_was_made_elsewhere()

        self.run(CATALOG_QUERY, done, collector)

    def _must_succeed(self, sent_group: SentGroup) -> None:
        if sent_group.error is not None:
            if _REFUSED.search(sent_group.error) and not _INTERRUPTED.search(sent_group.error):
                self.pool.reset_refused()
            self.abort()

    def _reset_done(self, sent_group: SentGroup) -> None:
        """Nothing was sent behind this reset, so what is reported now are the origin's defaults."""
        self._must_succeed(sent_group)
        self.stream.take_parameters_changed()
        if sent_group.error is None and self.session.settings is self.pool.baseline:
            self.pool.defaults_are(self.stream.parameters)

    # --- cancelling ----------------------------------------------------------------------------------------

    def cancel_begins(self) -> None:
        self.cancelling += 1

    def cancel_ended(self) -> None:
        """The origin has passed the cancel on. If its query had ended by then, the next one must not be hit:
        a round trip of our own takes it."""
        self.cancelling -= 1
        if not self.cancelling and self.release_pending and not self.closed:
            self.release_pending = False
            self.run("", lambda _: None)

    # --- books ---------------------------------------------------------------------------------------------

    def _told_of_error(self, sent_group: SentGroup, error: bytes, output: bytes) -> bytes:
        """What the client gets of `output`, in which is the error of `group`, or what came behind it."""
        if self._held_back:
            self._held_back += output
            return b""
        # The first answer to Describe of a statement, `t`, comes before a server looks at the columns.
        client = self._client_of(sent_group)
        if (
            client is not None
            and not sent_group.answered_bytes
            and output[0] in (ERROR_RESPONSE, PARAMETER_DESCRIPTION)
        ):
            if sent_group.outstanding is None:
                client.failed_at_once(sent_group)
            if sent_group.closed and self.stream.transaction_status == IDLE and _COLUMNS_CHANGED.search(error):
                self._held_back = output
                return b""
        return self._in_clients_words(error, output)

    def _try_again(self, sent_group: SentGroup, *, alone: bool) -> None:
        """`group` has ended, and the client knows of no error yet. `alone`: nothing behind it was answered."""
        held_back, self._held_back = self._held_back, b""
        again = None
        client = self._client_of(sent_group)
        if client is not None and alone and not self.stream.queue:
            again = client.prepared_anew(sent_group)
        if again is not None:
            self.session.runs_own_query()
            self.send(*again)
        elif sent_group.owner is not None:
            sent_group.owner.write(held_back)

    def _client_of(self, sent_group: SentGroup) -> ConnectionUser | None:
        """Whoever holds this connection, if it is theirs and not an errand of the proxy's own."""
        return self.client if sent_group.owner is self.client else None

    def _in_clients_words(self, error: bytes, output: bytes) -> bytes:
        """`output`, its error naming statements as the client does."""
        if self.client is None or POOL_NAME.search(error) is None:
            return output
        return output.replace(error, self.client.in_its_words(error), 1)

    # --- life ----------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether the origin has said something, such as good-bye, that has not been read yet."""
        return self._poll is not None and self._poll()

    def close(self) -> None:
        self.closed = True
        if not self.transport.is_closing():
            self.transport.write(messages.TERMINATE)
            self.transport.close()

    def abort(self) -> None:
        self.closed = True
        self.transport.abort()


def _readable_now(transport: asyncio.BaseTransport) -> Callable[[], bool] | None:
    sock = transport.get_extra_info("socket")
    if sock is None:
        return None
    descriptor = sock.fileno()
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return lambda: bool(poller.poll(0))
    return lambda: bool(select.select([descriptor], [], [], 0)[0])
