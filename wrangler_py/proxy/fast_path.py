"""The way of most queries: one, whole, from a client at rest, to a connection that has all it takes.

It does what `forward` would do with it, and finds that out sooner. Whatever is out of the ordinary goes that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import BIND, PARSE, QUERY
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.query_run import QueryRun

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.session.statements import Statement

_SHORTEST_QUERY = 6
_EXECUTE_AND_SYNC = messages.execute(b"") + messages.SYNC
_DESCRIBE_AND_EXECUTE = messages.describe_portal(b"") + _EXECUTE_AND_SYNC
_ENDS = frozenset({_EXECUTE_AND_SYNC, _DESCRIBE_AND_EXECUTE})
"""What follows a Bind of the unnamed portal: all rows of it, with or without their description."""


class FastQuery(NamedTuple):
    """One that waits for a connection. `data` is what the client has sent; the others see `forward_now`."""

    data: bytes
    sent: bytes
    sent_group: SentGroup
    statement: Statement | None
    named: bool


def forward_at_once(client: ClientSession, data: bytes) -> bool:
    """Sends `data`, all that a client at rest has sent, if it is one ordinary query that is not for the cache.

    Without an idle connection it waits for one, as it is: see `forward_now`.
    """
    pool = client.pool
    kind = data[0]
    statement = None
    name = b""
    bind = 0
    sent = data
    if kind == QUERY:
        if len(data) < _SHORTEST_QUERY or not messages.is_whole(data):
            return False
        sql = data[5:-1]
        text = pool.texts.get(sql)
    else:
        if kind == PARSE:
            bind = int.from_bytes(data[1:5], "big") + 1
            parsed = pool.statements.known(data[:bind], client.settings)
            if parsed is None or parsed[0]:
                return False
            statement = parsed[1]
        bind_end = bind + int.from_bytes(data[bind + 1 : bind + 5], "big") + 1
        if len(data) <= bind or data[bind] != BIND or data[bind_end:] not in _ENDS or data[bind + 5]:
            return False
        name_end = data.find(0, bind + 6, bind_end)
        name = data[bind + 6 : name_end]
        if statement is None:
            statement = client.statements.get(name)
        if statement is None or name_end < 0 or bool(name) == (kind == PARSE):
            return False
        if (statement.rows is None or not client.knows_columns) and data.endswith(_DESCRIBE_AND_EXECUTE):
            return False  # the columns are to be remembered
        sql, text = statement.sql, statement.text
        if name:
            length = bind_end - 1 + len(statement.name) - len(name)
            sent = messages.HEADER.pack(BIND, length) + b"\0" + statement.name + data[name_end:]
    caching = pool.caching.enabled
    if not text.is_ordinary or (caching and text.candidate):
        return False
    status = text.verdict.status if caching else CacheStatus.DISABLED
    assert status is not None
    sent_group = SentGroup(client, simple=statement is None)
    if statement is None:
        run = QueryRun(sql, text, status, client.request, client.number)
    else:
        values = data[name_end + 1 : bind_end]
        run = QueryRun(sql, text, status, client.request, client.number, values, statement.types)
    sent_group.queries = [run]
    named = bool(name)
    origin = pool.take(client)
    if origin is None:
        client.wait_with(FastQuery(data, sent, sent_group, statement, named))
    elif not forward_now(client, origin, sent, sent_group, statement, named):
        pool.put_back(origin)
        return False
    return True


def forward_now(
    client: ClientSession,
    origin: OriginConnection,
    sent: bytes,
    sent_group: SentGroup,
    statement: Statement | None,
    named: bool,
) -> bool:
    """Sends a query to a connection that is the client's from now on, if that has all it takes.

    `sent` is what the client sent, in the origin's words. `statement` is None for a simple query; `named` says that
    it has to be prepared on the connection.
    """
    if named and (statement not in origin.session.prepared or origin.session.drop_statements):
        return False
    session = origin.session
    session.nothing_under_way()
    origin.prepare_for(client)
    if statement is None:
        client.statements.unnamed = None
        session.parse_unnamed(None)
    else:
        if not named:
            client.statements.unnamed = statement
            session.parse_unnamed(statement)
        else:
            session.use(statement)
        client.unnamed_described = False
    session.runs(sent_group.queries[0].text)
    client.origin = origin
    client.in_transaction = False
    client.cached_portals = {}
    origin.send(sent_group, sent)
    return True
