"""Whether a statement still has the columns that clients were told of.

A server that has prepared a statement notices when its columns change. A connection that prepares it after the
change would not, so the columns that are known are compared first.
"""

from __future__ import annotations

from collections.abc import Iterable

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import (
    NO_DATA,
    NOTIFICATION_RESPONSE,
    PARAMETER_DESCRIPTION,
    PARAMETER_STATUS,
    ROW_DESCRIPTION,
)
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import BIND, PARSE
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.pgwire.results import same_columns, with_formats
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.effects import SCHEMA_CHANGE
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.statements import Statement
from wrangler_py.session.translation.sql_effects import in_failed_transaction

_RESULT_TYPE_CHANGED = messages.error_response(
    "0A000", "cached plan must not change result type", routine="RevalidateCachedQuery"
)


def statements_to_check(
    client: ClientSession, origin: OriginSession, groups: Iterable[list[Piece]]
) -> dict[bytes, Statement]:
    """Statements with known columns that `groups` bind and that `origin` has not prepared, by the client's names.

    Empty while a pipeline or a COPY is open, where nothing can be sent in between, and in a failed transaction,
    where nothing with columns can be bound. Raises ProtocolError.
    """
    queue = origin.stream.queue
    if origin.stream.copy_in or (queue and not queue[-1].closed) or in_failed_transaction(client, origin):
        return {}
    found: dict[bytes, Statement] = {}
    for group in groups:
        parsed = {messages.split_parse(data)[0] for kind, data, _ in group if kind == PARSE}
        for kind, data, _ in group:
            if kind == BIND:
                name = messages.split_bind(data)[1]
                statement = client.statements.get(name)
                if name in parsed or statement is None or statement in found.values():
                    continue
                if _has_to_be_checked(origin, name, statement):
                    found[name] = statement
    return found


def _has_to_be_checked(origin: OriginSession, name: bytes, statement: Statement) -> bool:
    if statement.rows is None or statement.text.deallocates is not None:
        return False
    return statement not in origin.prepared if name else origin.unnamed is not statement


class ColumnCheck:
    """Prepares statements on a connection and checks that they have the columns that are known of them.

    `data` is what to send, and `write` takes the answers. Then `result` tells whether to go on, and `for_client`
    gives what a server tells its client at any time.
    """

    def __init__(self, client: ClientSession, origin: OriginSession, statements: dict[bytes, Statement]) -> None:
        self._client = client
        self._origin = origin
        self._statements = list(statements.values())
        self._touched = [statement for name, statement in statements.items() if name]
        self._answers: list[bytes] = []
        out: list[bytes] = []
        for name, statement in statements.items():
            if name:
                superfluous = origin.prepare(statement, client.shared.max_prepared_statements)
                if superfluous is not None:
                    self._touched.append(superfluous)
                    out.append(messages.close_statement(superfluous.name))
                if origin.drop_statements:
                    out.append(messages.close_statement(statement.name))
                out.append(messages.parse(statement.name, statement.definition))
                out.append(messages.describe_statement(statement.name))
            else:
                origin.parse_unnamed(statement)
                out.append(messages.parse(b"", statement.definition) + messages.describe_statement(b""))
        self.data = b"".join(out) + messages.SYNC

    def write(self, data: bytes) -> None:
        self._answers.append(data)

    def for_client(self) -> bytes:
        """ParameterStatus messages, when a check that fails ends what SET LOCAL has set, and notifications."""
        return b"".join(
            messages.of_kinds(b"".join(self._answers), bytes((PARAMETER_STATUS, NOTIFICATION_RESPONSE)))
        )

    def result(self, sent_group: SentGroup) -> tuple[bytes | None, bytes]:
        """The error for the client, None if the columns are the same, and what to send before anything else.

        The error is what a server says when the columns of a plan have changed.
        """
        described = messages.of_kinds(b"".join(self._answers), bytes((ROW_DESCRIPTION, NO_DATA)))
        known = [statement.rows for statement in self._statements]
        if sent_group.error is None and len(described) == len(known) and all(map(same_columns, described, known)):
            return None, b""
        self._origin.forget(self._statements)
        self._client.shared.schema_changed()
        self._client.has_effect(SCHEMA_CHANGE)
        self._origin.parse_unnamed(None)
        closes = [messages.close_statement(statement.name) for statement in self._touched]
        cleanup = b"".join(closes) + messages.SYNC if closes else b""
        return sent_group.error or _RESULT_TYPE_CHANGED, cleanup


def learn(
    client: ClientSession,
    origin: OriginSession,
    name: bytes,
    statement: Statement,
    as_asked: bool,
    answer: bytes,
) -> None:
    """Takes note of an answer to the Describe of a statement that `client` calls `name`, one message at a time.

    Other columns than those known belong to another statement, which this client has from now on. Unless the
    settings surely were those that it asked for (`as_asked`), the answer holds for no other client either.
    """
    as_asked = as_asked or statement.private
    is_new = statement.rows is None
    if answer[0] == PARAMETER_DESCRIPTION or same_columns(answer, statement.rows) or (is_new and as_asked):
        if as_asked:
            statement.learn(answer)
        return
    if is_new and not name:
        return
    statements = client.shared.statements
    if is_new:
        own = statements.private(statement)
    else:
        client.shared.schema_changed()
        client.has_effect(SCHEMA_CHANGE)
        own = statements.get(statement.definition, client.settings)
        if not as_asked:
            own = statements.private(own)
        origin.forget([statement])
        origin.leave_dirty(drop_statements=True)
    own.take_description(statement, answer)
    if client.statements.get(name) is statement:
        client.statements.put(name, own)


def learn_from_portal(
    client: ClientSession,
    origin: OriginSession,
    name: bytes,
    statement: Statement,
    as_asked: bool,
    answer: bytes,
) -> None:
    """Takes note of the answer to the Describe of a portal of `statement`. The formats are the portal's own."""
    learn(client, origin, name, statement, as_asked, with_formats(answer, ()))
