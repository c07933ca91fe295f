"""Drives the session floor as the proxy does, without sockets: clients share one connection to a model server."""

from __future__ import annotations

from support.model_server import ModelServer

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import IDLE
from wrangler_py.pgwire.frontend_kinds import FUNCTION_CALL, QUERY
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.message_groups import GroupReader, MessageGroup, WaitingGroups
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.shared import SharedState
from wrangler_py.session.translation.columns import ColumnCheck, statements_to_check
from wrangler_py.session.translation.error_answers import ErrorAnswers
from wrangler_py.session.translation.extended_query import fail_at_origin, translate_extended
from wrangler_py.session.translation.local_answer import answer_locally
from wrangler_py.session.translation.ordinary_query import recognise, translate_ordinary
from wrangler_py.session.translation.result import Translation
from wrangler_py.session.translation.simple_query import translate_simple
from wrangler_py.session.translation.sql_effects import may_reset


class ShellClient:
    """A client, and what it was answered."""

    def __init__(self, shared: SharedState, settings: SessionSettings) -> None:
        self.session = ClientSession(self, shared, settings)
        self.reader = GroupReader()
        self.waiting = WaitingGroups()
        self.skipping = False
        self.waits = False
        self.answers = b""

    def write(self, data: bytes) -> None:
        self.answers += data

    def take_answers(self) -> bytes:
        answers, self.answers = self.answers, b""
        return answers


class Shell:
    """One origin connection, which the clients use in turn; `holder` has it."""

    def __init__(self, server: ModelServer, *, clients: int = 2, stored_code: bool = False) -> None:
        self.shared = SharedState("HYPERDRIVE")
        if not stored_code:
            generation = self.shared.stored_code.begin_look_up()
            self.shared.stored_code.end_look_up(generation, [], lost=False)
        settings = SessionSettings({}, {})
        self.clients = [ShellClient(self.shared, settings) for _ in range(clients)]
        self.stream = OriginStream({})
        self.origin = OriginSession(self.shared, settings, self.stream)
        self.holder: ShellClient | None = None
        self.resets = 0
        self._last: ShellClient | None = None
        self._errors = ErrorAnswers(self.origin)
        self._server = server
        self._unread = b""

    # --- a client sends something --------------------------------------------------------------------------

    def send(self, client: ShellClient, data: bytes) -> None:
        """`client` sends `data`; the origin has not answered yet when this returns."""
        if self.holder is None and not client.skipping and client.reader.is_between_groups:
            ordinary = recognise(client.session, data)
            if ordinary is not None:
                self._submit(client, MessageGroup(None, True, ordinary=ordinary))
                return
        for group in client.reader.receive(data):
            self._submit(client, group)
        rest = client.reader.end_group()
        if rest is not None:
            self._submit(client, rest)

    def _submit(self, client: ShellClient, group: MessageGroup) -> None:
        if client.waits:
            client.waiting.add(group)
        elif self.holder is client:
            self._forward(client, group)
        elif client.skipping:
            self._skip(client, group)
        else:
            assert self.holder is None, "another client has the connection"
            answer = answer_locally(client.session, group.messages, closed=group.closed)
            if answer is None:
                self._take(client, ordinary=group.ordinary is not None)
                self._forward(client, group)
            elif answer.fails:
                self._fail(client, group, answer.data)
            else:
                client.write(answer.data)

    def _fail(self, client: ShellClient, group: MessageGroup, response: bytes) -> None:
        if client.skipping:
            self._skip(client, group)
            return
        client.skipping = not group.closed
        client.write(response + messages.READY_IDLE if group.closed else response)

    def _skip(self, client: ShellClient, group: MessageGroup) -> None:
        if group.ends_with_sync:
            client.skipping = False
            client.write(messages.READY_IDLE)

    def _take(self, client: ShellClient, *, ordinary: bool) -> None:
        self.holder = client
        if self._last is not client:
            self._last = client
            if not self.origin.pristine:
                self.resets += 1
                self.origin.owe_reset()
        if self.origin.reset_owed and not ordinary:
            self.origin.reset_ahead()

    def _forward(self, client: ShellClient, group: MessageGroup) -> None:
        session = client.session
        if group.ordinary is not None:
            sent_group = translate_ordinary(session, self.origin, group.ordinary)
            if sent_group is not None:
                self._send(sent_group, group.ordinary.sent)
                return
        if self.origin.reset_owed:
            self.origin.reset_ahead()
        pieces = group.messages
        if pieces[-1][0] in (QUERY, FUNCTION_CALL):
            self._apply(client, translate_simple(session, self.origin, pieces[0]), group)
        elif session.knows_columns and statements_to_check(session, self.origin, [pieces]):
            client.waits = True
            client.waiting.add(group)
            if self.origin.only_reset_under_way:
                self._check_columns(client)
        else:
            self._apply(client, translate_extended(session, self.origin, pieces, closed=group.closed), group)

    def _apply(self, client: ShellClient, translation: Translation, group: MessageGroup) -> None:
        client.session.take_effects()
        if translation.waits:
            client.waits = True
            client.waiting.add(group)
        if translation.begins is not None:
            self._send(translation.begins, translation.data)
        elif translation.data:
            self._write(translation.data)
        sent_group = translation.begins or translation.extends
        if sent_group is not None and sent_group.outstanding is not None:
            client.write(self.stream.fake_ready_answers(sent_group))

    def _check_columns(self, client: ShellClient) -> None:
        groups = [group.messages for group in client.waiting.first()]
        statements = statements_to_check(client.session, self.origin, groups)
        if not statements:
            self._send_waiting(client)
            return
        if may_reset(client.session, self.origin):
            self.origin.reset_ahead()
        check = ColumnCheck(client.session, self.origin, statements)

        def done(sent_group: SentGroup) -> None:
            error, cleanup = check.result(sent_group)
            if cleanup:
                self._send(SentGroup(None), cleanup)
            if error is None:
                self._send_waiting(client)
            elif self.stream.transaction_status != IDLE:
                last = client.waiting.take_first()[-1]
                failing = fail_at_origin(client.session, self.origin, error, closed=last.ends_with_sync)
                self._apply(client, failing, last)
                client.waits = bool(client.waiting)
            else:
                for group in client.waiting.take_first():
                    self._fail(client, group, error)
                if client.waiting:
                    self._check_columns(client)
                else:
                    client.waits = False

        self._send(SentGroup(check, done=done), check.data)

    def _send_waiting(self, client: ShellClient) -> None:
        client.waits = False
        for group in client.waiting.take_all():
            if client.waits:
                client.waiting.add(group)
            else:
                self._forward(client, group)

    def _send(self, sent_group: SentGroup, data: bytes) -> None:
        sent_group.note_sent(data, 0.0)
        self._write(self.origin.take_unsent())
        self.stream.send(sent_group)
        self._write(data)

    def _write(self, data: bytes) -> None:
        if data:
            self._unread += self._server.receive(data)

    # --- the origin answers --------------------------------------------------------------------------------

    def read(self) -> None:
        """Everything that the origin has answered comes, until there is nothing more to come."""
        self._write(self.origin.take_unsent())
        while self._unread:
            data, self._unread = self._unread, b""
            self._received(data)

    def _received(self, data: bytes) -> None:
        answers = self.stream.receive(data)
        assert self.stream.broken is None, self.stream.broken
        for sent_group, output, status in answers:
            assert sent_group is not None
            client = self.holder if sent_group.owner is self.holder else None
            session = client.session if client is not None else None
            assert not sent_group.failed_in_prefix
            if output and sent_group.error:
                holder = self.holder.session if self.holder is not None else None
                output = self._errors.shown(holder, sent_group, output, is_theirs=client is not None)
            if sent_group.unfinished:
                unfinished = sent_group.take_unfinished()
                if session is not None:
                    before = (sent_group.outstanding or [])[: -len(unfinished)]
                    session.requests_skipped(unfinished, before, sent_group.error or b"")
                self.origin.undo(unfinished)
            if output and sent_group.owner is not None:
                sent_group.note_answer(output)
                sent_group.owner.write(output)
            if status:
                self._group_ended(session, sent_group, status, is_last=answers[-1][0] is sent_group)
        self.stream.take_dropped()
        if not self.stream.queue:
            self._quiet()
        elif self.holder is not None and self.holder.waits and not self.stream.queue[-1].closed:
            self._granted(self.holder)

    def _group_ended(
        self, session: ClientSession | None, sent_group: SentGroup, status: int, *, is_last: bool
    ) -> None:
        if status == IDLE and self.origin.schema_changed:
            self.origin.schema_change_noted()
            self.shared.schema_changed()
        if sent_group.prefix is not None and sent_group.error is None:
            self.origin.reset_committed()
        if sent_group.error is not None:
            self.origin.failed(sent_group.error)
            if self._errors.held_back:
                again, owed = self._errors.group_ended(session, sent_group, is_last=is_last)
                if again is not None and again.begins is not None:
                    if self.origin.reset_owed:
                        self.origin.reset_ahead()
                    self._send(again.begins, again.data)
                elif sent_group.owner is not None:
                    sent_group.owner.write(owed)
        if sent_group.done is not None:
            sent_group.done(sent_group)
            assert not self.origin.reset_failed

    def _granted(self, client: ShellClient) -> None:
        self._take(client, ordinary=client.waiting.begins_with_ordinary)
        if client.session.knows_columns and not client.waiting.begins_with_ordinary:
            self._check_columns(client)
        else:
            self._send_waiting(client)

    def _quiet(self) -> None:
        holder = self.holder
        if holder is not None and holder.waits:
            self._granted(holder)
        elif self.stream.transaction_status == IDLE:
            if holder is not None:
                holder.session.settled()
                self.holder = None
            self._settle()

    def _settle(self) -> None:
        self.origin.anything_noted()
        if closing := self.origin.close_statements_in_doubt():
            self._send(SentGroup(None), closing)
        if self.origin.dirty:
            self.resets += 1
            reset = self.origin.reset()
            self._send(SentGroup(None, simple=True, done=self.origin.reset_ended), reset)
