"""The translation of extended query messages, one method for each kind.

At the origin, named statements have the pool's names; at the client, its own: see `session.statements`.
"""

from __future__ import annotations

from functools import partial

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import BIND, CLOSE, DESCRIBE, EXECUTE, PARSE, STATEMENT, SYNC
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_BIND,
    OUTSTANDING_CLOSE,
    OUTSTANDING_DESCRIBE,
    OUTSTANDING_EXECUTE,
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
)
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.client_statements import Undo, UnnamedChange
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.statements import Statement
from wrangler_py.session.translation.columns import learn, learn_from_portal
from wrangler_py.session.translation.sql_effects import (
    cannot_be_run,
    deallocate_all,
    discard_all,
    drop_statements,
    in_failed_transaction,
    in_transaction,
    is_allowed,
    is_for_both,
    is_for_origin,
    no_statement,
    note,
    wrong_value_count,
)

FAILING_DEFINITION = b"refused by the proxy\0\0\0"
"""The definition of a statement that no server takes. It is sent where the client has to get an error of the
proxy's own, so that the transaction around it fails as it would at a server."""
NO_MORE_ROWS = messages.command_complete("SELECT 0")
"""The answer to an Execute of a portal whose rows have been fetched."""
_CLOSE_NOTHING = messages.close_portal(b"a portal that nobody has")
_TRANSACTION_FAILED = messages.error_response(
    "25P02", "current transaction is aborted, commands ignored until end of transaction block"
)


class ExtendedTranslation:
    """Collects what the origin is sent for a client's messages, and the outstanding requests that go with it.

    `out` and `outstanding` grow with each message. `plain`: so far, each message has been sent as it is or with
    another name only, so its answer needs no attention. `alone`: nothing ahead of these messages can make the
    origin skip them.
    """

    __slots__ = ("_ahead", "_bound_as_asked", "_is_as_asked", "client", "origin", "out", "outstanding", "plain")

    def __init__(self, client: ClientSession, origin: OriginSession, *, alone: bool) -> None:
        self.client = client
        self.origin = origin
        self.out: list[bytes] = []
        self.outstanding: list[OutstandingRequest] = []
        self.plain = True
        self._ahead = not alone
        self._is_as_asked = alone and (origin.has_run_nothing or not (origin.dirty or client.in_transaction))
        """Whether the settings surely are those that the client asked for, so that what is described now holds for
        other clients as well."""
        self._bound_as_asked = self._is_as_asked
        """The same when the last portal was bound."""

    @property
    def _may_be_skipped(self) -> bool:
        """Whether something ahead may fail, so that the origin skips what is sent next."""
        return self._ahead or bool(self.out)

    def send(self, data: bytes) -> None:
        """A message that needs no attention and has no answer of its own."""
        self.out.append(data)

    def sync(self, data: bytes) -> None:
        self.client.sync()
        self.out.append(data)
        self.outstanding.append(OUTSTANDING_READY)

    def parse(self, data: bytes) -> None:
        client, origin = self.client, self.origin
        name, statement = client.shared.statements.parsed(data, client.settings)
        text = statement.text
        if not name:
            client.parses_unnamed()
        if text.refusal is not None and not is_allowed(client, origin, text.refusal):
            self.fail(client.refuse(statement.sql, text.refusal), self._unnamed_fails(name))
            return
        if client.statements.is_taken(name):
            shown = name.decode("utf-8", "replace")
            error = messages.error_response("42P05", f'prepared statement "{shown}" already exists')
            origin.reads_constants()
            self.out.append(messages.parse(b"", statement.definition))  # an error in the statement comes first
            self.outstanding.append(OutstandingRequest(PARSE, Action.SKIP))
            self.fail(error)
            return
        if text.deallocates is not None and in_failed_transaction(client, origin):
            self.fail(_TRANSACTION_FAILED, self._unnamed_fails(name))
            return
        is_first = not self._may_be_skipped
        if not is_first:
            origin.may_be_skipped()
        if text.changes_schema:
            client.shared.statements.forget_all()
        if not origin.has_run_nothing and (name or client.in_transaction):
            statement = client.shared.statements.private(statement)
        undo = client.statements.put(name, statement)
        if text.deallocates is not None:
            self._answer_parse(name, statement, undo)
        elif not name:
            origin.parse_unnamed(statement)
            self.out.append(data)
            self.outstanding.append(OutstandingRequest(PARSE, name=b"", statement=statement, undo=undo))
            self.plain = self.plain and is_first  # `ClientSession.failed_at_once` relies on that
        elif statement in origin.prepared:
            self._parse_prepared(name, statement, undo)
        else:
            self._prepare(statement, OutstandingRequest(PARSE, name=name, statement=statement, undo=undo))

    def _parse_prepared(self, name: bytes, statement: Statement, undo: Undo) -> None:
        """The Parse of a statement that the origin has already."""
        client, origin = self.client, self.origin
        if in_failed_transaction(client, origin) and not statement.text.ends_failure:
            undo()
            self.fail(_TRANSACTION_FAILED)
            return
        origin.use(statement)
        if origin.stream.queue and client.in_transaction:  # which may have failed by then
            origin.parse_unnamed(None)
            origin.reads_constants()
            self.out.append(messages.parse(b"", statement.definition))
            request = OutstandingRequest(PARSE, Action.REPLACE, messages.PARSE_COMPLETE, name, undo=undo)
            self.outstanding.append(request)
            self.plain = False
        else:
            self._answer_parse(name, statement, undo)

    def _answer_parse(self, name: bytes, statement: Statement, undo: Undo) -> None:
        request = OutstandingRequest(PARSE, Action.FAKE, messages.PARSE_COMPLETE, name, statement, undo=undo)
        self.outstanding.append(request)
        self.plain = False

    def _unnamed_fails(self, name: bytes) -> UnnamedChange | None:
        """Notes a Parse that is going to fail."""
        return None if name else self.client.statements.set_unnamed(None)

    def _prepare(self, statement: Statement, request: OutstandingRequest) -> None:
        """Parses `statement` at the origin, which doesn't have it."""
        if self._may_be_skipped:
            self.origin.may_be_skipped()
        prepare(
            self.client, self.origin, statement, request, self.out, self.outstanding, as_asked=self._is_as_asked
        )
        self.plain = False

    def bind(self, data: bytes, missing: int) -> None:
        if self._bind(data):
            self.client.stream(missing)
        else:
            self.client.stream(0)  # another message went out in its place

    def _bind(self, data: bytes) -> bool:
        """Whether the Bind itself is sent."""
        client, origin = self.client, self.origin
        portal, name, position = messages.split_bind(data)
        statement = client.statements.get(name)
        if statement is None:
            self.fail(no_statement(name))
            return False
        text = statement.text
        if text.refusal is not None and not is_allowed(client, origin, text.refusal):
            self.fail(client.refuse(statement.sql, text.refusal))
            return False
        if text.deallocates is not None:
            self._bind_locally(data)
            return False
        client.bind(portal, name, statement)
        unnamed_ahead = not name and client.unnamed_described
        client.count(
            statement.sql,
            text,
            statement=statement,
            bind=data[position:],
            unnamed_ahead=unnamed_ahead,
            dirty=origin.dirty,
        )
        self._have(name, statement)
        self._bound_as_asked, self._is_as_asked = self._is_as_asked, False
        note(client, origin, text)
        if not name:
            self.out.append(data)
        else:
            length = int.from_bytes(data[1:5], "big") + len(statement.name) - len(name)
            header = messages.HEADER.pack(BIND, length)
            self.out.append(header + portal + b"\0" + statement.name + b"\0" + data[position:])
        self.outstanding.append(OUTSTANDING_BIND)
        return True

    def _have(self, name: bytes, statement: Statement) -> None:
        """Makes sure that the origin has `statement`, which the client calls `name`."""
        origin = self.origin
        if not name:
            if origin.unnamed is statement:
                return
            if self._may_be_skipped:
                origin.may_be_skipped()
            origin.parse_unnamed(statement)
            origin.prepares_unasked(statement)
            self.out.append(messages.parse(b"", statement.definition))
            self.outstanding.append(OutstandingRequest(PARSE, Action.SKIP))
            self.plain = False
        elif not origin.use(statement):
            origin.prepares_unasked(statement)
            self._prepare(statement, OutstandingRequest(PARSE, Action.SKIP, name=name, statement=statement))

    def _bind_locally(self, data: bytes) -> None:
        """Binds a DEALLOCATE or DISCARD ALL, which the origin need not know of."""
        client = self.client
        portal, name, position = messages.split_bind(data)
        values = messages.count_values(data, position)
        if values:
            self.fail(wrong_value_count(name, values))
            return
        if in_failed_transaction(client, self.origin):
            self.fail(_TRANSACTION_FAILED)
            return
        statement = client.statements.get(name)
        assert statement is not None
        if portal in client.portals:  # the origin's portal of that name is replaced
            self.out.append(messages.close_portal(portal))
            self.outstanding.append(OutstandingRequest(CLOSE, Action.SKIP))
        undo = client.bind_locally(portal, statement)
        self.outstanding.append(OutstandingRequest(BIND, Action.FAKE, messages.BIND_COMPLETE, undo=undo))
        self.plain = False

    def describe(self, data: bytes) -> None:
        client = self.client
        target, name = messages.split_target(data)
        if target != STATEMENT:
            if name in client.local_portals:
                self.outstanding.append(OutstandingRequest(DESCRIBE, Action.FAKE, messages.NO_DATA))
                self.plain = False
                return
            self.out.append(data)
            self._describe_portal(name)
            return
        statement = client.statements.get(name)
        if statement is None:
            self.fail(no_statement(name))
            return
        self.plain = False
        if statement.text.deallocates is not None:
            answer = messages.NO_PARAMETERS + messages.NO_DATA
            self.outstanding.append(OutstandingRequest(DESCRIBE, Action.FAKE, answer))
            return
        self._have(name, statement)
        self.origin.reads_constants()
        if not name:
            client.describes_unnamed()
            self.out.append(data)
        else:
            self.out.append(messages.describe_statement(statement.name))
        client.is_told_columns()
        learns = partial(learn, client, self.origin, name, statement, self._is_as_asked)
        self.outstanding.append(OutstandingRequest(DESCRIBE, learns=learns))

    def _describe_portal(self, portal: bytes) -> None:
        """Adds the request of a portal's Describe. The columns of a portal are those of its statement."""
        name, statement = self.client.portals.get(portal, (b"", None))
        if statement is None:
            self.outstanding.append(OUTSTANDING_DESCRIBE)
            return
        self.client.is_told_columns()
        as_asked = self._bound_as_asked or statement.private
        if statement.rows is not None or not (as_asked or name):
            self.outstanding.append(OUTSTANDING_DESCRIBE)
            return
        learns = partial(learn_from_portal, self.client, self.origin, name, statement, as_asked)
        self.outstanding.append(OutstandingRequest(DESCRIBE, learns=learns))
        self.plain = False

    def execute(self, data: bytes) -> None:
        client = self.client
        if client.cached_portals:
            portal, _ = messages.cstring(data, 5)
            bound = client.cached_portals.get(portal)
            if bound is not None and bound.done:
                self.outstanding.append(OutstandingRequest(EXECUTE, Action.FAKE, NO_MORE_ROWS))
                self.plain = False
                return
            if bound is not None:
                client.take_cached_portal(portal)
                # It was bound to a stored answer that turns out not to be enough: a few rows are asked for, say.
                if self._bind(bound.bind):
                    self.outstanding[-1] = OutstandingRequest(BIND, Action.SKIP)
                self.out.append(data)
                self.outstanding.append(OUTSTANDING_EXECUTE)
                self.plain = False
                return
        if client.local_portals:
            portal, _ = messages.cstring(data, 5)
            if portal in client.local_portals:
                statement = client.local_portals[portal]
                if statement is None:
                    self.fail(cannot_be_run(portal))
                else:
                    self._deallocate(statement, data)
                return
        self.out.append(data)
        self.outstanding.append(OUTSTANDING_EXECUTE)

    def _deallocate(self, statement: Statement, data: bytes) -> None:
        """Executes what `_bind_locally` bound: here, or at an origin that has more to drop than is known here."""
        client, origin = self.client, self.origin
        text = statement.text
        portal, _ = messages.cstring(data, 5)
        undo: Undo | None = None
        if self._may_be_skipped:
            origin.may_be_skipped()
        self.plain = False
        if client.pinned and text.discards_all and not in_transaction(client, origin):
            undo = discard_all(client, origin)
        elif is_for_both(client, origin, text, in_group=self._may_be_skipped):
            undo = deallocate_all(client, origin)
        elif not is_for_origin(client, origin, text):
            answer, undo = drop_statements(client, text)
            if undo is None:
                self.fail(answer)
                return
            self.outstanding.append(OutstandingRequest(EXECUTE, Action.FAKE, answer, undo=undo))
            client.local_portal_ran(portal)
            return
        origin.parse_unnamed(None)
        client.forget_local_portal(portal)
        self.out += (messages.parse(b"", statement.definition), messages.bind(portal, b"", bytes(6)), data)
        self.outstanding += (
            OutstandingRequest(PARSE, Action.SKIP),
            OutstandingRequest(BIND, Action.SKIP),
            OutstandingRequest(EXECUTE, undo=undo),
        )

    def close(self, data: bytes) -> None:
        target, name = messages.split_target(data)
        if target == STATEMENT:
            if self._may_be_skipped:
                self.origin.may_be_skipped()
            undo = self.client.statements.remove(name)
            self.outstanding.append(OutstandingRequest(CLOSE, Action.FAKE, messages.CLOSE_COMPLETE, undo=undo))
            self.plain = False
            return
        self.client.close_portal(name)
        self.out.append(data)
        self.outstanding.append(OUTSTANDING_CLOSE)

    def fail(self, error: bytes, undo: Undo | None = None) -> None:
        """Makes the origin fail here; the client gets `error`. `undo` is called if the origin skips this."""
        self.origin.parse_unnamed(None)
        self.out.append(messages.parse(b"", FAILING_DEFINITION))
        self.outstanding.append(OutstandingRequest(PARSE, Action.REPLACE, error, undo=undo))
        self.plain = False

    def check_prepared_statement(self) -> None:
        """Makes the origin look at the statement of a Parse that it isn't sent, as it would if it were sent it.

        For a group that has nothing else but a Sync.
        """
        parse = self.outstanding[0]
        if len(self.out) == 1 and parse.kind == PARSE and parse.statement in self.origin.prepared:
            self.origin.reads_constants()
            self.out.insert(0, messages.describe_statement(parse.statement.name))
            self.outstanding.insert(0, OutstandingRequest(DESCRIBE, Action.SKIP))

    def end_copy(self) -> None:
        """Sends the origin something if all but the Sync is answered here.

        A COPY that is under way ignores a Sync, and no other message. Without one, the origin would ignore a Sync
        that it would not have ignored behind the client's messages.
        """
        others = [request.action for request in self.outstanding if request.kind != SYNC]
        if others and all(action is Action.FAKE for action in others):
            self.out.insert(0, _CLOSE_NOTHING)
            self.outstanding.insert(0, OutstandingRequest(CLOSE, Action.SKIP))


def prepare(
    client: ClientSession,
    origin: OriginSession,
    statement: Statement,
    request: OutstandingRequest,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
    *,
    as_asked: bool,
) -> None:
    """Adds what parses `statement` at the origin; `request` is that of the Parse.

    `as_asked`: the settings there surely are those that the client asked for.
    """
    superfluous = origin.prepare(statement, client.shared.max_prepared_statements)
    if superfluous is not None:
        out.append(messages.close_statement(superfluous.name))
        outstanding.append(OutstandingRequest(CLOSE, Action.SKIP, statement=superfluous))
    if origin.drop_statements:  # the origin may have it, for all that is known
        out.append(messages.close_statement(statement.name))
        outstanding.append(OutstandingRequest(CLOSE, Action.SKIP))
    out.append(messages.parse(statement.name, statement.definition))
    outstanding.append(request)
    if statement.rows is not None and request.name is not None:
        # A portal's Describe is not compared with these columns, so the statement's is.
        out.append(messages.describe_statement(statement.name))
        learns = partial(learn, client, origin, request.name, statement, as_asked)
        outstanding.append(OutstandingRequest(DESCRIBE, Action.SKIP, learns=learns))
