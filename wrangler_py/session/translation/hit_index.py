"""Finds cache hits of groups that were hits before by their bytes, without parsing them again."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from wrangler_py.cache.answers import Answers
from wrangler_py.cache.keys import CacheKey
from wrangler_py.cache.store import Hit, StoredResult
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import DESCRIBE, PARSE, QUERY
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.query_run import QueryRun
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.sql_text import SQLText
from wrangler_py.session.statements import Statement

MAX_GROUPS = 4_000
MAX_BYTES = 2_048
"""Longer groups are parsed each time."""

_HIT: Final = CacheStatus.HIT
_QUERY: Final = bytes((QUERY,))
_PORTAL_BEHIND_BIND: Final = b"Bp"
_HEADS = {
    _QUERY: b"",
    b"PBES": messages.PARSE_COMPLETE + messages.BIND_COMPLETE,
    b"PBpES": messages.PARSE_COMPLETE + messages.BIND_COMPLETE,
    b"BES": messages.BIND_COMPLETE,
    b"BpES": messages.BIND_COMPLETE,
}
"""By the kinds of messages in a group, a Describe being the small letter of what it describes: the answers in front
of columns and rows."""


class IndexedGroup(NamedTuple):
    """What a group of messages asks for. `statement` is the one that it binds, None for a simple query.

    `rows` is the RowDescription that the answer had. A client that prepared the statement before counts on it.
    """

    key: CacheKey
    text: SQLText
    statement: Statement | None
    name: bytes
    """The client's name of the statement."""
    rows: bytes | None
    head: bytes
    parses: bool
    describes: bool


class IndexedHit(NamedTuple):
    """The whole answer, and the query that it answers."""

    data: bytes
    run: QueryRun
    result: StoredResult


class HitIndex:
    """Groups that were answered from the store, by their octets and the settings of the client."""

    __slots__ = ("_answers", "_generation", "_known")

    def __init__(self, answers: Answers[Any]) -> None:
        self._answers = answers
        self._known: dict[tuple[SessionSettings, bytes], IndexedGroup] = {}
        self._generation = 0

    def add(
        self,
        client: ClientSession,
        group: list[Piece],
        key: CacheKey,
        statement: Statement | None,
        name: bytes,
        rows: bytes | None,
    ) -> None:
        """Notes that `group`, which depends on nothing before it but the statement, has the answer of `key`."""
        kinds = b"".join(data[5:6].lower() if kind == DESCRIBE else data[:1] for kind, data, _ in group)
        head = _HEADS.get(kinds)
        parses = kinds[0] == PARSE
        if head is None or (statement is not None and parses == bool(name)):
            return  # a name is given once, and what an unnamed statement is depends on what came before
        data = b"".join(data for _, data, _ in group)
        if len(data) > MAX_BYTES:
            return
        generation = client.shared.statements.generation
        if len(self._known) >= MAX_GROUPS or self._generation != generation:
            self._known.clear()
            self._generation = generation
        text = client.text(key.sql)
        describes = kinds == _QUERY or _PORTAL_BEHIND_BIND in kinds
        self._known[client.settings, data] = IndexedGroup(key, text, statement, name, rows, head, parses, describes)

    def answer(self, client: ClientSession, data: bytes, now: float) -> IndexedHit | None:
        """The answer to `data`, which is all that a client with nothing under way has sent.

        None if it isn't known, is stale, or needs a closer look.
        """
        group = self._known.get((client.settings, data))
        if group is None or self._generation != client.shared.statements.generation:
            return None
        key, text, statement, name, known_rows, head, parses, describes = group
        if name and client.statements.get(name) is not statement:
            return None
        answers = self._answers
        if key.config != answers.config_key:
            return None
        hit: Hit | None = answers.find(key, now)
        if hit is None or hit.stale or answers.stale_read(hit, now) is not None:
            return None
        result = hit.entry.result
        rows = result.row_description
        if name and rows != known_rows:
            return None
        if not describes:
            rows = b""
        elif rows is None:
            return None
        elif statement is None and rows == messages.NO_DATA:
            rows = b""
        client.hit_again(statement, parses=parses, describes=describes)
        types = key.parameter_types if statement is None else statement.types
        run = QueryRun(key.sql, text, _HIT, client.request, client.number, key.bind, types)
        return IndexedHit(head + rows + result.body + messages.READY_IDLE, run, result)
