"""The translation of a simple query or a function call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import EXECUTE, QUERY, SYNC
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
    SentGroup,
)
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.client_statements import Undo
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.sql_text import ANYTHING, LARGE_OBJECT_CALL, TOO_LONG
from wrangler_py.session.statements import Statement
from wrangler_py.session.translation.extended_messages import FAILING_DEFINITION
from wrangler_py.session.translation.extended_query import waits_for_copy
from wrangler_py.session.translation.result import IGNORED, WAITS, WAITS_FOR_COPY, Translation
from wrangler_py.session.translation.sql_effects import (
    deallocate_all,
    discard_all,
    drop_statements,
    in_transaction,
    is_allowed,
    is_for_both,
    is_for_origin,
    may_reset,
    note,
)

_FAILING = messages.query(FAILING_DEFINITION[:-3])
_NOTHING = messages.query("")
_NOTHING_UNLESS_FAILED = messages.query('UNLISTEN "nobody listens"')
"""In a failed transaction an error. It has no rows and, unlike SELECT, takes no snapshot."""

_LARGE_OBJECT_FUNCTIONS: Final = frozenset(
    oid.to_bytes(4, "big")
    for oid in (715, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172, 3457, 3458, 3459, 3460)
)
"""OIDs of the functions that drivers call by FunctionCall: lo_create, lo_open, lo_close, loread, lowrite, lo_lseek,
lo_creat, lo_tell, lo_unlink, lo_truncate and the like."""

_Done = Callable[[SentGroup], None]


def translate_simple(client: ClientSession, origin: OriginSession, piece: Piece) -> Translation:
    """What to send for a simple query or a function call, which may be the head of a long message."""
    kind, data, missing = piece
    queue = origin.stream.queue
    under_way = queue[-1] if queue and not queue[-1].closed else None
    if waits_for_copy(origin):
        return WAITS_FOR_COPY
    if under_way is not None and under_way.failed:
        return IGNORED  # the origin skips everything up to the Sync
    others = len(queue) - (under_way is not None)
    if others and not origin.stream.copy_in and _deallocates(client, piece):
        return WAITS
    if not queue:
        origin.nothing_under_way()
        client.nothing_under_way()
    client.stream(missing)
    client.query_begins()
    ready = OUTSTANDING_READY
    before: dict[bytes, Statement] = {}
    unnamed_comes_back: Undo = _nothing
    if kind == QUERY:
        origin.parse_unnamed(None)
        unnamed_comes_back = client.statements.set_unnamed(None)
        if queue:
            ready = OutstandingRequest(SYNC, undo=unnamed_comes_back)
        before = client.statements.named() if under_way is not None else {}
        if not in_transaction(client, origin):
            client.forget_portals()
    outstanding: list[OutstandingRequest] = []
    undo: Undo | None = None
    surely_clean = False
    if kind == QUERY and messages.is_whole(data):
        cached = client.shared.caching and client.text(data[5:-1]).candidate
        if cached and under_way is None and may_reset(client, origin):
            origin.reset_ahead()
        surely_clean = origin.pristine
        data, outstanding, undo = _as_sent(client, origin, data)
    elif kind == QUERY:
        origin.runs_long_text(data[5:])
        client.count(data[5:205], TOO_LONG)
    else:
        origin.runs(LARGE_OBJECT_CALL if data[5:9] in _LARGE_OBJECT_FUNCTIONS else ANYTHING)
    queries = client.take_queries()
    done: _Done | None = None
    if undo is not None:
        undo = _Once(undo)
        done = partial(_undo_if_failed, undo)
    if under_way is not None:
        if kind == QUERY:
            origin.may_be_skipped()
            # What is skipped is taken back in the opposite order, before the end of the group.
            changes_come_back = undo or client.statements.removed_since(before)
            ready = OutstandingRequest(SYNC, undo=partial(_undo_both, changes_come_back, unnamed_comes_back))
        under_way.call_at_end(done)
        under_way.end_with_query([*outstanding, ready])
        if under_way.capture is not None:
            under_way.capture.spoil()
        return Translation(data)
    if outstanding or (queue and origin.in_doubt):  # what is ahead may make the origin skip it
        outstanding.append(ready)
    sent_group = SentGroup(client.receiver, simple=True, outstanding=outstanding or None, done=done)
    sent_group.add_queries(queries)
    cacheable = bool(queries) and queries[0].status is CacheStatus.MISS and surely_clean
    return Translation(data, sent_group, cacheable=cacheable)


def _as_sent(
    client: ClientSession, origin: OriginSession, data: bytes
) -> tuple[bytes, list[OutstandingRequest], Undo | None]:
    """For a whole simple query: what the origin is sent, its outstanding requests, and what to call if it fails."""
    sql = data[5:-1]
    text = client.text(sql)
    if text.refusal is not None and not is_allowed(client, origin, text.refusal):
        error = client.refuse(sql, text.refusal)
        return _FAILING, [OutstandingRequest(EXECUTE, Action.REPLACE, error)], None
    if client.pinned and text.discards_all and not in_transaction(client, origin):
        return data, [], discard_all(client, origin)
    in_group = bool(origin.stream.queue) and not origin.stream.queue[-1].closed
    if is_for_both(client, origin, text, in_group=in_group):
        return data, [], deallocate_all(client, origin)
    if text.deallocates is not None and not is_for_origin(client, origin, text):
        answer, undo = drop_statements(client, text)
        sent = _FAILING
        if undo is not None:
            sent = _NOTHING_UNLESS_FAILED if origin.stream.queue and client.in_transaction else _NOTHING
        return sent, [OutstandingRequest(EXECUTE, Action.REPLACE, answer)], None
    client.transaction_is(in_transaction(client, origin))
    client.count(sql, text, dirty=origin.dirty)
    note(client, origin, text)
    return data, [], None


def _deallocates(client: ClientSession, query: Piece) -> bool:
    kind, data, _ = query
    if kind != QUERY or not messages.is_whole(data):
        return False
    text = client.text(data[5:-1])
    return text.deallocates is not None or text.drops_statements


def _nothing() -> None:
    """There is nothing to take back."""


class _Once:
    """Takes something back when it is called for the first time."""

    __slots__ = ("_undo",)

    def __init__(self, undo: Undo) -> None:
        self._undo: Undo | None = undo

    def __call__(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


def _undo_both(one: Undo, other: Undo) -> None:
    one()
    other()


def _undo_if_failed(undo: Undo, sent_group: SentGroup) -> None:
    if sent_group.error is not None:  # cancelled, say
        undo()
