"""Does a statement still have the columns that clients were told of?

A server that has prepared it notices when they change. A connection that prepares it later, after the change, would
not: so what is known of the columns is compared first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import NO_DATA, PARAMETER_DESCRIPTION, ROW_DESCRIPTION
from wrangler_py.pgwire.frontend_kinds import BIND, PARSE
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.pgwire.results import with_formats
from wrangler_py.proxy.origin import Collector

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.forward import Group
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.session.statements import Statement

_RESULT_TYPE_CHANGED = messages.error_response(
    "0A000", "cached plan must not change result type", routine="RevalidateCachedQuery"
)


def unproved(client: ClientSession, origin: OriginConnection, groups: list[Group]) -> dict[bytes, Statement]:
    """Statements with known columns that `groups` bind and that are still to be prepared on `origin`, by the
    client's names. Empty while a pipeline or a COPY is open there, where nothing can be put in between. Raises
    ProtocolError.
    """
    queue = origin.stream.queue
    if origin.stream.copy_in or (queue and not queue[-1].closed):
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
                if _needs_proof(origin, name, statement):
                    found[name] = statement
    return found


def _needs_proof(origin: OriginConnection, name: bytes, statement: Statement) -> bool:
    if statement.rows is None or statement.text.deallocates is not None:
        return False
    return statement not in origin.session.prepared if name else origin.session.unnamed is not statement


def same_columns(one: bytes, other: bytes) -> bool:
    """Whether two RowDescriptions (or NoData) are of the same columns, as a server compares them: by names and
    types, not the table that they come from, which may be another one.
    """
    return one is other or _columns(one) == _columns(other)


def learn(
    client: ClientSession, origin: OriginConnection, name: bytes, statement: Statement, answer: bytes
) -> None:
    """Takes note of an answer to `client`'s Describe of what it calls `name`, a part of an answer at a time.

    Other columns than those known are another statement's, which this client has from now on.
    """
    if answer[0] == PARAMETER_DESCRIPTION or statement.rows is None or same_columns(answer, statement.rows):
        statement.learn(answer)
        return
    client.pool.schema_changed()
    renewed = client.pool.statements.get(statement.definition, client.settings)
    renewed.parameters, renewed.rows = statement.parameters, answer
    if client.statements.get(name) is statement:
        client.statements.put(name, renewed)
    origin.session.forget([statement])
    origin.session.leave_dirty(drop_statements=True)


def learn_from_portal(
    client: ClientSession, origin: OriginConnection, name: bytes, statement: Statement, answer: bytes
) -> None:
    """Takes note of the answer to `client`'s Describe of a portal of `statement`, whose formats are its own."""
    learn(client, origin, name, statement, with_formats(answer, ()))


def _columns(description: bytes | None) -> object:
    if description is None or description[0] != ROW_DESCRIPTION:
        return description
    columns, position = [], 7
    while position < len(description):
        end = description.index(0, position)
        columns.append((description[position:end], description[end + 7 : end + 17]))
        position = end + 19
    return columns


def prove_columns(
    pool: Pool,
    origin: OriginConnection,
    statements: dict[bytes, Statement],
    then: Callable[[bytes | None], None],
) -> None:
    """Prepares statements on this connection and checks that they have the columns that are known of them.

    `then` gets None, or the error to give to the client: what a server says when a plan's columns have changed.
    """
    collector = Collector()
    out: list[bytes] = []
    touched = [statement for name, statement in statements.items() if name]
    for name, statement in statements.items():
        if name:
            superfluous = origin.session.prepare(statement, pool.options.max_prepared_statements)
            if superfluous is not None:
                touched.append(superfluous)
                out.append(messages.close_statement(superfluous.name))
            if origin.session.drop_statements:
                out.append(messages.close_statement(statement.name))
            out.append(messages.parse(statement.name, statement.definition))
            out.append(messages.describe_statement(statement.name))
        else:
            origin.session.parse_unnamed(statement)
            out.append(messages.parse(b"", statement.definition) + messages.describe_statement(b""))

    def done(sent_group: SentGroup) -> None:
        if sent_group.error == b"":
            return  # the connection is lost, and its client is told so
        described = messages.of_kinds(collector.data, bytes((ROW_DESCRIPTION, NO_DATA)))
        known = [statement.rows for statement in statements.values()]
        if sent_group.error is None and [*map(_columns, described)] == [*map(_columns, known)]:
            then(None)
            return
        origin.session.forget(statements.values())
        pool.schema_changed()
        origin.session.parse_unnamed(None)
        closes = [messages.close_statement(statement.name) for statement in touched]
        if closes and not origin.closed:
            origin.send(SentGroup(None), b"".join(closes) + messages.SYNC)
        then(sent_group.error or _RESULT_TYPE_CHANGED)

    origin.send(SentGroup(collector, done=done), b"".join(out) + messages.SYNC)
