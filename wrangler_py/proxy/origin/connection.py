"""One connection to the origin: sends groups of messages, and hands each answer to whoever asked.

What the protocol means is known to `pgwire.origin_stream`, and what the session has to `session.origin_session`;
`proxy.connect` opens connections.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import ERROR_RESPONSE, IDLE
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import Receiver, SentGroup
from wrangler_py.proxy.origin.connection_owner import ConnectionOwner
from wrangler_py.proxy.origin.connection_user import ConnectionUser
from wrangler_py.proxy.origin.distance import DistantTransport
from wrangler_py.proxy.origin.socket_poll import poll_of
from wrangler_py.proxy.origin.write_queue import WriteQueue
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.stored_code import CATALOG_QUERY
from wrangler_py.session.translation.error_answers import ErrorAnswers, shows_stale_plan
from wrangler_py.session.writes import TransactionWrites

_monotonic: Final = time.monotonic
_CANCELLED = b"\0C57014\0"
_CLIENT_IS_GONE = messages.copy_fail(b"the client is gone")


class Collector:
    """Keeps the answers to one of the proxy's own groups."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class OriginConnection:
    """A connection that is ready for queries, in the hands of a pool once it has joined one.

    `client` uses it now. `idle`: it is in the pool, for anyone to use. `retired`: it is closed when it becomes
    free. asyncio calls it as a protocol; it has no base class of asyncio's, so that mypyc can make a native class
    of it.
    """

    def __init__(
        self, config: PoolConfig, transport: asyncio.Transport, stream: OriginStream, process_id: int, secret: bytes
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.config = config
        self.transport = transport
        self.stream = stream
        self.process_id = process_id
        self.secret = secret
        self.pool: ConnectionOwner[OriginConnection] = None  # type: ignore[assignment]  # set when it joins one
        self.session: OriginSession = None  # type: ignore[assignment]  # likewise
        self._errors: ErrorAnswers = None  # type: ignore[assignment]  # likewise
        self._writes: WriteQueue = None  # type: ignore[assignment]  # likewise
        self.distance: DistantTransport | None = None
        self.sent_groups = 0
        """How many groups it has sent so far."""
        self.number = 0
        """Among the connections of its pool, from 1 on."""
        self.opened_at = time.time()
        """In Unix seconds."""
        self.client: ConnectionUser[Any] | None = None
        self.writes = TransactionWrites()
        self.write_paused = False
        self.closed = False
        self.retired = False
        self.idle = False
        self.answered_at = _monotonic()
        """When the origin last sent anything, or was lost."""
        self.idle_since = 0.0
        self._uses = 0
        """How often it was given to a user other than the last one."""
        self._cancelling = 0
        self._release_pending = False
        self._abandoned_at: float | None = None
        self._cancelled_at: float | None = None
        """When what runs was cancelled for taking too long."""
        self._told = False
        """The origin said something by itself that was an error, and the client was told."""
        self._defaults = dict(stream.parameters)
        """The parameters that the origin reported at the start, or after the last reset."""
        self._poll = poll_of(transport)

    def join(self, pool: ConnectionOwner[OriginConnection], settings: SessionSettings, number: int) -> None:
        """The connection is one of `pool` from now on, opened with `settings`."""
        self.pool = pool
        self.number = number
        self.session = OriginSession(pool.shared, settings, self.stream, self.process_id)
        self._errors = ErrorAnswers(self.session)
        self._writes = pool.writes
        self.stream.show_process_ids(pool.shared.process_ids)

    # --- asyncio's side ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.answered_at = _monotonic()
        stream = self.stream
        answers = stream.receive(data)
        if self.pool is None:
            return  # nothing was sent yet
        for sent_group, output, status in answers:
            if sent_group is None:
                if self.client is not None:
                    self.client.write(output)
                    self._told = output[0] == ERROR_RESPONSE
                elif output[0] == ERROR_RESPONSE:
                    self.pool.not_idle(self)  # the origin is about to close it
                continue
            if output and sent_group.error:
                if sent_group.failed_in_prefix:
                    self._reset_within_failed(sent_group)
                    return
                output = self._shown_of_error(sent_group, output)
            if sent_group.unfinished:
                self._undo_unfinished(sent_group)
            if output:
                sent_group.note_answer(output)
                owner, client = sent_group.owner, self.client
                if client is not None and owner is client:
                    client.write(output)  # a class that mypyc knows, so it calls the method directly
                elif owner is not None:
                    owner.write(output)
                if sent_group.capture is not None:
                    sent_group.capture.feed(output)
            if status:
                self._group_ended(sent_group, status, is_last=answers[-1][0] is sent_group)
        if stream.dropped:
            for sent_group in stream.take_dropped():
                self._cut_off(sent_group)
        if stream.broken is not None:
            self.pool.notice(f"protocol error from the origin: {stream.broken}")
            self.abort()
        elif self.client is None and stream.syncs_uncertain:
            self.abort()
        if self.closed:
            return
        if not stream.queue:
            self._quiet()
        elif self.client is None:
            self._end_for_nobody()
        elif self.client.waiting and (stream.copy_in or not stream.queue[-1].closed):
            # The origin waits, too: for COPY data, or for the Sync behind something that failed.
            if stream.copy_in or not stream.syncs_uncertain:
                self.client.granted(self)
            elif stream.queue[-1].failed:
                self.abort()  # it is unknown whether the origin skips what the client has sent

    def _group_ended(self, sent_group: SentGroup, status: int, *, is_last: bool) -> None:
        if self.stream.queue:
            self.stream.queue[0].turn_begins(self.answered_at)
        if self.session.schema_changed and status == IDLE:
            changed_defaults = self.session.changed_defaults
            self.session.schema_change_noted()
            if changed_defaults:
                self.pool.defaults_changed()
            else:
                self.pool.schema_changed()
        if sent_group.prefix is not None and sent_group.error is None:
            self.session.reset_committed()
        if sent_group.error is not None:
            self.session.failed(sent_group.error)
            if shows_stale_plan(sent_group.error):
                self.pool.schema_changed()
            if self._errors.held_back:
                self._try_again(sent_group, is_last=is_last)
        if sent_group.queries is not None or sent_group.capture is not None:
            self.pool.group_ended(self, sent_group, status)
        if sent_group.done is not None:
            if sent_group.expected and self.stream.parameters_changed and sent_group.error is None:
                self._tell_of_defaults()
            sent_group.done(sent_group)
            if self.session.reset_failed:
                self.abort()

    def _tell_of_defaults(self) -> None:
        """Tells the client and the pool of changed defaults, which the origin reports after a reset."""
        parameters = self.stream.parameters
        if self.retired or parameters == self._defaults:
            return
        client = self.client
        if client is not None and client.settings is not None:
            client.write(client.settings.news(parameters))
        self._defaults = dict(parameters)
        self.pool.reports_defaults(self)

    def _undo_unfinished(self, sent_group: SentGroup) -> None:
        """An error made the origin skip a part of a group."""
        unfinished = sent_group.take_unfinished()
        session = self._session_of(sent_group)
        if session is not None:
            before = (sent_group.outstanding or [])[: -len(unfinished)]
            session.requests_skipped(unfinished, before, sent_group.error or b"")
        self.session.undo(unfinished)

    def eof_received(self) -> None:
        if self.pool is not None:
            self.pool.not_idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self.answered_at = _monotonic()
        if self.pool is None:
            return
        client, self.client = self.client, None
        lost = self.stream.take_queue()
        self.pool.connection_lost(self)
        for sent_group in lost:
            sent_group.skip()
            self._cut_off(sent_group)
        if client is not None:
            told = self._told or (bool(lost) and bool(lost[0].error) and not self._errors.held_back)
            client.origin_lost(told=told, mid_message=self.stream.mid_message)

    def _cut_off(self, sent_group: SentGroup) -> None:
        """The group gets no answer any more."""
        if sent_group.queries is not None or sent_group.capture is not None:
            self.pool.group_ended(self, sent_group, 0)
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

    # --- whose it is ---------------------------------------------------------------------------------------

    def is_taken_by(self, client: ConnectionUser[Any]) -> None:
        """The pool gives the connection to `client`."""
        self.client = client
        self.idle = False

    def becomes_idle(self) -> None:
        """It waits in the pool for its next use."""
        self.idle = True
        self.idle_since = self.answered_at

    def leaves_idle(self) -> None:
        self.idle = False

    def retire(self) -> None:
        """It is closed as soon as it is free."""
        self.retired = True

    def was_used_by(self, client: ConnectionUser[Any]) -> bool:
        """Whether nobody but `client` has used it since the last reset."""
        return client.last_origin is self and client.last_use == self._uses

    def prepare_for(self, client: ConnectionUser[Any], *, ordinary: bool = False) -> None:
        """Called before `client` sends its first query over this connection, which it has just been given.

        Whatever was run for somebody else, the session is reset after it. The query goes out behind the reset, in
        the same write. For an `ordinary` query, `translate_ordinary` decides on the kind of reset.
        """
        if not self.was_used_by(client):
            self._uses += 1
            client.uses(self, self._uses)
            if not self.session.pristine:
                self.session.owe_reset()
        if self.session.reset_owed and not ordinary:
            self.reset_ahead()

    def reset_ahead(self) -> None:
        """Puts a reset, in a transaction of its own, in front of what is sent next."""
        self.session.reset_ahead()
        self.stream.queue[-1].turn_begins(_monotonic())

    # --- sending -------------------------------------------------------------------------------------------

    def be_distant(self, round_trip_s: Callable[[], float], cost_s: float = 0.0) -> None:
        """Has what is sent arrive as much later as `round_trip_s` says; the distance has cost `cost_s` already."""
        if self.distance is None:
            self.distance = DistantTransport(self._loop, self.transport, self, round_trip_s, cost_s)
            self.transport = self.distance

    def send(self, sent_group: SentGroup, data: bytes) -> None:
        """Sends `data`, the beginning of a group."""
        self.sent_groups += 1
        now = _monotonic()
        sent_group.note_sent(data, now)
        if self.session.unsent:
            data = self.session.take_unsent() + data
            if self.stream.queue:
                self.stream.queue[-1].turn_begins(now)
        self.stream.send(sent_group)
        if self._writes.active:
            self._writes.write(self.transport, data)
        else:
            self.transport.write(data)

    def send_more(self, data: bytes) -> None:
        """Sends more of what is under way."""
        self._writes.write(self.transport, data)

    def flush(self) -> None:
        """Sends a reset that nothing was sent behind."""
        if self.session.unsent:
            self._writes.write(self.transport, self.session.take_unsent())

    def run(self, sql: str, done: Callable[[SentGroup], None], owner: Receiver | None = None) -> None:
        """Runs the proxy's own `sql`; `done` is called when it has ended, with its error if it had one."""
        self.session.parse_unnamed(None)
        self.send(SentGroup(owner, simple=True, done=done), messages.query(sql))

    # --- between groups ------------------------------------------------------------------------------------

    def _quiet(self) -> None:
        """Everything that was sent has been answered."""
        if self.stream.copy.unresolved:
            self.run("", self._syncs_resolved)
            return
        client = self.client
        if client is not None and client.waiting:
            client.granted(self)  # what it waited with depended on those answers
        elif self.stream.transaction_status == IDLE:
            if client is None:
                self.settle()
            elif client.lets_go():
                self.release()
        elif client is None and not self._release_pending:
            # A client that leaves in the middle of a transaction may have failed: the next one starts afresh.
            self.session.leave_dirty(drop_statements=True)
            rolled_back = self.writes.roll_back()
            if rolled_back:
                self.pool.say_rolled_back(rolled_back)
            self.run("ROLLBACK", _ignore)

    def _syncs_resolved(self, sent_group: SentGroup) -> None:
        self.stream.resolve_syncs()

    def message_ended(self) -> None:
        """The client has sent the end of a long message, which may have been answered before that."""
        if not self.stream.queue and not self.closed:
            self._quiet()

    def release(self) -> None:
        """Takes the connection from its client and gives it to the next one, after a reset if it is dirty."""
        client = self.client
        if client is not None:
            client.released()
            self.client = None
            if self.stream.parameters_changed and client.settings is not None:
                client.write(client.settings.corrections(self.stream.parameters))
            if client.write_paused:
                self.resume_reading()
            if self.write_paused:
                client.resume_reading()
        self._release_pending = True
        self.settle()

    def abandon(self) -> None:
        """The client is gone. Nobody hears the end of what it asked for; an open transaction is rolled back."""
        for sent_group in self.stream.queue:
            sent_group.disown()
        self.client = None
        if self.stream.syncs_uncertain:
            self.abort()
            return
        self.flush()
        self._release_pending = False
        self.resume_reading()
        if not self.stream.queue:
            self._quiet()
            return
        self._abandoned_at = _monotonic()
        self._end_for_nobody()

    def _end_for_nobody(self) -> None:
        """Sends what is missing of the messages of a client that is gone."""
        if self.stream.copy_in:
            sent_group = self.stream.queue[0]
            self.stream.end_copy_data()
            data = _CLIENT_IS_GONE
            if not sent_group.closed:
                sent_group.close()
                data += messages.SYNC
            self.send_more(data)
        elif not self.stream.queue[-1].closed:
            # If this is a COPY, it ignores a Sync alone, unless it has failed meanwhile.
            self.stream.end_copy_data()
            self.stream.queue[-1].close()
            self.send_more(_CLIENT_IS_GONE + messages.SYNC)

    def settle(self) -> None:
        """The connection is idle and nobody's: cleans up what has to be, then it goes back to the pool."""
        self._abandoned_at = self._cancelled_at = None
        if self._cancelling or self.closed:
            self._release_pending = True
            return
        self._release_pending = False
        session = self.session
        if session.spent:
            self.pool.replace(self)
            return
        stream = self.stream
        if stream.parameters_changed:
            stream.parameters_noted()
            if stream.parameters != session.settings.parameters:
                session.leave_dirty()
        stored_code = self.pool.shared.stored_code
        if session.ran_anything:  # what may have prepared statements may have made triggers, too
            session.anything_noted()
            stored_code.forget()
        looks_up = stored_code.wanted and not self.retired
        if looks_up and not session.pristine:
            session.leave_dirty()
        closing = session.close_statements_in_doubt() if session.prepared_in_doubt is not None else b""
        if not (session.dirty or looks_up or closing):
            if not self.idle:
                self.pool.available(self)
            return
        self.pool.not_idle(self)
        if closing:
            self.send(SentGroup(None), closing)
        if session.dirty:
            reset = session.reset()
            self.send(SentGroup(None, simple=True, done=self._reset_done), reset)
        if looks_up:
            self._look_up_stored_code()

    def _look_up_stored_code(self) -> None:
        """Asks the catalog for it, behind what is under way."""
        stored_code = self.pool.shared.stored_code
        generation = stored_code.begin_look_up()
        collector = Collector()

        def done(sent_group: SentGroup) -> None:
            rows = messages.text_rows(collector.data) if sent_group.error is None else None
            if stored_code.end_look_up(generation, rows, lost=sent_group.error == b""):
                self.pool.code_was_made_elsewhere()
            if stored_code.defaults_changed:
                self.pool.defaults_changed()

        self.run(CATALOG_QUERY, done, collector)

    def _reset_done(self, sent_group: SentGroup) -> None:
        self.session.reset_ended(sent_group)
        self.stream.parameters_noted()
        if sent_group.error is None:
            self._tell_of_defaults()

    # --- time and cancelling -------------------------------------------------------------------------------

    def runs_too_long(self, now: float, *, statement_timeout_s: float, abandoned_grace_s: float) -> bool:
        """Whether what runs has run for too long."""
        if self._abandoned_at is not None:
            return now - self._abandoned_at > abandoned_grace_s
        first = self.stream.queue[0]
        return first.is_running and now - first.sent_at > statement_timeout_s

    @property
    def is_abandoned(self) -> bool:
        """Whether the client of what runs is gone."""
        return self._abandoned_at is not None

    @property
    def timed_out_at(self) -> float | None:
        """When what runs was cancelled for running too long."""
        return self._cancelled_at

    def times_out(self, now: float | None) -> None:
        """What runs is cancelled for running too long, or (None) nothing runs too long."""
        self._cancelled_at = now

    def cancel_begins(self) -> None:
        self._cancelling += 1

    def cancel_ended(self) -> None:
        """The origin has passed the cancel on. It must not hit the next query if this one had ended by then, so a
        round trip of the proxy's own takes it."""
        self._cancelling -= 1
        if not self._cancelling and self._release_pending and not self.closed:
            self._release_pending = False
            self.run("", _ignore)

    # --- errors --------------------------------------------------------------------------------------------

    def _session_of(self, sent_group: SentGroup) -> ClientSession | None:
        """The session of the client that has this connection, if the group is theirs."""
        client = self.client
        return client.client_session if client is not None and sent_group.owner is client else None

    def _shown_of_error(self, sent_group: SentGroup, output: bytes) -> bytes:
        session = self.client.client_session if self.client is not None else None
        return self._errors.shown(session, sent_group, output, is_theirs=sent_group.owner is self.client)

    def _try_again(self, sent_group: SentGroup, *, is_last: bool) -> None:
        """A group has ended, and its client knows of no error yet."""
        again, owed = self._errors.group_ended(self._session_of(sent_group), sent_group, is_last=is_last)
        if again is not None and again.begins is not None:
            if self.session.reset_owed:
                self.reset_ahead()
            self.send(again.begins, again.data)
        elif sent_group.owner is not None:
            sent_group.owner.write(owed)

    def _reset_within_failed(self, sent_group: SentGroup) -> None:
        """The reset in the transaction of a query failed, so the query was not run, and the session is unknown."""
        error = sent_group.error or b""
        client, self.client = self.client, None
        is_alone = all(under_way is sent_group for under_way in self.stream.queue)
        sent_group.give_away()
        self.abort()
        self.pool.shared.reset_within_failed(error)
        if client is None:
            return
        if is_alone:
            client.query_not_run(error if _CANCELLED in error else None)
        else:
            client.origin_lost(told=False, mid_message=False)

    # --- life ----------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether the origin has sent something that has not been read yet, such as the end of the connection."""
        return self._poll is not None and bool(self._poll(0))

    def close(self) -> None:
        self.closed = True
        if not self.transport.is_closing():
            if self._writes is not None:
                self._writes.flush()
            self.transport.write(messages.TERMINATE)
            self.transport.close()

    def abort(self) -> None:
        self.closed = True
        self.transport.abort()


def _ignore(sent_group: SentGroup) -> None:
    """For a query of the proxy's own whose answer doesn't matter."""
