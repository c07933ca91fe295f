"""From a client's messages to what an origin connection is sent, and the outstanding requests behind it.

What becomes of each extended query message is `proxy.extended`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import BIND, CLOSE, DESCRIBE, EXECUTE, FLUSH, PARSE, QUERY, STATEMENT, SYNC
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_BIND,
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
    SentGroup,
)
from wrangler_py.proxy.extended import (
    FAILS,
    add_bind,
    add_close,
    add_describe,
    add_execute,
    add_failure,
    add_parse,
    add_proof,
)
from wrangler_py.proxy.session_effects import (
    allowed,
    deallocate_all,
    discard_all,
    drop_statements,
    in_transaction,
    is_for_both,
    is_for_origin,
    may_reset,
    note,
    refused,
)
from wrangler_py.session.sql_text import TOO_LONG

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.session.client_statements import Undo

Group = list[Piece]
"""The last message is what ends the group, when it is closed."""

_FAILING = messages.query(FAILS[:-3])
_NOTHING = messages.query("")
_CLOSE_NOTHING = messages.close_portal(b"a portal that nobody has")
_NOTHING_UNLESS_FAILED = messages.query('UNLISTEN "nobody listens"')
"""In a failed transaction an error. It has no rows and, unlike SELECT, takes no snapshot."""


def answer_locally(client: ClientSession, group: Group, closed: bool) -> bool:
    """Answers a group that needs no origin, when the client holds none; False if there is no such answer."""
    kind, data, _ = group[0]
    if kind == QUERY:
        if not messages.is_whole(data):
            return False
        text = client.pool.texts.get(data[5:-1])
        if text.refusal is not None and not client.pool.options.allow_unsupported:
            client.statements.unnamed = None
            client.fail_group(group, closed, refused(client, data[5:-1], text.refusal))
            return True
        if text.deallocates is not None:
            client.statements.unnamed = None
            client.write(drop_statements(client, text)[0] + messages.READY_IDLE)
            return True
        return False
    if kind == PARSE:
        name, statement = client.pool.statements.parsed(data, client.settings)
        refusal = statement.text.refusal
        if refusal is None or client.pool.options.allow_unsupported:
            return False
        if not name:
            client.statements.unnamed = None
        client.fail_group(group, closed, refused(client, statement.sql, refusal))
        return True
    if not closed:
        return len(group) == 1 and kind == FLUSH
    answers = []
    for kind, data, _ in group:
        if kind == CLOSE:
            target, name = messages.split_target(data)
            if target == STATEMENT:
                client.statements.remove(name)
            answers.append(messages.CLOSE_COMPLETE)
        elif kind == SYNC:
            client.unnamed_described = False
            client.cached_portals = {}
            answers.append(messages.READY_IDLE)
        elif kind != FLUSH:
            return False
    client.write(b"".join(answers))
    return True


def forward_simple(client: ClientSession, origin: OriginConnection, piece: Piece) -> bool:
    """Sends a simple query, or a function call, to the origin that `client` holds.

    False if what it means depends on how that ends which is under way: nothing was sent, then.
    """
    kind, data, missing = piece
    queue = origin.stream.queue
    open_group = queue[-1] if queue and not queue[-1].closed else None
    if _waits_for_copy(origin):
        return False
    if open_group is not None and open_group.failed:
        return True  # the origin skips all up to the Sync
    others = len(queue) - (open_group is not None)
    if others and not origin.stream.copy_in and _deallocates(client, piece):
        return False
    if not queue:
        origin.session.nothing_under_way()
        client.failure_ended = False
    client.streaming = missing > 0
    client.cached_portals = {}
    outstanding: list[OutstandingRequest] = []
    done: Callable[[SentGroup], None] | None = None
    ready = OUTSTANDING_READY
    if kind == QUERY:
        origin.session.parse_unnamed(None)
        unnamed_comes_back = client.statements.set_unnamed(None)
        if queue:
            ready = OutstandingRequest(SYNC, undo=unnamed_comes_back)
        before = client.statements.named() if open_group is not None else {}
        if not in_transaction(client, origin):
            client.local_portals.clear()
            client.portals.clear()
    surely_clean = False
    if kind == QUERY and messages.is_whole(data):
        cached = client.pool.caching.enabled and client.pool.texts.get(data[5:-1]).candidate
        if cached and may_reset(client, origin):
            origin.reset_ahead()
        surely_clean = origin.session.pristine
        data, outstanding, done = _as_sent(client, origin, data)
    else:
        origin.session.runs(TOO_LONG)
        if kind == QUERY:
            client.count(data[5:205], TOO_LONG)
    if open_group is not None:
        open_group.done = done
        if kind == QUERY:
            origin.session.may_be_skipped()
            if done is None:
                ready.undo = partial(_undo_both, client.statements.removed_since(before), unnamed_comes_back)
        open_group.end_with_query([*outstanding, ready])
        if open_group.capture is not None:
            open_group.capture.spoiled = True
        client.queries = []
        origin.transport.write(data)
        return True
    if outstanding or (queue and origin.session.in_doubt):  # what is ahead may have it skipped
        outstanding.append(ready)
    sent_group = SentGroup(client, simple=True, outstanding=outstanding or None, done=done)
    if client.queries:
        sent_group.queries, client.queries = client.queries, []
        run = sent_group.queries[0]
        if run.status is CacheStatus.MISS and surely_clean:
            client.pool.caching.watch_simple(client, sent_group, run.sql, run.text)
    origin.send(sent_group, data)
    return True


def _as_sent(
    client: ClientSession, origin: OriginConnection, data: bytes
) -> tuple[bytes, list[OutstandingRequest], Callable[[SentGroup], None] | None]:
    """What the origin is sent for a whole simple query, its outstanding requests, and what is to be called at
    its end.
    """
    sql = data[5:-1]
    text = client.pool.texts.get(sql)
    if text.refusal is not None and not allowed(client, origin, text.refusal):
        return _FAILING, [OutstandingRequest(EXECUTE, Action.REPLACE, refused(client, sql, text.refusal))], None
    if client.pinned and text.discards_all and not in_transaction(client, origin):
        return data, [], partial(_undo_if_failed, discard_all(client, origin))
    if is_for_both(client, origin, text):
        return data, [], partial(_undo_if_failed, deallocate_all(client, origin))
    if text.deallocates is not None and not is_for_origin(client, origin, text):
        answer, undo = drop_statements(client, text)
        sent = _FAILING
        if undo is not None:
            sent = _NOTHING_UNLESS_FAILED if origin.stream.queue and client.in_transaction else _NOTHING
        return sent, [OutstandingRequest(EXECUTE, Action.REPLACE, answer)], None
    client.in_transaction = in_transaction(client, origin)
    client.count(sql, text)
    note(client, origin, text)
    return data, [], None


def _deallocates(client: ClientSession, query: Piece) -> bool:
    kind, data, _ = query
    if kind != QUERY or not messages.is_whole(data):
        return False
    text = client.pool.texts.get(data[5:-1])
    return text.deallocates is not None or text.drops_statements


def _undo_both(one: Undo, other: Undo) -> None:
    one()
    other()


def _undo_if_failed(undo: Undo, sent_group: SentGroup) -> None:
    if sent_group.error is not None:  # cancelled, say
        undo()


def forward(client: ClientSession, origin: OriginConnection, group: Group, closed: bool) -> bool:
    """Sends extended query messages to the origin that `client` holds. Raises ProtocolError for malformed ones.

    False if what they mean depends on how that ends which is under way: nothing was sent, then.
    """
    queue = origin.stream.queue
    sent_group = queue[-1] if queue and not queue[-1].closed else None
    if group[0][0] != SYNC and _waits_for_copy(origin):
        return False
    if sent_group is not None and sent_group.failed:
        # The origin skips all up to the Sync.
        if closed:
            sent_group.close()
            origin.transport.write(messages.SYNC)
        return True
    if sent_group is None and group[0][0] == FLUSH:
        return True  # behind a Sync, which flushes anyway
    if origin.stream.copy_in and group[0][0] == SYNC:
        origin.stream.sync_in_copy()
        origin.transport.write(messages.SYNC)
        return True
    if len(queue) > (sent_group is not None):
        if _is_in_doubt(client, origin, group):
            return False
    elif sent_group is None:
        origin.session.nothing_under_way()
    alone = sent_group is None and not (queue and queue[-1].query_from is not None)
    out: list[bytes] = [] if alone else [b""]  # what is in it may fail, and then the rest is skipped
    outstanding: list[OutstandingRequest] = []
    plain = sent_group is None and closed and len(group) > 1
    client.in_transaction = in_transaction(client, origin)
    client.failure_ended = False
    cacheable = not client.in_transaction and not client.pinned and client.pool.caching.enabled
    if sent_group is None and may_reset(client, origin) and _wants_reset(client, origin, group):
        origin.reset_ahead()
    surely_clean = origin.session.pristine or (sent_group is not None and sent_group.capture is not None)
    try:
        for kind, data, missing in group:
            if kind == BIND:
                plain &= add_bind(client, origin, data, out, outstanding)
                client.streaming = (
                    missing > 0 and outstanding[-1] is OUTSTANDING_BIND
                )  # and nothing went out in its place
            elif kind == EXECUTE:
                plain &= add_execute(client, origin, data, out, outstanding)
            elif kind == SYNC:
                client.unnamed_described = False
                client.cached_portals = {}
                if not client.in_transaction:
                    client.local_portals.clear()
                    client.portals.clear()
                out.append(data)
                outstanding.append(OUTSTANDING_READY)
            elif kind == DESCRIBE:
                plain &= add_describe(client, origin, data, out, outstanding)
            elif kind == PARSE:
                plain &= add_parse(client, origin, data, out, outstanding)
            elif kind == CLOSE:
                plain &= add_close(client, origin, data, out, outstanding)
            else:
                out.append(data)
    except ProtocolError:
        origin.session.undo(outstanding)  # nothing was sent
        raise
    if len(group) == 2 and alone and closed and not client.in_transaction:
        add_proof(origin, out, outstanding)
    if queue and not plain:
        _add_what_ends_a_copy(out, outstanding)
    data = out[0] if len(out) == 1 else b"".join(out)
    begun = sent_group is None
    if sent_group is None:
        sent_group = SentGroup(client, closed=closed, outstanding=None if plain else outstanding)
    if client.queries:
        sent_group.queries = [*(sent_group.queries or ()), *client.queries]
        client.queries = []
    if cacheable and surely_clean and all(run.status is CacheStatus.MISS for run in sent_group.queries or ()):
        client.pool.caching.watch(client, sent_group, group)
    elif sent_group.capture is not None:
        sent_group.capture.spoiled = True
    if begun:
        origin.send(sent_group, data)
    else:
        sent_group.extend(outstanding, closed=closed)
        origin.transport.write(data)
    if not plain:
        made_up = origin.stream.fake_ready_answers(sent_group)
        if made_up:
            client.write(made_up)
    return True


def _wants_reset(client: ClientSession, origin: OriginConnection, group: Group) -> bool:
    """Whether something in `group` is to be kept for others: a statement prepared now, or an answer."""
    cached = client.pool.caching.enabled
    for kind, data, _ in group:
        if kind == PARSE:
            name, statement = client.pool.statements.parsed(data, client.settings)
        elif kind == BIND:
            name = messages.split_bind(data)[1]
            bound = client.statements.get(name)
            if bound is None:
                continue
            statement = bound
        else:
            continue
        if statement.private:
            continue
        if (cached and statement.text.candidate) or (name and statement not in origin.session.prepared):
            return True
    return False


def _waits_for_copy(origin: OriginConnection) -> bool:
    """Whether what is sent now may be skipped by the origin or not, until the end of a COPY is heard."""
    if not origin.stream.syncs_uncertain or origin.stream.copy_in:
        return False
    origin.transport.write(messages.FLUSH)  # the origin may know that end, and not have said it yet
    return True


def _add_what_ends_a_copy(out: list[bytes], outstanding: list[OutstandingRequest]) -> None:
    """A COPY that is under way ignores a Sync, and no message else. Where all others are answered here, the origin
    has to get one all the same, or it ignores what it would not if it had been sent them.
    """
    others = [request.action for request in outstanding if request.kind != SYNC]
    if others and all(action is Action.FAKE for action in others):
        out.insert(0, _CLOSE_NOTHING)
        outstanding.insert(0, OutstandingRequest(CLOSE, Action.SKIP))


def _is_in_doubt(client: ClientSession, origin: OriginConnection, group: Group) -> bool:
    if group[0][0] == SYNC or origin.stream.copy_in:
        return False
    if origin.session.in_doubt:
        return True
    for kind, data, _ in group:
        if kind == PARSE:
            name, statement = client.pool.statements.parsed(data, client.settings)
            if statement.text.deallocates is not None:
                return True
            if name and (client.statements.may_be_taken(name) or statement in origin.session.preparing):
                return True
        elif kind == BIND:
            bound = client.statements.get(messages.split_bind(data)[1])
            if bound is not None and (
                bound.text.deallocates is not None or bound in origin.session.preparing_unasked
            ):
                return True
        elif kind == DESCRIBE:
            target, name = messages.split_target(data)
            if target == STATEMENT and client.statements.get(name) in origin.session.preparing_unasked:
                return True
        elif kind == EXECUTE and client.local_portals:
            return True
    return False


def fail_at_origin(client: ClientSession, origin: OriginConnection, error: bytes, *, closed: bool) -> None:
    """Has the origin fail in the place of what the client sent: its transaction fails with it, as at a server."""
    out: list[bytes] = []
    outstanding: list[OutstandingRequest] = []
    add_failure(origin, error, out, outstanding)
    out.append(messages.SYNC if closed else messages.FLUSH)
    if closed:
        outstanding.append(OUTSTANDING_READY)
    origin.send(SentGroup(client, closed=closed, outstanding=outstanding), b"".join(out))
