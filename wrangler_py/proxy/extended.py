"""The extended query messages, a function each: each adds to what the origin is sent and to its outstanding
requests.

Gives True while the group can stay plain. Names of prepared statements are the pool's at the origin and the
client's own at the client: see `session.statements`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import BIND, CLOSE, DESCRIBE, EXECUTE, PARSE, STATEMENT
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_BIND,
    OUTSTANDING_CLOSE,
    OUTSTANDING_DESCRIBE,
    OUTSTANDING_EXECUTE,
    Action,
    OutstandingRequest,
)
from wrangler_py.proxy.columns import learn, learn_from_portal
from wrangler_py.proxy.session_effects import (
    allowed,
    cannot_be_run,
    deallocate_all,
    discard_all,
    drop_statements,
    in_failed_transaction,
    in_transaction,
    is_for_both,
    is_for_origin,
    no_statement,
    note,
    refused,
    wrong_value_count,
)

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.session.client_statements import Undo, UnnamedChange
    from wrangler_py.session.statements import Statement

FAILS = b"refused by the proxy\0\0\0"
"""A statement's definition that no server takes, sent where the client has to get an error of ours: so the
transaction it is in fails as it would at a server."""
_TRANSACTION_FAILED = messages.error_response(
    "25P02", "current transaction is aborted, commands ignored until end of transaction block"
)


def add_parse(
    client: ClientSession,
    origin: OriginConnection,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    name, statement = client.pool.statements.parsed(data, client.settings)
    text = statement.text
    if not name:
        client.unnamed_described = False
    if text.refusal is not None and not allowed(client, origin, text.refusal):
        error = refused(client, statement.sql, text.refusal)
        return add_failure(origin, error, out, outstanding, _unnamed_fails(client, name))
    if client.statements.is_taken(name):
        shown = name.decode("utf-8", "replace")
        error = messages.error_response("42P05", f'prepared statement "{shown}" already exists')
        out.append(messages.parse(b"", statement.definition))  # what is wrong with it comes first
        outstanding.append(OutstandingRequest(PARSE, Action.SKIP))
        return add_failure(origin, error, out, outstanding)
    if text.deallocates is not None and in_failed_transaction(client, origin):
        return add_failure(origin, _TRANSACTION_FAILED, out, outstanding, _unnamed_fails(client, name))
    is_first = not out
    if out:
        origin.session.may_be_skipped()
    if text.changes_schema:
        client.pool.statements.forget_all()
    if not origin.session.pristine and (name or client.in_transaction):
        statement = client.pool.statements.private(statement)
    undo = client.statements.put(name, statement)
    if text.deallocates is not None:
        outstanding.append(
            OutstandingRequest(PARSE, Action.FAKE, messages.PARSE_COMPLETE, name, statement, undo=undo)
        )
        return False
    if not name:
        origin.session.parse_unnamed(statement)
        out.append(data)
        outstanding.append(OutstandingRequest(PARSE, name=b"", statement=statement, undo=undo))
        return is_first  # `ClientSession.failed_at_once` goes by that
    if statement in origin.session.prepared:
        if in_failed_transaction(client, origin) and not text.ends_failure:
            undo()
            return add_failure(origin, _TRANSACTION_FAILED, out, outstanding)
        origin.session.use(statement)
        if origin.stream.queue and client.in_transaction:  # which may have failed by then
            origin.session.parse_unnamed(None)
            out.append(messages.parse(b"", statement.definition))
            outstanding.append(OutstandingRequest(PARSE, Action.REPLACE, messages.PARSE_COMPLETE, name, undo=undo))
        else:
            outstanding.append(
                OutstandingRequest(PARSE, Action.FAKE, messages.PARSE_COMPLETE, name, statement, undo=undo)
            )
    else:
        request = OutstandingRequest(PARSE, name=name, statement=statement, undo=undo)
        prepare(client, origin, statement, request, out, outstanding)
    return False


def _unnamed_fails(client: ClientSession, name: bytes) -> UnnamedChange | None:
    """What a Parse that is to fail does to the books."""
    return None if name else client.statements.set_unnamed(None)


def prepare(
    client: ClientSession,
    origin: OriginConnection,
    statement: Statement,
    request: OutstandingRequest,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> None:
    """Parses `statement` at the origin, which hasn't got it."""
    if out:
        origin.session.may_be_skipped()
    superfluous = origin.session.prepare(statement, client.proxy.options.max_prepared_statements)
    if superfluous is not None:
        out.append(messages.close_statement(superfluous.name))
        outstanding.append(OutstandingRequest(CLOSE, Action.SKIP, statement=superfluous))
    if origin.session.drop_statements:  # the origin may have it, for all that is known
        out.append(messages.close_statement(statement.name))
        outstanding.append(OutstandingRequest(CLOSE, Action.SKIP))
    out.append(messages.parse(statement.name, statement.definition))
    outstanding.append(request)
    if statement.rows is not None and request.name is not None:
        # A portal's Describe is not compared with these columns: so the statement's is.
        out.append(messages.describe_statement(statement.name))
        learns = partial(learn, client, origin, request.name, statement)
        outstanding.append(OutstandingRequest(DESCRIBE, Action.SKIP, learns=learns))


def add_proof(origin: OriginConnection, out: list[bytes], outstanding: list[OutstandingRequest]) -> None:
    """Has the origin look at a statement of a Parse that it isn't sent, as it would if it were."""
    parse = outstanding[0]
    if len(out) == 1 and parse.kind == PARSE and parse.statement in origin.session.prepared:
        out.insert(0, messages.describe_statement(parse.statement.name))
        outstanding.insert(0, OutstandingRequest(DESCRIBE, Action.SKIP))


def add_bind(
    client: ClientSession,
    origin: OriginConnection,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    portal, name, position = messages.split_bind(data)
    statement = client.statements.get(name)
    if statement is None:
        return add_failure(origin, no_statement(name), out, outstanding)
    text = statement.text
    if text.refusal is not None and not allowed(client, origin, text.refusal):
        return add_failure(origin, refused(client, statement.sql, text.refusal), out, outstanding)
    if text.deallocates is not None:
        return _bind_locally(client, origin, data, out, outstanding)
    client.local_portals.pop(portal, None)
    client.cached_portals.pop(portal, None)
    client.portals[portal] = (name, statement)
    unnamed_ahead = not name and client.unnamed_described
    client.count(statement.sql, text, statement=statement, bind=data[position:], unnamed_ahead=unnamed_ahead)
    plain = _has_statement(client, origin, name, statement, out, outstanding)
    note(client, origin, text)
    if not name:
        out.append(data)
    else:
        length = int.from_bytes(data[1:5], "big") + len(statement.name) - len(name)  # `data` may be only the head
        header = messages.HEADER.pack(BIND, length)
        out.append(header + portal + b"\0" + statement.name + b"\0" + data[position:])
    outstanding.append(OUTSTANDING_BIND)
    return plain


def _has_statement(
    client: ClientSession,
    origin: OriginConnection,
    name: bytes,
    statement: Statement,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    """Whether the origin had `statement`, which the client calls `name`; it has once `out` is sent."""
    if not name:
        if origin.session.unnamed is statement:
            return True
        if out:
            origin.session.may_be_skipped()
        origin.session.parse_unnamed(statement)
        origin.session.prepares_unasked(statement)
        out.append(messages.parse(b"", statement.definition))
        outstanding.append(OutstandingRequest(PARSE, Action.SKIP))
        return False
    if origin.session.use(statement):
        return True
    request = OutstandingRequest(PARSE, Action.SKIP, name=name, statement=statement)
    origin.session.prepares_unasked(statement)
    prepare(client, origin, statement, request, out, outstanding)
    return False


def _bind_locally(
    client: ClientSession,
    origin: OriginConnection,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    """DEALLOCATE or DISCARD ALL, which the origin need not know of."""
    portal, name, position = messages.split_bind(data)
    values = messages.count_values(data, position)
    if values:
        return add_failure(origin, wrong_value_count(name, values), out, outstanding)
    if in_failed_transaction(client, origin):
        return add_failure(origin, _TRANSACTION_FAILED, out, outstanding)
    statement = client.statements.get(name)
    assert statement is not None
    client.local_portals[portal] = statement
    client.cached_portals.pop(portal, None)
    client.portals.pop(portal, None)
    undo = partial(client.local_portals.pop, portal, None)
    outstanding.append(OutstandingRequest(BIND, Action.FAKE, messages.BIND_COMPLETE, undo=undo))
    return False


def add_describe(
    client: ClientSession,
    origin: OriginConnection,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    target, name = messages.split_target(data)
    if target != STATEMENT:
        if name in client.local_portals:
            outstanding.append(OutstandingRequest(DESCRIBE, Action.FAKE, messages.NO_DATA))
            return False
        out.append(data)
        return _learn_of_portal(client, origin, name, outstanding)
    statement = client.statements.get(name)
    if statement is None:
        return add_failure(origin, no_statement(name), out, outstanding)
    if statement.text.deallocates is not None:
        answer = messages.NO_PARAMETERS + messages.NO_DATA
        outstanding.append(OutstandingRequest(DESCRIBE, Action.FAKE, answer))
        return False
    _has_statement(client, origin, name, statement, out, outstanding)
    if not name:
        client.unnamed_described = True
        out.append(data)
    else:
        out.append(messages.describe_statement(statement.name))
    client.knows_columns = True
    outstanding.append(OutstandingRequest(DESCRIBE, learns=partial(learn, client, origin, name, statement)))
    return False


def _learn_of_portal(
    client: ClientSession, origin: OriginConnection, portal: bytes, outstanding: list[OutstandingRequest]
) -> bool:
    """Adds the request of a portal's Describe. The columns of a portal are those of its statement."""
    name, statement = client.portals.get(portal, (b"", None))
    if statement is None:
        outstanding.append(OUTSTANDING_DESCRIBE)
        return True
    client.knows_columns = True
    if statement.rows is not None:
        outstanding.append(OUTSTANDING_DESCRIBE)
        return True
    outstanding.append(
        OutstandingRequest(DESCRIBE, learns=partial(learn_from_portal, client, origin, name, statement))
    )
    return False


def add_execute(
    client: ClientSession,
    origin: OriginConnection,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    if client.cached_portals:
        bound = client.cached_portals.pop(messages.cstring(data, 5)[0], None)
        if bound is not None:
            # Bound to a stored answer, which turns out not to be enough: a few rows are asked for, say.
            add_bind(client, origin, bound.bind, out, outstanding)
            outstanding[-1] = (
                OutstandingRequest(BIND, Action.SKIP) if outstanding[-1] is OUTSTANDING_BIND else outstanding[-1]
            )
            out.append(data)
            outstanding.append(OUTSTANDING_EXECUTE)
            return False
    if client.local_portals:
        portal, _ = messages.cstring(data, 5)
        if portal in client.local_portals:
            statement = client.local_portals[portal]
            if statement is None:
                return add_failure(origin, cannot_be_run(portal), out, outstanding)
            return _deallocate(client, origin, statement, data, out, outstanding)
    out.append(data)
    outstanding.append(OUTSTANDING_EXECUTE)
    return True


def _deallocate(
    client: ClientSession,
    origin: OriginConnection,
    statement: Statement,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    """Executes what `_bind_locally` bound: here, or at an origin that has more to drop than is known of here."""
    text = statement.text
    portal, _ = messages.cstring(data, 5)
    undo: Undo | None = None
    if out:
        origin.session.may_be_skipped()
    if client.pinned and text.discards_all and not in_transaction(client, origin):
        undo = discard_all(client, origin)
    elif client.pinned and is_for_both(client, origin, text):
        undo = deallocate_all(client, origin)
    elif not is_for_origin(client, origin, text):
        answer, undo = drop_statements(client, text)
        if undo is None:
            return add_failure(origin, answer, out, outstanding)
        outstanding.append(OutstandingRequest(EXECUTE, Action.FAKE, answer, undo=undo))
        client.local_portals[portal] = None
        return False
    origin.session.parse_unnamed(None)
    del client.local_portals[portal]
    out += (messages.parse(b"", statement.definition), messages.bind(portal, b"", bytes(6)), data)
    outstanding += (
        OutstandingRequest(PARSE, Action.SKIP),
        OutstandingRequest(BIND, Action.SKIP),
        OutstandingRequest(EXECUTE, undo=undo),
    )
    return False


def add_close(
    client: ClientSession,
    origin: OriginConnection,
    data: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
) -> bool:
    target, name = messages.split_target(data)
    if target == STATEMENT:
        if out:
            origin.session.may_be_skipped()
        undo = client.statements.remove(name)
        outstanding.append(OutstandingRequest(CLOSE, Action.FAKE, messages.CLOSE_COMPLETE, undo=undo))
        return False
    client.portals.pop(name, None)
    out.append(data)
    outstanding.append(OUTSTANDING_CLOSE)
    return True


def add_failure(
    origin: OriginConnection,
    error: bytes,
    out: list[bytes],
    outstanding: list[OutstandingRequest],
    undo: Undo | None = None,
) -> bool:
    """`undo` is for the case that the origin skips it."""
    origin.session.parse_unnamed(None)
    out.append(messages.parse(b"", FAILS))
    outstanding.append(OutstandingRequest(PARSE, Action.REPLACE, error, undo=undo))
    return False
