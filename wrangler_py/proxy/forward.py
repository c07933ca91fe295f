"""From a client's messages to what an origin connection is sent, and the steps that make sense of its answers.

Names of prepared statements are the pool's at the origin and the client's own at the client: see
`proxy.statements`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.exchange import (
    BIND,
    CLOSE,
    DESCRIBE,
    EXECUTE,
    PARSE,
    READY,
    STEP_BIND,
    STEP_CLOSE,
    STEP_DESCRIBE,
    STEP_EXECUTE,
    STEP_READY,
    Action,
    Exchange,
    Step,
)  # fmt: skip
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.proxy.session_effects import (
    allowed,
    deallocate_all,
    discard_all,
    discarded_all,
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
from wrangler_py.proxy.sql_text import TOO_LONG

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.proxy.statements import Statement

Group = list[Piece]
"""The last message is what ends the group, when it is closed."""

_PARSE, _BIND, _DESCRIBE, _EXECUTE, _CLOSE, _SYNC, _FLUSH, _QUERY = b"PBDECSHQ"
_STATEMENT = ord("S")

_FAILS = b"refused by the proxy\0\0\0"
"""A statement's definition that no server takes, sent where the client has to get an error of ours: so the
transaction it is in fails as it would at a server."""
_NOTHING = messages.query("")
_TRANSACTION_FAILED = messages.error_response(
    "25P02", "current transaction is aborted, commands ignored until end of transaction block"
)


def answer_locally(client: ClientSession, group: Group, closed: bool) -> bool:
    """Answers a group that needs no origin, when the client holds none; False if there is no such answer."""
    kind, data, _ = group[0]
    if kind == _QUERY:
        if not messages.is_whole(data):
            return False
        text = client.pool.texts.get(data[5:-1])
        if text.refusal is not None and not client.pool.options.allow_unsupported:
            client.unnamed = None
            client.fail_group(group, closed, refused(text.refusal))
            return True
        if text.deallocates is not None:
            client.unnamed = None
            client.write(drop_statements(client, text) + messages.READY_IDLE)
            return True
        return False
    if kind == _PARSE:
        name, statement = client.pool.statements.parsed(data, client.settings)
        refusal = statement.text.refusal
        if refusal is None or client.pool.options.allow_unsupported:
            return False
        if not name:
            client.unnamed = None
        client.fail_group(group, closed, refused(refusal))
        return True
    if not closed:
        return len(group) == 1 and kind == _FLUSH
    answers = []
    for kind, data, _ in group:
        if kind == _CLOSE:
            target, name = messages.split_target(data)
            if target == _STATEMENT:
                if name:
                    client.statements.pop(name, None)
                else:
                    client.unnamed = None
            answers.append(messages.CLOSE_COMPLETE)
        elif kind == _SYNC:
            answers.append(messages.READY_IDLE)
        elif kind != _FLUSH:
            return False
    client.write(b"".join(answers))
    return True


def forward_simple(client: ClientSession, origin: OriginConnection, piece: Piece) -> None:
    """Sends a simple query, or a function call, to the origin that `client` holds."""
    kind, data, missing = piece
    steps: list[Step] | None = None
    done: Callable[[Exchange], None] | None = None
    queue = origin.stream.queue
    open_exchange = queue[-1] if queue and not queue[-1].closed else None
    if open_exchange is not None and open_exchange.failed:
        return  # the origin skips all up to the Sync
    client.streaming = missing > 0
    client.cached_portals = {}
    ready = STEP_READY
    if kind == _QUERY:
        if open_exchange is not None:
            ready = Step(READY, undo=partial(_restore, client, client.unnamed, dict(client.statements)))
            origin.in_doubt = True
        client.unnamed = origin.unnamed = None
    if kind == _QUERY and messages.is_whole(data):
        sql = data[5:-1]
        text = client.pool.texts.get(sql)
        if text.refusal is not None and not allowed(client, origin, text.refusal):
            data = messages.query(_FAILS[:-3])
            steps = [Step(EXECUTE, Action.REPLACE, refused(text.refusal))]
        elif client.pinned and text.discards_all and not in_transaction(client, origin):
            discard_all(client, origin)
        elif open_exchange is None and is_for_both(client, origin, text):
            done = partial(_undo_if_failed, deallocate_all(client, origin))
        elif text.deallocates is not None and not is_for_origin(client, origin, text):
            data = _NOTHING
            steps = [Step(EXECUTE, Action.REPLACE, drop_statements(client, text))]
        else:
            client.in_transaction = in_transaction(client, origin)
            client.count(sql, text)
            note(client, origin, text)
    else:
        origin.dirty = True
        if kind == _QUERY:
            client.count(data[5:205], TOO_LONG)
    if open_exchange is not None:
        open_exchange.end_with_query([*(steps or ()), ready])
        if open_exchange.capture is not None:
            open_exchange.capture.spoiled = True
        client.queries = []
        origin.transport.write(data)
        return
    exchange = Exchange(client, simple=True, steps=steps and [*steps, STEP_READY], done=done)
    if client.queries:
        exchange.queries, client.queries = client.queries, []
        run = exchange.queries[0]
        if run.status is CacheStatus.MISS:
            client.pool.caching.watch_simple(client, exchange, run.sql, run.text)
    origin.send(exchange, data)


def _restore(client: ClientSession, unnamed: Statement | None, statements: dict[bytes, Statement]) -> None:
    client.unnamed, client.statements = unnamed, statements


def _undo_if_failed(undo: Callable[[], None], exchange: Exchange) -> None:
    if exchange.error is not None:  # cancelled, say
        undo()


def forward(client: ClientSession, origin: OriginConnection, group: Group, closed: bool) -> bool:
    """Sends extended query messages to the origin that `client` holds. Raises ProtocolError for malformed ones.

    False if what they mean depends on how that ends which is under way: nothing was sent, then.
    """
    queue = origin.stream.queue
    exchange = queue[-1] if queue and not queue[-1].closed else None
    if exchange is not None and exchange.failed:
        # The origin skips all up to the Sync.
        if closed:
            exchange.closed = True
            origin.transport.write(messages.SYNC)
        return True
    if exchange is None and group[0][0] == _FLUSH:
        return True  # behind a Sync, which flushes anyway
    if origin.stream.copy_in and group[0][0] == _SYNC:
        origin.transport.write(messages.SYNC)  # ignored there
        return True
    if exchange is None and queue:
        if _is_in_doubt(client, origin, group):
            return False
    elif exchange is None:
        origin.in_doubt = False
        if origin.preparing:
            origin.preparing.clear()
    alone = exchange is None and not (queue and queue[-1].query_from is not None)
    out: list[bytes] = [] if alone else [b""]  # what is in it may fail, and then the rest is skipped
    steps: list[Step] = []
    plain = exchange is None and closed and len(group) > 1
    client.in_transaction = in_transaction(client, origin)
    cacheable = not client.in_transaction and not client.pinned and client.pool.caching.enabled
    try:
        for kind, data, missing in group:
            if kind == _BIND:
                plain &= _bind(client, origin, data, out, steps)
                client.streaming = missing > 0 and steps[-1] is STEP_BIND  # and nothing went out in its place
            elif kind == _EXECUTE:
                plain &= _execute(client, origin, data, out, steps)
            elif kind == _SYNC:
                client.unnamed_described = False
                client.cached_portals = {}
                if client.local_portals and not client.in_transaction:
                    client.local_portals.clear()
                out.append(data)
                steps.append(STEP_READY)
            elif kind == _DESCRIBE:
                plain &= _describe(client, origin, data, out, steps)
            elif kind == _PARSE:
                plain &= _parse(client, origin, data, out, steps)
            elif kind == _CLOSE:
                plain &= _close(client, origin, data, out, steps)
            else:
                out.append(data)
    except ProtocolError:
        origin.undo(steps)  # nothing was sent
        raise
    if len(group) == 2 and alone and closed and not client.in_transaction:
        _prove(origin, out, steps)
    data = out[0] if len(out) == 1 else b"".join(out)
    begun = exchange is None
    if exchange is None:
        exchange = Exchange(client, closed=closed, steps=None if plain else steps)
    if client.queries:
        exchange.queries = [*(exchange.queries or ()), *client.queries]
        client.queries = []
    if cacheable and all(run.status is CacheStatus.MISS for run in exchange.queries or ()):
        client.pool.caching.watch(client, exchange, group)
    elif exchange.capture is not None:
        exchange.capture.spoiled = True
    if begun:
        origin.send(exchange, data)
    else:
        exchange.extend(steps, closed=closed)
        origin.transport.write(data)
    if not plain:
        made_up = origin.stream.emit_ready_steps(exchange)
        if made_up:
            client.write(made_up)
    return True


def _is_in_doubt(client: ClientSession, origin: OriginConnection, group: Group) -> bool:
    kind, data, _ = group[0]
    if kind == _SYNC or origin.stream.queue[-1].copy_ended:
        return False
    if kind != _PARSE or origin.in_doubt:
        return origin.in_doubt
    name, statement = client.pool.statements.parsed(data, client.settings)
    return bool(name) and (name in client.statements or statement in origin.preparing)


# --- one function a message: adds what to send and what to expect; True while the exchange can stay plain -----


def _parse(
    client: ClientSession, origin: OriginConnection, data: bytes, out: list[bytes], steps: list[Step]
) -> bool:
    name, statement = client.pool.statements.parsed(data, client.settings)
    text = statement.text
    undo = None
    if not name:
        undo = partial(setattr, client, "unnamed", client.unnamed) if out else None
        client.unnamed = None
        client.unnamed_described = False
    if text.refusal is not None and not allowed(client, origin, text.refusal):
        return _fail(origin, refused(text.refusal), out, steps, undo)
    if name in client.statements:
        shown = name.decode("utf-8", "replace")
        error = messages.error_response("42P05", f'prepared statement "{shown}" already exists')
        out.append(messages.parse(b"", statement.definition))  # what is wrong with it comes first
        steps.append(Step(PARSE, Action.SWALLOW))
        return _fail(origin, error, out, steps)
    if text.deallocates is not None and in_failed_transaction(origin):
        return _fail(origin, _TRANSACTION_FAILED, out, steps, undo)
    is_first = not out
    if out:
        origin.in_doubt = True
    if text.changes_schema:
        client.pool.statements.forget_all()
    if name:
        if origin.has_own_settings:
            statement = client.pool.statements.private(statement)
        client.statements[name] = statement
    else:
        client.unnamed = statement
    if text.deallocates is not None:
        steps.append(Step(PARSE, Action.EMIT, messages.PARSE_COMPLETE, name, statement, undo=undo))
        return False
    if not name:
        origin.unnamed = statement
        out.append(data)
        steps.append(Step(PARSE, name=b"", statement=statement, undo=undo))
        return is_first  # `ClientSession.failed_at_once` goes by that
    if statement in origin.prepared:
        if in_failed_transaction(origin) and not text.ends:
            del client.statements[name]
            return _fail(origin, _TRANSACTION_FAILED, out, steps)
        origin.prepared.move_to_end(statement)
        steps.append(Step(PARSE, Action.EMIT, messages.PARSE_COMPLETE, name, statement))
    else:
        prepare(client, origin, statement, Step(PARSE, name=name, statement=statement), out, steps)
    return False


def prepare(
    client: ClientSession,
    origin: OriginConnection,
    statement: Statement,
    step: Step,
    out: list[bytes],
    steps: list[Step],
) -> None:
    """Parses `statement` at the origin, which hasn't got it."""
    if out:
        origin.in_doubt = True
    origin.preparing.add(statement)
    superfluous = origin.remember(statement, client.proxy.options.max_prepared_statements)
    if superfluous is not None:
        out.append(messages.close_statement(superfluous.name))
        steps.append(Step(CLOSE, Action.SWALLOW, statement=superfluous))
    if origin.has_own_settings:
        origin.prepared_under_own.add(statement)
    out.append(messages.parse(statement.name, statement.definition))
    steps.append(step)


def _prove(origin: OriginConnection, out: list[bytes], steps: list[Step]) -> None:
    """Has the origin look at a statement of a Parse that it isn't sent, as it would if it were."""
    parse = steps[0]
    if len(out) == 1 and parse.finals == PARSE and parse.statement in origin.prepared:
        out.insert(0, messages.describe_statement(parse.statement.name))
        steps.insert(0, Step(DESCRIBE, Action.SWALLOW))


def _bind(
    client: ClientSession, origin: OriginConnection, data: bytes, out: list[bytes], steps: list[Step]
) -> bool:
    portal, name, position = messages.split_bind(data)
    statement = client.statements.get(name) if name else client.unnamed
    if statement is None:
        return _fail(origin, no_statement(name), out, steps)
    text = statement.text
    if text.refusal is not None and not allowed(client, origin, text.refusal):
        return _fail(origin, refused(text.refusal), out, steps)
    if text.deallocates is not None:
        return _bind_locally(client, origin, data, out, steps)
    client.local_portals.pop(portal, None)
    client.cached_portals.pop(portal, None)
    client.count(statement.sql, text, unnamed_ahead=not name and client.unnamed_described)
    note(client, origin, text)
    plain = True
    if not name:
        if origin.unnamed is not statement:
            if out:
                origin.in_doubt = True
            origin.unnamed = statement
            out.append(messages.parse(b"", statement.definition))
            steps.append(Step(PARSE, Action.SWALLOW))
            plain = False
        out.append(data)
    else:
        if statement in origin.prepared:
            origin.prepared.move_to_end(statement)
        else:
            prepare(client, origin, statement, Step(PARSE, Action.SWALLOW, statement=statement), out, steps)
            plain = False
        length = int.from_bytes(data[1:5], "big") + len(statement.name) - len(name)
        out.append(b"B" + length.to_bytes(4, "big") + portal + b"\0" + statement.name + b"\0" + data[position:])
    steps.append(STEP_BIND)
    return plain


def _bind_locally(
    client: ClientSession, origin: OriginConnection, data: bytes, out: list[bytes], steps: list[Step]
) -> bool:
    """DEALLOCATE or DISCARD ALL, which the origin need not know of."""
    portal, name, position = messages.split_bind(data)
    values = messages.count_values(data, position)
    if values:
        return _fail(origin, wrong_value_count(name, values), out, steps)
    if in_failed_transaction(origin):
        return _fail(origin, _TRANSACTION_FAILED, out, steps)
    statement = client.statement(name)
    assert statement is not None
    client.local_portals[portal] = statement
    undo = partial(client.local_portals.pop, portal, None)
    steps.append(Step(BIND, Action.EMIT, messages.BIND_COMPLETE, undo=undo))
    return False


def _describe(
    client: ClientSession, origin: OriginConnection, data: bytes, out: list[bytes], steps: list[Step]
) -> bool:
    target, name = messages.split_target(data)
    if target != _STATEMENT:
        if name in client.local_portals:
            steps.append(Step(DESCRIBE, Action.EMIT, messages.NO_DATA))
            return False
        out.append(data)
        steps.append(STEP_DESCRIBE)
        return True
    statement = client.statement(name)
    if statement is None:
        return _fail(origin, no_statement(name), out, steps)
    if statement.text.deallocates is not None:
        answer = messages.message(b"t", b"\0\0") + messages.NO_DATA
        steps.append(Step(DESCRIBE, Action.EMIT, answer))
        return False
    if not name:
        client.unnamed_described = True
        if origin.unnamed is not statement:
            if out:
                origin.in_doubt = True
            origin.unnamed = statement
            out.append(messages.parse(b"", statement.definition))
            steps.append(Step(PARSE, Action.SWALLOW))
        out.append(data)
    else:
        if statement in origin.prepared:
            origin.prepared.move_to_end(statement)
        else:
            prepare(client, origin, statement, Step(PARSE, Action.SWALLOW, statement=statement), out, steps)
        out.append(messages.describe_statement(statement.name))
    client.knows_columns = True
    steps.append(Step(DESCRIBE, learns=statement.learn))
    return False


def _execute(
    client: ClientSession, origin: OriginConnection, data: bytes, out: list[bytes], steps: list[Step]
) -> bool:
    if client.cached_portals:
        bound = client.cached_portals.pop(messages.cstring(data, 5)[0], None)
        if bound is not None:
            # Bound to a stored answer, which turns out not to be enough: a few rows are asked for, say.
            _bind(client, origin, bound.bind, out, steps)
            steps[-1] = Step(BIND, Action.SWALLOW) if steps[-1] is STEP_BIND else steps[-1]
            out.append(data)
            steps.append(STEP_EXECUTE)
            return False
    if client.local_portals:
        portal, _ = messages.cstring(data, 5)
        statement = client.local_portals.pop(portal, None)
        if statement is not None:
            return _deallocate(client, origin, statement, data, out, steps)
    out.append(data)
    steps.append(STEP_EXECUTE)
    return True


def _deallocate(
    client: ClientSession,
    origin: OriginConnection,
    statement: Statement,
    data: bytes,
    out: list[bytes],
    steps: list[Step],
) -> bool:
    """Executes what `_bind_locally` bound: here, or at an origin that has more to drop than is known of here."""
    text = statement.text
    undo: Callable[[], object] | None = None
    learns: Callable[[bytes], None] | None = None
    if out:
        origin.in_doubt = True
    if client.pinned and text.discards_all and not in_transaction(client, origin):
        learns = partial(discarded_all, client, origin)
    elif client.pinned and is_for_both(client, origin, text):
        undo = deallocate_all(client, origin)
    elif not is_for_origin(client, origin, text):
        if out:
            undo = partial(setattr, client, "statements", dict(client.statements))
        answer = drop_statements(client, text)
        if answer[:1] == b"E":
            return _fail(origin, answer, out, steps)
        steps.append(Step(EXECUTE, Action.EMIT, answer, undo=undo))
        return False
    origin.unnamed = None
    portal, _ = messages.cstring(data, 5)
    out += (messages.parse(b"", statement.definition), messages.bind(portal, b"", bytes(6)), data)
    steps += (Step(PARSE, Action.SWALLOW), Step(BIND, Action.SWALLOW), Step(EXECUTE, learns=learns, undo=undo))
    return False


def _close(
    client: ClientSession, origin: OriginConnection, data: bytes, out: list[bytes], steps: list[Step]
) -> bool:
    target, name = messages.split_target(data)
    if target == _STATEMENT:
        if out:
            origin.in_doubt = True
        statement = client.statements.pop(name, None)
        undo = None
        if not name:
            undo = partial(setattr, client, "unnamed", client.unnamed)
            client.unnamed = None
        shown = name if statement is not None else None
        steps.append(Step(CLOSE, Action.EMIT, messages.CLOSE_COMPLETE, shown, statement, undo=undo))
        return False
    out.append(data)
    steps.append(STEP_CLOSE)
    return True


def _fail(
    origin: OriginConnection,
    error: bytes,
    out: list[bytes],
    steps: list[Step],
    undo: Callable[[], object] | None = None,
) -> bool:
    """`undo` is that of a Parse without a name, when it is what fails."""
    origin.unnamed = None
    out.append(messages.parse(b"", _FAILS))
    steps.append(Step(PARSE, Action.REPLACE, error, None if undo is None else b"", undo=undo))
    return False


def fail_at_origin(client: ClientSession, origin: OriginConnection, error: bytes, *, closed: bool) -> None:
    """Has the origin fail in the place of what the client sent: its transaction fails with it, as at a server."""
    out: list[bytes] = []
    steps: list[Step] = []
    _fail(origin, error, out, steps)
    out.append(messages.SYNC if closed else messages.FLUSH)
    if closed:
        steps.append(STEP_READY)
    origin.send(Exchange(client, closed=closed, steps=steps), b"".join(out))
