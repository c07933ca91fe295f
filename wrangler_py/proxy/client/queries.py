"""Processes one client's messages: answers them here, lets them wait for a connection, or sends them over one.

A client has an origin connection from the first message of a group until the origin is idle again with nothing
outstanding. Messages that it sends meanwhile go to this connection.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from wrangler_py.cache.keys import CacheKey
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.pgwire.frontend_kinds import (
    CONTINUATION,
    COPY_DONE,
    COPY_FAIL,
    FUNCTION_CALL,
    QUERY,
    TERMINATE,
)
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy import failures
from wrangler_py.proxy.client.faults import meets_fault
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionUser
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.worker_requests import Request
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.message_groups import MessageGroup, WaitingGroups
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.translation.columns import ColumnCheck, statements_to_check
from wrangler_py.session.translation.extended_query import fail_at_origin, translate_extended
from wrangler_py.session.translation.local_answer import answer_locally
from wrangler_py.session.translation.ordinary_query import OrdinaryQuery, recognise, translate_ordinary
from wrangler_py.session.translation.result import Translation
from wrangler_py.session.translation.simple_query import translate_simple
from wrangler_py.session.translation.sql_effects import may_reset


class ClientLink(ABC):
    """The connection to a client, as its queries see it."""

    @abstractmethod
    def write(self, data: bytes) -> None: ...
    @abstractmethod
    def pause_reading(self) -> None: ...
    @abstractmethod
    def resume_reading(self) -> None: ...
    @abstractmethod
    def refuse(self, response: bytes) -> None:
        """Tells the client why, where that is possible, and closes."""

    @abstractmethod
    def close(self) -> None:
        """Closes when everything that was written has been read, or soon."""


class ClientQueries(ConnectionUser[OriginConnection]):
    """One client's queries, and the origin connection that it has for them."""

    def __init__(
        self, link: ClientLink, pool: Pool, request: Request | None, settings: SessionSettings, number: int
    ) -> None:
        self._link = link
        self.pool = pool
        self.settings = settings
        self.session = ClientSession(self, pool.shared, settings, request, number=number)
        self.request = request
        """The Worker's request that it belongs to."""
        self.origin: OriginConnection | None = None
        self.waiting = False
        self.write_paused = False
        self.asks_alone = False
        """Its next query doesn't share an answer with other clients."""
        self._pending = WaitingGroups()
        self._skipping = False
        """A group failed in the proxy: messages up to a Sync are skipped."""
        self._leads: CacheKey | None = None
        self._follows: CacheKey | None = None
        self._behind_reset: OrdinaryQuery | None = None
        """The last query that was sent with a reset in its transaction."""
        self._times_unanswered = 0
        """How often in a row it has waited for another client's answer in vain."""
        self._reading_paused = False
        self._to_tell = b""
        """ParameterStatus messages for when it has no connection any more."""
        self._stalled = False
        """Its queries wait until it reads its answers."""
        self._paused_since = 0.0

    @property
    def client_session(self) -> ClientSession:
        return self.session

    # --- the client's connection ---------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._link.write(data)

    def refuse(self, response: bytes) -> None:
        """Tells the client why, where that is possible, and closes."""
        self._link.refuse(response)

    def refuse_nonsense(self, error: ProtocolError) -> None:
        """The client has sent what can't be a message."""
        self._link.refuse(messages.error_response("08P01", str(error), severity="FATAL"))

    def writing_pauses(self) -> None:
        """The client doesn't read its data."""
        self.write_paused = True
        self._paused_since = time.monotonic()
        if self.origin is not None:
            self.origin.pause_reading()

    def writing_resumes(self) -> None:
        """The client reads again."""
        self.write_paused = False
        self.paused_s += time.monotonic() - self._paused_since
        if self.origin is not None:
            self.origin.resume_reading()
        if self._stalled:
            self._stalled = False
            self.resume()

    def take_paused(self) -> float:
        paused, self.paused_s = self.paused_s, 0.0
        if self.write_paused:
            now = time.monotonic()
            paused += now - self._paused_since
            self._paused_since = now
        return paused

    def pause_reading(self) -> None:
        self._reading_paused = True
        self._link.pause_reading()

    def resume_reading(self) -> None:
        if not self._reading_paused:
            return
        held_up = self._stalled or self._pending.too_many or (self.origin is not None and self.origin.write_paused)
        if not held_up:
            self._reading_paused = False
            self._link.resume_reading()

    def connection_lost(self) -> None:
        """The client is gone."""
        self._carry_out_effects()
        self.session.unpin()

    def stop(self) -> None:
        """Drop all waiting messages, and release the connection."""
        self._stop_waiting()
        self._give_up_lead()
        origin, self.origin = self.origin, None
        if origin is not None:
            if not self.session.pinned and origin.stream.transaction_status != IDLE:
                label = self.pool.requests.label(self.request.id) if self.request is not None else None
                self.pool.accounting.left_in_transaction(self.session, label, origin)
            if self.session.streaming:
                origin.abort()
            else:
                origin.abandon()
        self._pending.take_all()

    # --- messages from the client --------------------------------------------------------------------------

    def ask_at_once(self, data: bytes) -> bool:
        """Whether `data` is one whole query that could be answered or sent without looking at its messages."""
        if self.origin is not None or self.waiting or self._skipping or self.write_paused:
            return False
        pool = self.pool
        if pool.caching.enabled and pool.caching.answer_again(self, data):
            return True
        ordinary = None if pool.conditions.faults else recognise(self.session, data)
        if ordinary is None:
            return False
        self._ask(ordinary)
        return True

    def submit(self, group: MessageGroup) -> None:
        """Answers a group here, sends it over the client's connection, or has it wait for one."""
        if self.waiting:
            self._wait(group)
        elif self.origin is not None:
            if not self._meets_fault(group):
                self._forward(group)
        elif self.write_paused:
            self.waiting = self._stalled = True
            self._wait(group)
            self.pause_reading()
        elif self._skipping:
            self._skip(group)
        elif not self._answer_here(group) and not self._meets_fault(group):
            self._check_out(group)

    def _meets_fault(self, group: MessageGroup) -> bool:
        return bool(self.pool.conditions.faults) and meets_fault(self, group)

    def _answer_here(self, group: MessageGroup) -> bool:
        """Answers a group without the origin, or lets it wait for the same query of another client."""
        answer = answer_locally(self.session, group.messages, closed=group.closed)
        if answer is None:
            return self.pool.caching.enabled and self.pool.caching.answer(self, group)
        if answer.fails:
            self._carry_out_effects()
            self.fail_group(group, answer.data)
        elif answer.data:
            self.write(answer.data)
        return True

    def pass_on(self, group: MessageGroup) -> None:
        """COPY data, Terminate, or a later piece of a long message."""
        kind, data, missing = group.piece
        origin = self.origin
        if self.waiting:
            self._wait(group)
        elif kind == TERMINATE:
            if origin is not None and origin.stream.runs_to_end:
                self.waiting = True
                self._wait(group)  # as a server does, which reads it when it is done with what came before
            else:
                self._link.close()
        elif kind == CONTINUATION:
            if self.session.streaming and origin is not None:
                origin.session.long_message_goes_on(data)
                origin.send_more(data)
                if not missing:
                    origin.session.long_message_ended()
                    self.session.stream(0)
                    origin.message_ended()
        elif origin is not None and origin.stream.queue:
            if kind in (COPY_DONE, COPY_FAIL):
                origin.stream.end_copy_data()
            origin.send_more(data)
            self.session.stream(missing)
        # Otherwise the COPY has failed already. As a server does, ignore what was sent before that was known.

    # --- waiting -------------------------------------------------------------------------------------------

    def _wait(self, group: MessageGroup) -> None:
        self._pending.add(group)
        if self._pending.too_many:
            self.pause_reading()

    def _stop_waiting(self) -> None:
        if self._follows is not None:
            self.pool.caching.leave(self, self._follows)
            self._follows = None
        elif self.waiting:
            self.pool.withdraw(self)
        self.waiting = self._stalled = False

    def _take_pending(self) -> list[MessageGroup]:
        groups = self._pending.take_all()
        self.resume_reading()
        return groups

    def lead(self, key: CacheKey) -> None:
        self._leads = key

    def takes_lead(self, key: CacheKey | None) -> bool:
        if self._leads is None or self._leads != key:
            return False
        self._leads = None
        return True

    def lead_ends(self) -> None:
        """The query that others wait for will not be made."""
        self._give_up_lead()

    def _give_up_lead(self) -> None:
        leads, self._leads = self._leads, None
        if leads is not None:
            self.pool.caching.land(leads, answered=False)

    def follow(self, key: CacheKey, group: MessageGroup) -> None:
        self._follows = key
        self.waiting = True
        self._wait(group)

    def resume(self, *, answered: bool = True) -> None:
        """It need not wait any more: there is an answer, or room for one. If not `answered`, there will be none.

        A client that has waited in vain twice asks alone, at the same time as the others whose query has no answer
        to share.
        """
        self._follows = None
        self.waiting = False
        self._times_unanswered = 0 if answered else self._times_unanswered + 1
        self.asks_alone = self._times_unanswered > 1
        for group in self._take_pending():
            if group.is_piece:
                self.pass_on(group)
            else:
                try:
                    self.submit(group)
                except ProtocolError as error:
                    self.refuse_nonsense(error)
                    return
            self.asks_alone = False

    def cancel_waiting(self) -> None:
        """Cancels the query that waits for a connection; what was sent behind it goes on waiting."""
        self._fail_first_pending(messages.error_response("57014", "canceling statement due to user request"))
        if not self._pending:
            self._give_up_lead()
            self._stop_waiting()
            self.resume_reading()

    def origin_unavailable(self, error: OriginUnavailable) -> None:
        """No connection can be opened: every group that waits for one fails."""
        self.waiting = False
        self._give_up_lead()
        for group in self._take_pending():
            if not group.is_piece:
                self.pool.accounting.group_failed(self, group.messages, error.response)
                self.fail_group(group, error.response)

    def _fail_first_pending(self, response: bytes) -> None:
        for group in self._pending.take_first():
            if not group.is_piece:
                self.fail_group(group, response)
        self.resume_reading()

    def fail_group(self, group: MessageGroup, response: bytes) -> None:
        """Answers a group, outside a transaction, with an error of the proxy's own."""
        if self._skipping:
            self._skip(group)
            return
        self._skipping = not group.closed
        self.write(response + messages.READY_IDLE if group.closed else response)

    def _skip(self, group: MessageGroup) -> None:
        """A group behind one that failed here: it is skipped, and its Sync ends that."""
        if group.ends_with_sync:
            self._skipping = False
            self.write(messages.READY_IDLE)

    # --- the origin's side ---------------------------------------------------------------------------------

    def _ask(self, query: OrdinaryQuery) -> None:
        """Sends an ordinary query over a connection of the pool, or lets it wait for one."""
        self.waiting = True
        connection = self.pool.checkout(self)
        if connection is None:
            self._wait(MessageGroup(None, True, ordinary=query))
        else:
            self._ask_over(connection, query)

    def _ask_over(self, connection: OriginConnection, query: OrdinaryQuery) -> None:
        """Sends an ordinary query over `connection`, which the client has just been given."""
        self.waiting = False
        self._begin(connection, ordinary=True)
        if not self._forward_ordinary(query, connection):
            self._forward(MessageGroup(None, True, ordinary=query))
            connection.flush()

    def _check_out(self, group: MessageGroup) -> None:
        """Sends a group over a connection of the pool, or lets it wait for one."""
        self.waiting = True
        connection = self.pool.checkout(self)
        if connection is None or (self.session.knows_columns and group.ordinary is None):
            self._wait(group)
            if connection is not None:
                self.granted(connection)
            return
        self.waiting = False
        self._begin(connection, ordinary=group.ordinary is not None)
        self._forward(group)
        connection.flush()

    def _begin(self, connection: OriginConnection, *, ordinary: bool) -> None:
        """It has `connection` from now on."""
        self.origin = connection
        if self.write_paused:
            connection.pause_reading()
        connection.prepare_for(self, ordinary=ordinary)

    def granted(self, connection: OriginConnection) -> None:
        query = self._pending.take_only_ordinary()
        if query is not None:
            self._ask_over(connection, query)
            return
        self._begin(connection, ordinary=self._pending.begins_with_ordinary)
        if self.session.knows_columns and not self._pending.begins_with_ordinary:
            self._check_columns()
        else:
            self._send_pending()
        connection.flush()

    def _send_pending(self) -> None:
        if self.origin is None:
            return
        self.waiting = False
        for group in self._take_pending():
            if self.origin is None:
                return  # it was refused
            if self.waiting:
                self._wait(group)
            elif group.is_piece:
                self.pass_on(group)
            else:
                self._forward(group)

    def _forward(self, group: MessageGroup) -> None:
        """Sends a group over the client's connection."""
        origin = self.origin
        assert origin is not None
        session = self.session
        if group.ordinary is not None and self._forward_ordinary(group.ordinary, origin):
            return
        if origin.session.reset_owed:
            origin.reset_ahead()
        pieces = group.messages
        try:
            if pieces[-1][0] in (QUERY, FUNCTION_CALL):
                self._apply(origin, translate_simple(session, origin.session, pieces[0]), group)
            elif session.knows_columns and statements_to_check(session, origin.session, [pieces]):
                self.waiting = True
                self._wait(group)
                if origin.session.only_reset_under_way:
                    self._check_columns()
            else:
                self._apply(origin, translate_extended(session, origin.session, pieces, closed=group.closed), group)
        except ProtocolError as error:
            self.refuse_nonsense(error)
        if self._leads is not None:
            self._give_up_lead()  # what others wait for was not sent as something whose answer is kept

    def _forward_ordinary(self, query: OrdinaryQuery, origin: OriginConnection) -> bool:
        """Sends an ordinary query as it is, if that can be done."""
        sent_group = translate_ordinary(self.session, origin.session, query)
        if sent_group is None:
            return False
        if sent_group.prefix is not None:
            self._behind_reset = query
        origin.send(sent_group, query.sent)
        return True

    def fail_at_origin(self, origin: OriginConnection, error: bytes, group: MessageGroup, *, closed: bool) -> None:
        """Makes the origin fail instead of running `group`, so that its transaction also fails.

        `closed`: nothing else of the client's belongs to what fails.
        """
        self._apply(origin, fail_at_origin(self.session, origin.session, error, closed=closed), group)

    def _apply(self, origin: OriginConnection, translation: Translation, group: MessageGroup) -> None:
        """Carries out the translation of a group."""
        if self.session.effects:
            self._carry_out_effects()
        if translation.waits:
            self.waiting = True
            self._wait(group)
        sent_group = translation.begins or translation.extends
        if translation.cacheable and sent_group is not None:
            self.pool.caching.watch(self, sent_group, group.messages)
        if translation.begins is not None:
            origin.send(translation.begins, translation.data)
        elif translation.data:
            origin.send_more(translation.data)
        if sent_group is not None and sent_group.outstanding is not None:
            answers = origin.stream.fake_ready_answers(sent_group)
            if answers:
                self.write(answers)

    def _carry_out_effects(self) -> None:
        self.pool.carry_out(self.session)

    def _check_columns(self) -> None:
        """Statements whose columns the client knows are prepared before what uses them is sent: if they have other
        columns by now, the client must get an error and not those."""
        origin = self.origin
        if origin is None:
            return
        try:
            groups = [group.messages for group in self._pending.first()]
            statements = statements_to_check(self.session, origin.session, groups)
        except ProtocolError as error:
            self.refuse_nonsense(error)
            return
        if not statements:
            self._send_pending()
            return
        if may_reset(self.session, origin.session):
            origin.session.reset_ahead()
        check = ColumnCheck(self.session, origin.session, statements)

        def done(sent_group: SentGroup) -> None:
            if sent_group.error == b"":
                return  # the connection is lost, and the client is told so
            if told := check.for_client():
                self.write(told)
            error, cleanup = check.result(sent_group)
            if cleanup and not origin.closed:
                origin.send(SentGroup(None), cleanup)
            self._columns_checked(error)

        origin.send(SentGroup(check, done=done), check.data)

    def _columns_checked(self, error: bytes | None) -> None:
        """`error` is for the client; None if the columns are those that it knows."""
        origin = self.origin
        if error is None:
            self._send_pending()
        elif origin is not None and origin.stream.transaction_status != IDLE:
            last = self._pending.take_first()[-1]  # if it is a query, it is skipped
            self.fail_at_origin(origin, error, last, closed=last.ends_with_sync)
            self.waiting = bool(self._pending)
            self.resume_reading()
        elif origin is not None:
            self._give_up_lead()
            self._fail_first_pending(error)
            if self._pending:
                self._check_columns()
            else:
                self.waiting = False

    def released(self) -> None:
        self.origin = None
        if self._to_tell:
            told, self._to_tell = self._to_tell, b""
            self.write(told)

    def lets_go(self) -> bool:
        if self.session.streaming:
            return False
        self.session.settled()
        if self.session.effects:
            self._carry_out_effects()
        return not self.session.pinned

    def query_not_run(self, error: bytes | None) -> None:
        self.origin = None
        self.waiting = False
        query, self._behind_reset = self._behind_reset, None
        assert query is not None
        if error is None:
            self._ask(query)
        else:
            group = MessageGroup(None, True, ordinary=query)
            self.pool.accounting.group_failed(self, group.messages, error)
            self.fail_group(group, error)

    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        """The origin connection is lost, and the state of the client's session with it."""
        self.origin = None
        self.waiting = False
        if told or mid_message:
            self._link.close()
        else:
            self.refuse(failures.connection_lost())

    def parameters_changed(self, changes: Mapping[str, str]) -> None:
        """The origin's defaults are now `changes`. While the client has a connection, it has what holds there."""
        own = self.settings.values
        told = b"".join(
            messages.parameter_status(name, value) for name, value in changes.items() if name.lower() not in own
        )
        if self.origin is None:
            self.write(told)
        else:
            self._to_tell += told

    def forget_request(self) -> None:
        """The Worker's request has ended, but the client stays connected."""
        self.request = None
        self.session.forget_request()
