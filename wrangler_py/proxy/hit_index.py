"""Hits for messages that came before: what they ask for is known, so they are not read a second time."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from wrangler_py.cache.keys import CacheKey
from wrangler_py.cache.store import CacheStore
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import DESCRIBE, PARSE, QUERY
from wrangler_py.proxy.query_run import QueryRun

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.forward import Group
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.session.settings import SessionSettings
    from wrangler_py.session.sql_text import SQLText
    from wrangler_py.session.statements import Statement

MAX_REPEATS = 4_000
MAX_BYTES = 2_048
"""Longer messages are read each time."""

_QUERY = bytes((QUERY,))
_PORTAL_BEHIND_BIND = b"Bp"
_HEADS = {
    _QUERY: b"",
    b"PBES": messages.PARSE_COMPLETE + messages.BIND_COMPLETE,
    b"PBpES": messages.PARSE_COMPLETE + messages.BIND_COMPLETE,
    b"BES": messages.BIND_COMPLETE,
    b"BpES": messages.BIND_COMPLETE,
}
"""By the kinds of messages in a group, Describe by what it describes in small letters: the answers ahead of columns
and rows."""


class Repeat(NamedTuple):
    """What a group of messages asks for. `statement` is the one it binds, None for a simple query."""

    key: CacheKey
    text: SQLText
    statement: Statement | None
    name: bytes
    """What the client calls the statement."""
    head: bytes
    parses: bool
    describes: bool


class HitIndex:
    """Groups of messages that were answered from the store, by the octets and the settings of who sent them."""

    def __init__(self, pool: Pool, store: CacheStore) -> None:
        self._pool = pool
        self._store = store
        self._known: dict[tuple[SessionSettings, bytes], Repeat] = {}
        self._generation = 0

    def note(
        self, client: ClientSession, group: Group, key: CacheKey, statement: Statement | None, name: bytes
    ) -> None:
        """`group`, which needs nothing that came before but a statement's name, was answered with that of `key`."""
        kinds = b"".join(data[5:6].lower() if kind == DESCRIBE else data[:1] for kind, data, _ in group)
        head = _HEADS.get(kinds)
        parses = kinds[0] == PARSE
        if head is None or (statement is not None and parses == bool(name)):
            return  # a name is given once, and what an unnamed statement is depends on what came before
        data = b"".join(data for _, data, _ in group)
        if len(data) > MAX_BYTES:
            return
        if len(self._known) >= MAX_REPEATS or self._generation != self._pool.statements.generation:
            self._known.clear()
            self._generation = self._pool.statements.generation
        text = self._pool.texts.get(key.sql)
        self._known[client.settings, data] = Repeat(
            key, text, statement, name, head, parses, kinds == _QUERY or _PORTAL_BEHIND_BIND in kinds
        )

    def answer(self, client: ClientSession, data: bytes) -> bool:
        """Answers `data`, all that a client at rest has sent; False if that can't be done here."""
        repeat = self._known.get((client.settings, data))
        if repeat is None or self._generation != self._pool.statements.generation:
            return False
        key, text, statement, name, head, parses, describes = repeat
        if name and client.statements.get(name) is not statement:
            return False
        config = self._pool.config
        if key.config != config.cache_key:
            return False
        caching = config.caching
        now = monotonic()
        hit = self._store.get(key, now, caching.max_age, caching.stale_while_revalidate)
        if hit is None or hit.stale:
            return False
        entry = hit.entry
        result = entry.result
        rows = result.row_description
        if self._pool.caching.written.stale_read(entry.tables, entry.stored_at, now) is not None:
            return False
        if not describes:
            rows = b""
        elif rows is None:
            return False
        elif statement is None and rows == messages.NO_DATA:
            rows = b""
        types = key.parameter_types if statement is None else statement.types
        run = QueryRun(key.sql, text, CacheStatus.HIT, client.request, client.number, key.bind, types)
        self._pool.accounting.answered_from_cache(run, result)
        client.knows_columns = client.knows_columns or (describes and statement is not None)
        if parses:
            client.statements.unnamed = statement
            client.knows_columns = True
        elif statement is None:
            client.statements.unnamed = None
        client.cached_portals = {}
        client.write(head + rows + result.body + messages.READY_IDLE)
        return True
