"""Query caching at work: answers from the store what can be, keeps what the origin answers, tells of stale reads.

What may be cached and for how long is decided in `wrangler_py.cache`; here is what that means for messages.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from wrangler_py.cache.counts import ConfigCounts
from wrangler_py.cache.keys import NO_PARAMETER_TYPES, SIMPLE_BIND, CacheKey, StatementKey
from wrangler_py.cache.single_flight import SingleFlight
from wrangler_py.cache.stale_reads import CATALOG_ADVICE, StaleReadLog, WrittenTables
from wrangler_py.cache.store import CacheStore, Hit, StoredResult
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.hyperdrive.limits import CACHE_RESULT_MAX_BYTES
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import BIND, DESCRIBE, EXECUTE, FLUSH, PARSE, QUERY, STATEMENT, SYNC
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.pgwire.results import result_formats, split_result, with_formats
from wrangler_py.proxy.columns import same_columns
from wrangler_py.proxy.failures import SQLSTATE
from wrangler_py.proxy.function_catalog import FunctionCatalog
from wrangler_py.proxy.hit_index import HitIndex
from wrangler_py.proxy.internal_query import InternalQuery
from wrangler_py.proxy.query_run import QueryRun
from wrangler_py.session.sql_text import TOO_LONG

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.forward import Group
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.session.sql_text import SQLText
    from wrangler_py.session.statements import Statement

WrittenByDatabase = defaultdict[tuple[str, int, str], WrittenTables]
"""By host, port and database: several bindings may be of one."""

_ALL_ROWS = bytes(4)
_NO_MORE_ROWS = messages.command_complete("SELECT 0")


class Capture:
    """What the origin answers to one query that may be kept.

    `key` is None until its Bind is seen, and for good once the group turns out to hold more than one query.
    """

    __slots__ = (
        "data",
        "generation",
        "key",
        "leads",
        "oversized",
        "sent_at",
        "size",
        "spoiled",
        "statement",
        "text",
    )

    def __init__(self, text: SQLText, statement: Statement | None, sent_at: float, generation: int) -> None:
        self.text = text
        self.statement = statement
        self.key: CacheKey | None = None
        self.leads = False
        self.data: list[bytes] = []
        self.size = 0
        self.oversized = False
        self.spoiled = False
        self.sent_at = sent_at
        self.generation = generation

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > CACHE_RESULT_MAX_BYTES:
            self.oversized = True
            self.data = []
        elif not self.spoiled:
            self.data.append(data)


def _spoil(sent_group: SentGroup) -> None:
    """Has the answer to `group` not be kept, whatever is added to it."""
    if sent_group.capture is None:
        sent_group.capture = Capture(TOO_LONG, None, 0.0, 0)
    sent_group.capture.spoiled = True


def _has_known_columns(hit: Hit, statement: Statement) -> bool:
    """Whether an answer has the columns that clients were told `statement` has: they may have changed elsewhere."""
    rows = hit.entry.result.row_description
    return statement.rows is None or (rows is not None and same_columns(rows, statement.rows))


class CachedPortal(NamedTuple):
    """A portal that a client bound to a stored answer; the origin knows nothing of it."""

    key: CacheKey
    hit: Hit
    statement_name: bytes
    bind: bytes
    done: bool = False
    """Its rows have been fetched."""


class Caching:
    """The cache as one pool sees it."""

    def __init__(self, pool: Pool, store: CacheStore, written: WrittenByDatabase, counts: ConfigCounts) -> None:
        self._pool = pool
        self._store = store
        self._written = written
        self._flights: SingleFlight[ClientSession] = SingleFlight()
        self._functions = FunctionCatalog(pool)
        self.hit_index = HitIndex(pool, store)
        self.counts = counts
        self.stale_reads = StaleReadLog()
        self.config_changed()

    def config_changed(self) -> None:
        self.enabled = not self._pool.config.caching.disabled
        origin = self._pool.config.origin
        self.written = self._written[origin.host, origin.port, origin.database]

    def schema_changed(self) -> None:
        self._functions.forget()

    # --- answering -----------------------------------------------------------------------------------------

    def answer(self, client: ClientSession, group: Group, closed: bool) -> bool:
        """Answers a group from the store, or lets it wait for a query under way; False: ask the origin."""
        kind, data, _ = group[0]
        if kind == QUERY:
            return self._answer_simple(client, group, data)
        return self._answer_extended(client, group, closed)

    def _answer_simple(self, client: ClientSession, group: Group, data: bytes) -> bool:
        if not messages.is_whole(data):
            return False
        sql = data[5:-1]
        text = self._pool.texts.get(sql)
        if not text.candidate:
            return False
        key = CacheKey(self._pool.config.cache_key, sql, NO_PARAMETER_TYPES, SIMPLE_BIND, client.settings.cache_key)
        hit = self._find(key)
        if hit is None or hit.entry.result.row_description is None:
            return self._follow(client, key, group)
        if not self._serve(client, text, key, hit, group, closed=True):
            return True
        client.statements.unnamed = None
        client.cached_portals = {}
        rows = hit.entry.result.row_description
        client.write((b"" if rows == messages.NO_DATA else rows) + hit.entry.result.body + messages.READY_IDLE)
        self.hit_index.note(client, group, key, None, b"")
        return True

    def _answer_extended(self, client: ClientSession, group: Group, closed: bool) -> bool:
        """Goes through the group as the origin would. Nothing is changed until it is known that all can be had."""
        unnamed_described = client.unnamed_described
        statements: dict[bytes, Statement] = {}
        portals = dict(client.cached_portals)
        served: list[tuple[SQLText, CacheKey, Hit]] = []
        sound: set[Statement] = set()  # there is an answer to them
        described: list[tuple[bytes, bytes]] = []
        out: list[bytes] = []
        for kind, data, missing in group:
            if missing:
                return False
            if kind == PARSE:
                name, parsed = self._pool.statements.parsed(data, client.settings)
                if name in statements or client.statements.may_be_taken(name) or not parsed.text.candidate:
                    return False
                statements[name] = parsed
                if not name:
                    unnamed_described = False
                out.append(messages.PARSE_COMPLETE)
            elif kind == BIND:
                portal, name, position = messages.split_bind(data)
                statement = statements.get(name) or client.statements.get(name)
                if statement is None or not statement.text.candidate or (portal and portal in portals):
                    return False
                if statement.private:
                    return False  # its constants may have been read under other settings
                key = self._key(client, statement, data[position:])
                hit = self._find(key)
                if not name and unnamed_described:
                    return False  # Postgres.js' way with `prepare: false`, which Hyperdrive does not cache
                if hit is not None and not _has_known_columns(hit, statement):
                    return False
                if hit is None:
                    return closed and self._is_one_query(group) and self._follow(client, key, group)
                sound.add(statement)
                portals[portal] = CachedPortal(key, hit, name, data)
                out.append(messages.BIND_COMPLETE)
            elif kind == DESCRIBE:
                target, name = messages.split_target(data)
                if target == STATEMENT:
                    statement = statements.get(name) or client.statements.get(name)
                    description = self._describe(client, statement) if statement is not None else None
                    if description is None or not (name or closed):
                        return False
                    unnamed_described = unnamed_described or not name
                    out.append(description)
                else:
                    rows = portals[name].hit.entry.result.row_description if name in portals else None
                    if rows is None:
                        return False
                    described.append((portals[name].statement_name, rows))
                    out.append(rows)
            elif kind == EXECUTE:
                portal, position = messages.cstring(data, 5)
                if portal not in portals or data[position:] != _ALL_ROWS:
                    return False
                bound = portals[portal]
                if bound.done:
                    out.append(_NO_MORE_ROWS)
                    continue
                portals[portal] = bound._replace(done=True)
                out.append(bound.hit.entry.result.body)
                served.append((self._pool.texts.get(bound.key.sql), bound.key, bound.hit))
            elif kind == SYNC:
                out.append(messages.READY_IDLE)
            elif kind != FLUSH:
                return False
        if not out or any(self._describe(client, s) is None for s in statements.values() if s not in sound):
            return False
        for text, key, hit in served:
            if not self._serve(client, text, key, hit, group, closed=closed):
                return True
        if closed and len(served) == 1 and not client.cached_portals:
            name = next(iter(portals.values())).statement_name
            statement = statements.get(name) or client.statements.get(name)
            self.hit_index.note(client, group, served[0][1], statement, name)
        client.knows_columns = client.knows_columns or bool(statements or described)
        for name, statement in statements.items():
            client.statements.put(name, statement)
        for name, rows in described:
            bound_statement = client.statements.get(name)
            if bound_statement is not None:
                bound_statement.learn(with_formats(rows, ()))
        client.cached_portals = {} if closed else portals
        client.write(b"".join(out))
        return True

    def _key(self, client: ClientSession, statement: Statement, bind: bytes) -> CacheKey:
        sql = statement.sql
        return CacheKey(
            self._pool.config.cache_key, sql, statement.definition[len(sql) + 1 :], bind, client.settings.cache_key
        )

    def _find(self, key: CacheKey) -> Hit | None:
        caching = self._pool.config.caching
        return self._store.get(key, monotonic(), caching.max_age, caching.stale_while_revalidate)

    def _describe(self, client: ClientSession, statement: Statement) -> bytes | None:
        """ParameterDescription and RowDescription of a statement that a stored answer, still alive, belongs to."""
        if not statement.text.candidate or statement.parameters is None or statement.rows is None:
            return None
        sql = statement.sql
        key = StatementKey(
            self._pool.config.cache_key, sql, statement.definition[len(sql) + 1 :], client.settings.cache_key
        )
        caching = self._pool.config.caching
        alive = self._store.describing(key, monotonic(), caching.max_age, caching.stale_while_revalidate)
        return statement.parameters + statement.rows if alive is not None else None

    def _serve(
        self, client: ClientSession, text: SQLText, key: CacheKey, hit: Hit, group: Group, *, closed: bool
    ) -> bool:
        """Counts a hit; False when it was a stale read and the client got an error for it."""
        if hit.stale and self._store.claim_refresh(key):
            self._refresh(client, key, text)
        stale = self.written.stale_read(hit.entry.tables, hit.entry.stored_at, monotonic())
        if stale is not None:
            self.counts.stale_reads += 1
            label = self._pool.requests.label
            reader = label(client.request.id) if client.request else None
            message = stale.message(reader, label(stale.write.request) if stale.write.request else None)
            if self.stale_reads.add(key.sql, stale):
                self._pool.notice(message)
            if stale.of_schema and self._pool.options.serves_tools:
                self._pool.notice_once(CATALOG_ADVICE)
            if self._pool.options.fail_on_stale_read:
                client.fail_group(group, closed, messages.error_response(SQLSTATE, message))
                return False
        result = hit.entry.result
        types = result.parameter_description[5:] if result.parameter_description else key.parameter_types
        run = QueryRun(key.sql, text, CacheStatus.HIT, client.request, client.number, key.bind, types)
        self._pool.accounting.answered_from_cache(run, result, stale=stale is not None)
        return True

    def _follow(self, client: ClientSession, key: CacheKey, group: Group) -> bool:
        """Many that miss on one key make one query: whether `client` now waits for someone else's."""
        if client.asks_alone:
            return False
        if self._flights.lead(key):
            client.leads = key
            return False
        self._flights.follow(key, client)
        client.follow(key, group)
        return True

    def leave(self, client: ClientSession, key: CacheKey) -> None:
        """`client`, which followed, is gone."""
        self._flights.leave(key, client)

    def land(self, key: CacheKey, *, answered: bool) -> None:
        """The query that others waited for has ended, or won't be made; `answered` if theirs is there."""
        for follower in self._flights.land(key):
            follower.resume(answered=answered)

    def overtake(self, sent_group: SentGroup) -> None:
        """The client that `group` answers is slow to read it: the others go on without it."""
        capture: Capture | None = sent_group.capture
        if capture is not None and capture.leads and capture.key is not None:
            capture.leads = False
            self.land(capture.key, answered=False)

    @staticmethod
    def _is_one_query(group: Group) -> bool:
        return sum(kind == BIND for kind, _, _ in group) == 1 and sum(kind == EXECUTE for kind, _, _ in group) == 1

    # --- keeping -------------------------------------------------------------------------------------------

    def watch(self, client: ClientSession, sent_group: SentGroup, group: Group) -> None:
        """Prepares to keep the answer to `group`, about to be sent as part of `group`."""
        capture: Capture | None = sent_group.capture
        used: set[bytes] = set()
        for kind, data, missing in group:
            if missing:  # its end, which the answer depends on, is not here
                if capture is not None:
                    capture.spoiled = True
                continue
            if kind == PARSE:
                name = messages.split_parse(data)[0]
                if name in used:  # which statement is meant where can't be told any more
                    _spoil(sent_group)
                    return
            elif kind == BIND:
                _, name, position = messages.split_bind(data)
            elif kind == DESCRIBE and data[5] == STATEMENT:
                name = messages.split_target(data)[1]
            elif kind == EXECUTE and capture is not None and not data.endswith(_ALL_ROWS):
                capture.spoiled = True
                continue
            else:
                continue
            used.add(name)
            statement = client.statements.get(name)
            if statement is None or not statement.text.candidate:
                _spoil(sent_group)
                return
            if capture is None:
                capture = Capture(statement.text, statement, monotonic(), self._store.generation)
                sent_group.capture = capture
            if kind == BIND:
                if capture.key is not None or capture.statement is not statement:
                    capture.spoiled = True
                capture.key = self._key(client, statement, data[position:])
        if capture is not None:
            self._take_lead(client, capture)

    def watch_simple(self, client: ClientSession, sent_group: SentGroup, sql: bytes, text: SQLText) -> None:
        capture = Capture(text, None, monotonic(), self._store.generation)
        capture.key = CacheKey(
            self._pool.config.cache_key, sql, NO_PARAMETER_TYPES, SIMPLE_BIND, client.settings.cache_key
        )
        sent_group.capture = capture
        self._take_lead(client, capture)

    @staticmethod
    def _take_lead(client: ClientSession, capture: Capture) -> None:
        if client.leads is not None and client.leads == capture.key:
            client.leads = None
            capture.leads = True

    def keep(self, sent_group: SentGroup, *, committed: bool) -> None:
        """`group`, which was watched, has ended; its answer counts if no transaction was open around it."""
        capture: Capture = sent_group.capture
        key = capture.key
        if not capture.spoiled and not capture.oversized and sent_group.error is None and committed:
            self._store_result(capture, b"".join(capture.data))
        elif key is not None:
            self._store.give_up_refresh(key)
        if capture.leads and key is not None:
            caching = self._pool.config.caching
            alive = self._store.is_alive(key, monotonic(), caching.max_age, caching.stale_while_revalidate)
            self.land(key, answered=alive)

    def _store_result(self, capture: Capture, answer: bytes) -> None:
        result = split_result(answer)
        statement, key = capture.statement, capture.key
        if statement is not None and result.rows is not None:
            if statement.rows is None:
                statement.rows = with_formats(result.rows, ())
            elif not same_columns(result.rows, statement.rows):
                self._pool.schema_changed()  # elsewhere
        if key is None or result.body is None:
            return
        rows = result.rows
        if rows is None and statement is not None:
            rows = statement.rows
            if rows is not None:
                rows = with_formats(rows, result_formats(key.bind))
        elif rows is not None and result.of_statement:
            rows = with_formats(rows, result_formats(key.bind))
        elif rows is None and statement is None:
            rows = messages.NO_DATA  # a simple query that gives no columns says nothing about them
        parameters = statement.parameters if statement is not None else None
        self._store.put(
            key,
            StoredResult(rows, parameters, result.body),
            capture.sent_at,
            tables=capture.text.tables_read,
            generation=capture.generation,
        )
        if capture.text.facts.unknown_functions:
            self._functions.warn(capture.text.facts)

    def _refresh(self, client: ClientSession, key: CacheKey, text: SQLText) -> None:
        """One query in the background for an answer that has grown stale."""
        sent_group = SentGroup(None)
        capture = Capture(text, None, monotonic(), self._store.generation)
        capture.key = key
        sent_group.capture = capture

        def done(ended: SentGroup | None) -> None:
            if ended is None or ended.error is not None:
                self._store.give_up_refresh(key)

        portal = messages.describe_portal(b"")
        execute = messages.execute(b"")
        data = (
            messages.parse(b"", key.sql + b"\0" + key.parameter_types)
            + messages.bind(b"", b"", key.bind)
            + portal
            + execute
            + messages.SYNC
        )
        InternalQuery(self._pool, client.settings, data, sent_group, done)

    def record_write(self, text: SQLText, request: str | None) -> None:
        """`text` has run and is committed."""
        facts, now = text.facts, monotonic()
        if facts.tables_written or facts.writes_unknown or facts.writes_catalogs:
            self.written.record(
                facts.tables_written, now, request, unknown=facts.writes_unknown, catalogs=facts.writes_catalogs
            )
        if facts.unknown_functions and not facts.writes_unknown:
            record = partial(self.written.record, (), now, request, unknown=True)
            self._functions.when_may_write(facts, record)
