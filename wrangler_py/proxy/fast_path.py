"""The way of most queries: one, whole, from a client at rest, to an idle connection that has all it takes.

It does what `forward` would do with it, and finds that out sooner. Whatever is out of the ordinary goes that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.exchange import Exchange
from wrangler_py.proxy.query_run import QueryRun

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession

_PARSE, _BIND, _QUERY = b"PBQ"
_SHORTEST_QUERY = 6
_EXECUTE_AND_SYNC = messages.message(b"E", bytes(5)) + messages.SYNC
_ENDS = frozenset({_EXECUTE_AND_SYNC, messages.message(b"D", b"P\0") + _EXECUTE_AND_SYNC})
"""What follows a Bind of the unnamed portal: all rows of it, with or without their description."""


def forward_at_once(client: ClientSession, data: bytes) -> bool:
    """Sends `data`, all that a client at rest has sent, if it is one ordinary query that is not for the cache."""
    pool = client.pool
    kind = data[0]
    statement = None
    name = b""
    bind = 0
    if kind == _QUERY:
        if len(data) < _SHORTEST_QUERY or not messages.is_whole(data):
            return False
        sql = data[5:-1]
        text = pool.texts.get(sql)
    else:
        if kind == _PARSE:
            bind = int.from_bytes(data[1:5], "big") + 1
            parsed = pool.statements.known(data[:bind], client.settings)
            if parsed is None or parsed[0]:
                return False
            statement = parsed[1]
        bind_end = bind + int.from_bytes(data[bind + 1 : bind + 5], "big") + 1
        if data[bind : bind + 1] != b"B" or data[bind_end:] not in _ENDS or data[bind + 5]:
            return False
        name_end = data.find(0, bind + 6, bind_end)
        name = data[bind + 6 : name_end]
        if statement is None:
            statement = client.statements.get(name)
        if statement is None or name_end < 0 or bool(name) == (kind == _PARSE):
            return False
        sql, text = statement.sql, statement.text
    caching = pool.caching.enabled
    if not text.is_ordinary or (caching and text.candidate) or client.write_paused:
        return False
    origin = pool.take(client)
    if origin is None:
        return False
    if origin.settings is not client.settings or (name and statement not in origin.prepared):
        pool.put_back(origin)
        return False
    if statement is None:
        exchange = Exchange(client, simple=True)
        origin.unnamed = client.unnamed = None
    else:
        exchange = Exchange(client)
        if name:
            origin.prepared.move_to_end(statement)
            length = bind_end - 1 + len(statement.name) - len(name)
            data = b"B" + length.to_bytes(4, "big") + b"\0" + statement.name + data[name_end:]
        else:
            origin.unnamed = client.unnamed = statement
        client.unnamed_described = False
    origin.in_doubt = False
    origin.preparing.clear()
    client.origin = origin
    client.in_transaction = False
    client.cached_portals = {}
    status = text.verdict.status if caching else CacheStatus.DISABLED
    assert status is not None
    exchange.queries = [QueryRun(sql, text, status, client.request)]
    origin.send(exchange, data)
    return True
