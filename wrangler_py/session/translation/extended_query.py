"""The translation of a group of extended query messages."""

from __future__ import annotations

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import BIND, CLOSE, DESCRIBE, EXECUTE, FLUSH, PARSE, STATEMENT, SYNC
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.outstanding_requests import OUTSTANDING_READY, SentGroup
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.translation.extended_messages import ExtendedTranslation
from wrangler_py.session.translation.result import IGNORED, WAITS, WAITS_FOR_COPY, Translation
from wrangler_py.session.translation.sql_effects import in_transaction, may_reset


def translate_extended(
    client: ClientSession, origin: OriginSession, group: list[Piece], *, closed: bool
) -> Translation:
    """What to send for extended query messages; `closed` if a Sync ends them. Raises ProtocolError."""
    stream = origin.stream
    queue = stream.queue
    under_way = queue[-1] if queue and not queue[-1].closed else None
    first = group[0][0]
    if first != SYNC and waits_for_copy(origin):
        return WAITS_FOR_COPY
    if under_way is not None and under_way.failed:
        if not closed:
            return IGNORED  # the origin skips everything up to the Sync
        under_way.close()
        return Translation(messages.SYNC)
    if under_way is None and first == FLUSH:
        return IGNORED  # behind a Sync, which flushes anyway
    if stream.copy_in and first == SYNC:
        stream.sync_in_copy()
        return Translation(messages.SYNC)
    if len(queue) > (under_way is not None):
        if _is_in_doubt(client, origin, group):
            return WAITS
    elif under_way is None:
        origin.nothing_under_way()
    alone = under_way is None and not (queue and queue[-1].query_from is not None)
    client.group_begins(in_transaction=in_transaction(client, origin))
    cacheable = not client.in_transaction and not client.pinned and client.shared.caching
    if under_way is None and may_reset(client, origin) and _wants_reset(client, origin, group):
        origin.reset_ahead()
    surely_clean = origin.pristine or (under_way is not None and under_way.capture is not None)
    translated = ExtendedTranslation(client, origin, alone=alone)
    try:
        _add_messages(translated, group)
    except ProtocolError:
        origin.undo(translated.outstanding)  # nothing was sent
        raise
    if len(group) == 2 and alone and closed and not client.in_transaction:
        translated.check_prepared_statement()
    plain = translated.plain and under_way is None and closed and len(group) > 1
    if queue and not plain:
        translated.end_copy()
    out = translated.out
    data = out[0] if len(out) == 1 else b"".join(out)
    sent_group = under_way
    if sent_group is None:
        outstanding = None if plain else translated.outstanding
        sent_group = SentGroup(client.receiver, closed=closed, outstanding=outstanding)
    sent_group.add_queries(client.take_queries())
    cacheable = (
        cacheable and surely_clean and all(run.status is CacheStatus.MISS for run in sent_group.queries or ())
    )
    if not cacheable and sent_group.capture is not None:
        sent_group.capture.spoil()
    if under_way is None:
        return Translation(data, sent_group, cacheable=cacheable)
    under_way.extend(translated.outstanding, closed=closed)
    return Translation(data, None, under_way, cacheable=cacheable)


def _add_messages(translated: ExtendedTranslation, group: list[Piece]) -> None:
    for kind, data, missing in group:
        if kind == BIND:
            translated.bind(data, missing)
        elif kind == EXECUTE:
            translated.execute(data)
        elif kind == SYNC:
            translated.sync(data)
        elif kind == DESCRIBE:
            translated.describe(data)
        elif kind == PARSE:
            translated.parse(data)
        elif kind == CLOSE:
            translated.close(data)
        else:
            translated.send(data)


def _wants_reset(client: ClientSession, origin: OriginSession, group: list[Piece]) -> bool:
    """Whether something in `group` is to be kept for others: a statement prepared now, or an answer."""
    cached = client.shared.caching
    for kind, data, _ in group:
        if kind == PARSE:
            name, statement = client.shared.statements.parsed(data, client.settings)
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
        if (cached and statement.text.candidate) or (name and statement not in origin.prepared):
            return True
    return False


def waits_for_copy(origin: OriginSession) -> bool:
    """Whether the origin skips what is sent now or not, depending on how a COPY ends."""
    return origin.stream.syncs_uncertain and not origin.stream.copy_in


def _is_in_doubt(client: ClientSession, origin: OriginSession, group: list[Piece]) -> bool:
    """Whether what `group` means depends on the end of what is under way."""
    if group[0][0] == SYNC or origin.stream.copy_in:
        return False
    if origin.in_doubt:
        return True
    for kind, data, _ in group:
        if kind == PARSE:
            name, statement = client.shared.statements.parsed(data, client.settings)
            if statement.text.deallocates is not None:
                return True
            if name and (client.statements.may_be_taken(name) or statement in origin.preparing):
                return True
        elif kind == BIND:
            bound = client.statements.get(messages.split_bind(data)[1])
            if bound is not None and (bound.text.deallocates is not None or bound in origin.preparing_unasked):
                return True
        elif kind == DESCRIBE:
            target, name = messages.split_target(data)
            if target == STATEMENT and client.statements.get(name) in origin.preparing_unasked:
                return True
        elif kind == EXECUTE and client.local_portals:
            return True
    return False


def fail_at_origin(client: ClientSession, origin: OriginSession, error: bytes, *, closed: bool) -> Translation:
    """Makes the origin fail in place of what the client sent: its transaction fails with it, as at a server."""
    queue = origin.stream.queue
    under_way = queue[-1] if queue and not queue[-1].closed else None
    translated = ExtendedTranslation(client, origin, alone=under_way is None)
    translated.fail(error)
    translated.out.append(messages.SYNC if closed else messages.FLUSH)
    if closed:
        translated.outstanding.append(OUTSTANDING_READY)
    data = b"".join(translated.out)
    if under_way is not None:
        under_way.extend(translated.outstanding, closed=closed)
        return Translation(data, None, under_way)
    return Translation(data, SentGroup(client.receiver, closed=closed, outstanding=translated.outstanding))
