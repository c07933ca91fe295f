"""Groups of messages answered from stored answers, and those whose answers may be stored."""

from __future__ import annotations

from typing import Any, NamedTuple

from wrangler_py.cache.answers import Answers, CachedPortal
from wrangler_py.cache.capture import Capture
from wrangler_py.cache.keys import CacheKey
from wrangler_py.cache.store import Hit
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.frontend_kinds import BIND, DESCRIBE, EXECUTE, FLUSH, PARSE, QUERY, STATEMENT, SYNC
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.pgwire.results import same_columns, with_formats
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.sql_text import TOO_LONG, SQLText
from wrangler_py.session.statements import Statement
from wrangler_py.session.translation.extended_messages import NO_MORE_ROWS

_ALL_ROWS = bytes(4)


class Miss(NamedTuple):
    """There is no answer to a query that may be cached. Whoever asks the same may wait for the answer."""

    key: CacheKey


class ServedQuery(NamedTuple):
    """A query that is answered by `hit`."""

    text: SQLText
    key: CacheKey
    hit: Hit


class IndexedQuery(NamedTuple):
    """The one query of a group that may be found by its octets the next time.

    `statement` is None for a simple query, `name` is what the client calls it, and `rows` describes its columns.
    """

    key: CacheKey
    statement: Statement | None
    name: bytes
    rows: bytes | None


class CachedAnswer:
    """The answer to a whole group: `data` is for the client, `served` are the queries in it.

    `indexed` is set if the group may be found by its octets the next time. `accept` has to be called when the
    answer is given.
    """

    __slots__ = ("_client", "_described", "_portals", "_statements", "_tells_columns", "data", "indexed", "served")

    def __init__(
        self,
        client: ClientSession,
        data: bytes,
        served: list[ServedQuery],
        indexed: IndexedQuery | None,
        statements: dict[bytes, Statement] | None = None,
        portals: dict[bytes, CachedPortal] | None = None,
        described: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        self.data = data
        self.served = served
        self.indexed = indexed
        self._client = client
        self._statements = statements
        self._portals = portals or {}
        self._described = described or []

    def accept(self) -> None:
        """Changes the client's session as the group does."""
        client = self._client
        if self._statements is None:  # a simple query
            client.statements.replace_unnamed(None)
        else:
            if self._statements or self._described:
                client.is_told_columns()
            for name, statement in self._statements.items():
                client.statements.put(name, statement)
            for name, rows in self._described:
                bound = client.statements.get(name)
                if bound is not None:
                    bound.learn(with_formats(rows, ()))
        client.keep_cached_portals(self._portals)


class CachedGroups:
    """Looks the groups of a pool's clients up in its answers."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Answers[Any]) -> None:
        self._answers = answers

    def find(
        self, client: ClientSession, group: list[Piece], *, closed: bool, now: float
    ) -> CachedAnswer | Miss | None:
        """The answer to a group; None if the origin has to be asked and nobody may wait for the answer."""
        kind, data, _ = group[0]
        if kind == QUERY:
            return self._find_simple(client, data, now)
        return self._find_extended(client, group, closed=closed, now=now)

    def _find_simple(self, client: ClientSession, data: bytes, now: float) -> CachedAnswer | Miss | None:
        if not messages.is_whole(data):
            return None
        sql = data[5:-1]
        text = client.text(sql)
        if not text.candidate:
            return None
        key = self._answers.simple_key(sql, client.settings.cache_key)
        hit = self._answers.find(key, now)
        rows = hit.entry.result.row_description if hit is not None else None
        if hit is None or rows is None:
            return Miss(key)
        answer = (b"" if rows == messages.NO_DATA else rows) + hit.entry.result.body + messages.READY_IDLE
        return CachedAnswer(client, answer, [ServedQuery(text, key, hit)], IndexedQuery(key, None, b"", rows))

    def _find_extended(
        self, client: ClientSession, group: list[Piece], *, closed: bool, now: float
    ) -> CachedAnswer | Miss | None:
        """Goes through the group as the origin would. Nothing changes before all of it is known to be there."""
        if not closed and group[-1][0] != FLUSH:
            return None  # a simple query may follow, whose transaction depends on what the origin has run before
        unnamed_described = client.unnamed_described
        statements: dict[bytes, Statement] = {}
        portals = dict(client.cached_portals)
        served: list[ServedQuery] = []
        answered: set[Statement] = set()
        described: list[tuple[bytes, bytes]] = []
        out: list[bytes] = []
        for kind, data, missing in group:
            if missing:
                return None
            if kind == PARSE:
                name, parsed = client.shared.statements.parsed(data, client.settings)
                if name in statements or client.statements.may_be_taken(name) or not parsed.text.candidate:
                    return None
                statements[name] = parsed
                if not name:
                    unnamed_described = False
                out.append(messages.PARSE_COMPLETE)
            elif kind == BIND:
                portal, name, position = messages.split_bind(data)
                statement = statements.get(name) or client.statements.get(name)
                if statement is None or not statement.text.candidate or (portal and portal in portals):
                    return None
                if statement.private:
                    return None  # its constants may have been read under other settings
                key = self._answers.key(statement, data[position:], client.settings.cache_key)
                hit = self._answers.find(key, now)
                if not name and unnamed_described:
                    return None  # this is how Postgres.js does `prepare: false`, which Hyperdrive does not cache
                if hit is None:
                    return Miss(key) if closed and _is_one_query(group) else None
                if not _has_known_columns(hit, statement):
                    return None
                answered.add(statement)
                portals[portal] = CachedPortal(key, hit, name, data)
                out.append(messages.BIND_COMPLETE)
            elif kind == DESCRIBE:
                target, name = messages.split_target(data)
                if target == STATEMENT:
                    statement = statements.get(name) or client.statements.get(name)
                    description = self._description(client, statement, now)
                    if description is None or not (name or closed):
                        return None
                    unnamed_described = unnamed_described or not name
                    out.append(description)
                else:
                    rows = portals[name].hit.entry.result.row_description if name in portals else None
                    if rows is None:
                        return None
                    described.append((portals[name].statement_name, rows))
                    out.append(rows)
            elif kind == EXECUTE:
                portal, position = messages.cstring(data, 5)
                if portal not in portals or data[position:] != _ALL_ROWS:
                    return None
                bound = portals[portal]
                if bound.done:
                    out.append(NO_MORE_ROWS)
                    continue
                portals[portal] = bound._replace(done=True)
                out.append(bound.hit.entry.result.body)
                served.append(ServedQuery(client.text(bound.key.sql), bound.key, bound.hit))
            elif kind == SYNC:
                out.append(messages.READY_IDLE)
            elif kind != FLUSH:
                return None
        unanswered = [statement for statement in statements.values() if statement not in answered]
        if not out or any(self._description(client, statement, now) is None for statement in unanswered):
            return None
        indexed = None
        if closed and len(served) == 1 and not client.cached_portals:
            name = next(iter(portals.values())).statement_name
            used = statements.get(name) or client.statements.get(name)
            _, key, hit = served[0]
            indexed = IndexedQuery(key, used, name, hit.entry.result.row_description)
        return CachedAnswer(
            client, b"".join(out), served, indexed, statements, {} if closed else portals, described
        )

    def _description(self, client: ClientSession, statement: Statement | None, now: float) -> bytes | None:
        if statement is None or not statement.text.candidate:
            return None
        return self._answers.description(statement, client.settings.cache_key, now)

    # --- captures ------------------------------------------------------------------------------------------

    def capture(
        self, client: ClientSession, sent_group: SentGroup, group: list[Piece], now: float
    ) -> Capture | None:
        """Prepares to keep the answer to `group`, which is about to be sent as `sent_group` or a part of it.

        None if it can't be kept.
        """
        if group[0][0] == QUERY:
            run = sent_group.queries[0]
            key = self._answers.simple_key(run.sql, client.settings.cache_key)
            capture = self._answers.capture(run.text.facts, None, now, key)
            sent_group.capture_with(capture)
            return capture
        return self._capture_extended(client, sent_group, group, now)

    def _capture_extended(
        self, client: ClientSession, sent_group: SentGroup, group: list[Piece], now: float
    ) -> Capture | None:
        capture: Capture | None = sent_group.capture
        used: set[bytes] = set()
        for kind, data, missing in group:
            if missing:  # the answer depends on its end, which is not here
                if capture is not None:
                    capture.spoil()
                continue
            if kind == PARSE:
                name = messages.split_parse(data)[0]
                if name in used:  # it is not clear any more which statement is meant where
                    self._spoil(sent_group)
                    return None
            elif kind == BIND:
                _, name, position = messages.split_bind(data)
            elif kind == DESCRIBE and data[5] == STATEMENT:
                name = messages.split_target(data)[1]
            elif kind == EXECUTE and capture is not None and not data.endswith(_ALL_ROWS):
                capture.spoil()
                continue
            else:
                continue
            used.add(name)
            statement = client.statements.get(name)
            if statement is None or not statement.text.candidate:
                self._spoil(sent_group)
                return None
            if capture is None:
                capture = self._answers.capture(statement.text.facts, statement, now)
                sent_group.capture_with(capture)
            if kind == BIND:
                capture.bind(statement, self._answers.key(statement, data[position:], client.settings.cache_key))
        return capture

    def _spoil(self, sent_group: SentGroup) -> None:
        """The answer to `sent_group` is not kept, whatever is added to it."""
        if sent_group.capture is None:
            sent_group.capture_with(self._answers.capture(TOO_LONG.facts, None, 0.0))
        sent_group.capture.spoil()


def _is_one_query(group: list[Piece]) -> bool:
    return sum(kind == BIND for kind, _, _ in group) == 1 and sum(kind == EXECUTE for kind, _, _ in group) == 1


def _has_known_columns(hit: Hit, statement: Statement) -> bool:
    """Whether an answer has the columns that clients were told of: they may have been changed elsewhere."""
    rows = hit.entry.result.row_description
    return statement.rows is None or (rows is not None and same_columns(rows, statement.rows))


def refresh_message(key: CacheKey) -> bytes:
    """The messages that ask for the answer of `key`."""
    return (
        messages.parse(b"", key.sql + b"\0" + key.parameter_types)
        + messages.bind(b"", b"", key.bind)
        + messages.describe_portal(b"")
        + messages.execute(b"")
        + messages.SYNC
    )
