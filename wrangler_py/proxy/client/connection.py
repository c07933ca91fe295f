"""One client: a driver's connection to the proxy, from its first query to its end.

It has an origin connection from the first message of a group until the origin is idle again with nothing
outstanding. What it sends meanwhile goes straight there.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

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
from wrangler_py.proxy.client.tcp import acknowledge_now
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionUser
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.worker_requests import Request
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.message_groups import GroupReader, MessageGroup, WaitingGroups
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.translation.columns import ColumnCheck, statements_to_check
from wrangler_py.session.translation.extended_query import fail_at_origin, translate_extended
from wrangler_py.session.translation.local_answer import answer_locally
from wrangler_py.session.translation.ordinary_query import OrdinaryQuery, recognise, translate_ordinary
from wrangler_py.session.translation.result import Translation
from wrangler_py.session.translation.simple_query import translate_simple
from wrangler_py.session.translation.sql_effects import may_reset

NO_MORE_INPUT_S = 0.002
"""Messages that no Sync or Flush follows for so long are run without one, as a server runs them at once."""
CLOSE_GRACE_S = 1.0
"""How long a client that is closed may take to read what it was sent."""


class ClientRegistry(Protocol):
    """Knows all clients."""

    client_numbers: Iterator[int]

    def enter(self, client: ClientConnection) -> int:
        """`client` is in; gives the process id of its cancel key."""

    def leave(self, client: ClientConnection) -> None:
        """`client` is gone."""


class ClientConnection(ConnectionUser[OriginConnection]):
    """Takes over from `proxy.login` when the client is in. asyncio calls it as a protocol.

    It has no base class of asyncio's, so that mypyc can make a native class of it.
    """

    def __init__(
        self,
        registry: ClientRegistry,
        transport: asyncio.Transport,
        pool: Pool,
        request: Request | None,
        settings: SessionSettings,
        *,
        minor: int,
    ) -> None:
        self._registry = registry
        self._writes = pool.writes
        self.transport = transport
        self.pool = pool
        self.settings = settings
        self.process_id = 0
        self.secret = secrets.token_bytes(32 if minor >= 2 else 4)
        self.session = ClientSession(self, pool.shared, settings, request, number=next(registry.client_numbers))
        self.request = request
        """The Worker's request that it belongs to."""
        self.origin: OriginConnection | None = None
        self.waiting = False
        self.write_paused = False
        self._reading_paused = False
        self.asks_alone = False
        """Its next query waits for nobody else's answer, and nobody else waits for its answer."""
        self._reader = GroupReader()
        self._no_more_input: asyncio.TimerHandle | None = None
        self._pending = WaitingGroups()
        self._skipping = False
        """A group failed here: its messages are skipped up to a Sync."""
        self._leads: CacheKey | None = None
        self._follows: CacheKey | None = None
        self._behind_reset: OrdinaryQuery | None = None
        """The last query that was sent with a reset in its transaction."""
        self._times_unanswered = 0
        """How often in a row it has waited for someone else's answer in vain."""
        self._stalled = False
        """Its queries wait until it reads the answers that it was sent."""
        self.paused_since = 0.0

    # --- asyncio's side ------------------------------------------------------------------------------------

    def begin(self, owed: bytes, early: bytes) -> None:
        """Tells the client to go ahead, behind the answer that it is `owed`; `early` is what it sent before."""
        self.process_id = self._registry.enter(self)
        self.session.enter(self.process_id)
        key = messages.backend_key_data(self.process_id, self.secret)
        self.transport.write(owed + self.settings.greeting() + key + messages.READY_IDLE)
        if early:
            self.data_received(early)

    @property
    def client_session(self) -> ClientSession:
        return self.session

    def eof_received(self) -> None:
        """The transport closes itself."""

    def connection_lost(self, error: Exception | None) -> None:
        self._carry_out_effects()
        self._registry.leave(self)
        self.session.unpin()
        self._stop()

    def _stop(self) -> None:
        """Nothing that it sent goes on waiting, and its connection goes back."""
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
        self._reader.forget()
        if self._no_more_input is not None:
            self._no_more_input.cancel()
            self._no_more_input = None
        self._pending.take_all()

    def _stop_waiting(self) -> None:
        if self._follows is not None:
            self.pool.caching.leave(self, self._follows)
            self._follows = None
        elif self.waiting:
            self.pool.withdraw(self)
        self.waiting = self._stalled = False

    def pause_writing(self) -> None:
        self.write_paused = True
        self.paused_since = time.monotonic()
        if self.origin is not None:
            self.origin.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.paused_s += time.monotonic() - self.paused_since
        if self.origin is not None:
            self.origin.resume_reading()
        if self._stalled:
            self._stalled = False
            self.resume()

    def take_paused(self) -> float:
        paused, self.paused_s = self.paused_s, 0.0
        if self.write_paused:
            now = time.monotonic()
            paused += now - self.paused_since
            self.paused_since = now
        return paused

    def write(self, data: bytes) -> None:
        transport = self.transport
        if not transport.is_closing():
            if self._writes.active:
                self._writes.write(transport, data)
            else:
                transport.write(data)

    def pause_reading(self) -> None:
        self._reading_paused = True
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._reading_paused:
            return
        held_up = self._stalled or self._pending.too_many or (self.origin is not None and self.origin.write_paused)
        if not held_up and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if (
            self.origin is None
            and not (self.waiting or self._skipping or self.write_paused)
            and reader.is_between_groups
        ):
            if self.pool.caching.enabled and self.pool.caching.answer_again(self, data):
                return
            ordinary = None if self.pool.conditions.faults else recognise(self.session, data)
            if ordinary is not None:
                self._ask(ordinary)
                return
        try:
            for group in reader.receive(data):
                if group.is_piece:
                    self._pass_on(group)
                else:
                    self._submit(group)
                if self.transport.is_closing():
                    return
        except ProtocolError as error:
            self._refuse_nonsense(error)
            return
        if not reader.is_between_groups:
            if reader.has_open_group:
                self._run_without_sync()
            acknowledge_now(self.transport)

    def _run_without_sync(self) -> None:
        """Sends on what no Sync or Flush follows: at once over its connection, else when no more input comes."""
        if self.origin is not None and not self.waiting:
            self._submit_without_sync()
        elif self._no_more_input is None:
            loop = asyncio.get_running_loop()
            self._no_more_input = loop.call_later(NO_MORE_INPUT_S, self._submit_without_sync)

    def _submit_without_sync(self) -> None:
        self._no_more_input = None
        group = self._reader.end_group()
        if group is not None:
            self._submit(group)

    def refuse(self, response: bytes) -> None:
        """Tells the client why, where that is possible, and closes."""
        if self.transport.is_closing():
            return
        if self.origin is not None and self.origin.stream.mid_message:
            self.transport.abort()
            return
        self._stop()
        self.write(response)
        self.close()

    def _refuse_nonsense(self, error: ProtocolError) -> None:
        self.refuse(messages.error_response("08P01", str(error), severity="FATAL"))

    def close(self) -> None:
        """Closes when everything that was written has been read, or soon."""
        self._writes.flush()
        self.transport.close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.transport.abort)

    # --- messages from the client --------------------------------------------------------------------------

    def _submit(self, group: MessageGroup) -> None:
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
        """Answers a group without the origin, or has it wait for the answer to the same query of someone else."""
        answer = answer_locally(self.session, group.messages, closed=group.closed)
        if answer is None:
            return self.pool.caching.enabled and self.pool.caching.answer(self, group)
        if answer.fails:
            self._carry_out_effects()
            self.fail_group(group, answer.data)
        elif answer.data:
            self.write(answer.data)
        return True

    def _pass_on(self, group: MessageGroup) -> None:
        """COPY data, Terminate, or a later piece of a long message."""
        kind, data, missing = group.piece
        origin = self.origin
        if kind == TERMINATE:
            self.close()
        elif self.waiting:
            self._wait(group)
        elif kind == CONTINUATION:
            if self.session.streaming and origin is not None:
                origin.send_more(data)
                if not missing:
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
                self._pass_on(group)
            else:
                try:
                    self._submit(group)
                except ProtocolError as error:
                    self._refuse_nonsense(error)
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
        """No connection can be had: every group that waits for one fails."""
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
        """Sends an ordinary query over a connection of the pool, or has it wait for one."""
        self.waiting = True
        connection = self.pool.checkout(self)
        if connection is None:
            self._wait(MessageGroup(None, True, ordinary=query))
            return
        self.waiting = False
        self._begin(connection, ordinary=True)
        if not self._forward_ordinary(query, connection):
            self._forward(MessageGroup(None, True, ordinary=query))
            connection.flush()

    def _check_out(self, group: MessageGroup) -> None:
        """Sends a group over a connection of the pool, or has it wait for one."""
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
                self._pass_on(group)
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
            self._refuse_nonsense(error)
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
        """Has the origin fail in the place of `group`, so that a transaction fails with it.

        `closed`: nothing else of the client's belongs to what fails.
        """
        self._apply(origin, fail_at_origin(self.session, origin.session, error, closed=closed), group)

    def _apply(self, origin: OriginConnection, translation: Translation, group: MessageGroup) -> None:
        """Does what the translation of a group says."""
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
            self._refuse_nonsense(error)
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
        """The origin connection is gone, and with it what the client thinks of its session."""
        self.origin = None
        self.waiting = False
        if told or mid_message:
            self.close()
        else:
            self.refuse(failures.connection_lost())

    def parameters_changed(self, changes: Mapping[str, str]) -> None:
        """The origin's defaults are now `changes`. While the client has a connection, that one tells it."""
        if self.origin is None:
            own = self.settings.values
            self.write(
                b"".join(
                    messages.parameter_status(name, value)
                    for name, value in changes.items()
                    if name.lower() not in own
                )
            )

    def forget_request(self) -> None:
        """The Worker's request is over, and the client goes on without one."""
        self.request = None
        self.session.forget_request()
