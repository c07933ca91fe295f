"""Uses the cache for a pool: answers clients, stores and refreshes answers, reports stale reads.

`wrangler_py.cache` decides which answers are stored, and for how long; the translation of messages is in
`session.translation`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Protocol

from wrangler_py.cache.answers import Answers
from wrangler_py.cache.capture import Capture
from wrangler_py.cache.function_catalog import FunctionCatalog, Rows
from wrangler_py.cache.keys import CacheKey
from wrangler_py.cache.own_functions import CATALOG_QUERY
from wrangler_py.cache.stale_reads import CATALOG_ADVICE, WrittenTables
from wrangler_py.cache.store import CacheStore
from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import Piece
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.failures import SQLSTATE
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin.connection import Collector, OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionSource
from wrangler_py.proxy.origin.internal_query import InternalQuery
from wrangler_py.proxy.pool.accounting import Accounting
from wrangler_py.proxy.worker_requests import Requests
from wrangler_py.querylog.counts import ConfigCounts
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.message_groups import MessageGroup
from wrangler_py.session.query_run import QueryRun
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.shared import SharedState
from wrangler_py.session.sql_text import SQLText
from wrangler_py.session.translation.cached_answer import CachedGroups, Miss, ServedQuery, refresh_message
from wrangler_py.session.translation.hit_index import HitIndex

WrittenByDatabase = defaultdict[tuple[str, int, str], WrittenTables]
"""By host, port and database: several bindings may be of one."""


class CachingPool(ConnectionSource[OriginConnection], Protocol):
    """The pool, as its cache sees it."""

    config: PoolConfig
    options: ProxyOptions
    requests: Requests
    shared: SharedState
    accounting: Accounting

    @property
    def baseline(self) -> SessionSettings: ...
    def schema_changed(self) -> None: ...
    def notice(self, message: str) -> None: ...
    def notice_once(self, message: str) -> None: ...


class CachingClient(Protocol):
    """A client, as the cache sees it."""

    session: ClientSession
    asks_alone: bool

    def write(self, data: bytes) -> None: ...
    def lead(self, key: CacheKey) -> None:
        """Others wait for the answer to what it asks now."""

    def takes_lead(self, key: CacheKey | None) -> bool:
        """Whether others wait for the answer of `key`, and the client has told nobody else to see to that."""

    def follow(self, key: CacheKey, group: MessageGroup) -> None:
        """It waits for the answer to someone else's query, which is under way."""

    def resume(self, *, answered: bool = True) -> None:
        """It need not wait any more."""

    def fail_group(self, group: MessageGroup, response: bytes) -> None: ...


class Caching:
    """The cache as one pool uses it."""

    def __init__(
        self, pool: CachingPool, store: CacheStore, written: WrittenByDatabase, counts: ConfigCounts
    ) -> None:
        self._pool = pool
        self._written = written
        config = pool.config
        self._answers: Answers[CachingClient] = Answers(
            store, config.cache_key, config.caching, self._written_tables(config)
        )
        self._groups = CachedGroups(self._answers)
        self._functions = FunctionCatalog(self._ask_for_functions, pool.notice)
        self._index = HitIndex(self._answers)
        self.counts = counts
        self.stale_reads = self._answers.stale_reads
        self.enabled = not config.caching.disabled
        pool.shared.use_caching(self.enabled)

    def config_changed(self) -> None:
        config = self._pool.config
        self.enabled = not config.caching.disabled
        self._pool.shared.use_caching(self.enabled)
        self._answers.configure(config.cache_key, config.caching, self._written_tables(config))

    def _written_tables(self, config: PoolConfig) -> WrittenTables:
        origin = config.origin
        return self._written[origin.host, origin.port, origin.database]

    def schema_changed(self) -> None:
        self._functions.forget()

    # --- answering -----------------------------------------------------------------------------------------

    def answer_again(self, client: CachingClient, data: bytes) -> bool:
        """Answers what a client with nothing under way has sent, if the same was a hit before."""
        hit = self._index.answer(client.session, data, monotonic())
        if hit is None:
            return False
        self._pool.accounting.answered_from_cache(hit.run, hit.result)
        client.write(hit.data)
        return True

    def answer(self, client: CachingClient, group: MessageGroup) -> bool:
        """Answers a group from the store, or lets it wait for a query under way; False: ask the origin."""
        session = client.session
        found = self._groups.find(session, group.messages, closed=group.closed, now=monotonic())
        if found is None:
            return False
        if isinstance(found, Miss):
            return self._follow(client, found.key, group)
        for served in found.served:
            if not self._serve(client, served, group):
                return True
        if found.indexed is not None:
            self._index.add(session, group.messages, *found.indexed)
        found.accept()
        client.write(found.data)
        return True

    def _serve(self, client: CachingClient, served: ServedQuery, group: MessageGroup) -> bool:
        """Counts a hit; False when it was a stale read and the client got an error for it."""
        text, key, hit = served
        request = client.session.request
        if self._answers.needs_refresh(key, hit):
            self._refresh(client.session.settings, key, text)
        stale = self._answers.stale_read(hit, monotonic())
        if stale is not None:
            self.counts.add_stale_read()
            label = self._pool.requests.label
            reader = label(request.id) if request else None
            message = stale.message(reader, label(stale.write.request) if stale.write.request else None)
            if self.stale_reads.add(key.sql, stale):
                self._pool.notice(message)
            if stale.of_schema and self._pool.options.serves_tools:
                self._pool.notice_once(CATALOG_ADVICE)
            if self._pool.options.fail_on_stale_read:
                client.fail_group(group, messages.error_response(SQLSTATE, message))
                return False
        result = hit.entry.result
        types = result.parameter_description[5:] if result.parameter_description else key.parameter_types
        run = QueryRun(key.sql, text, CacheStatus.HIT, request, client.session.number, key.bind, types)
        self._pool.accounting.answered_from_cache(run, result, stale=stale is not None)
        return True

    # --- waiting for the same query ------------------------------------------------------------------------

    def _follow(self, client: CachingClient, key: CacheKey, group: MessageGroup) -> bool:
        """Whether `client` now waits for someone else's query: many that miss on one key make one query."""
        if client.asks_alone:
            return False
        if self._answers.lead(key):
            client.lead(key)
            return False
        self._answers.follow(key, client)
        client.follow(key, group)
        return True

    def leave(self, client: CachingClient, key: CacheKey) -> None:
        """`client`, which followed, is gone."""
        self._answers.leave(key, client)

    def land(self, key: CacheKey, *, answered: bool) -> None:
        """The query that others waited for has ended, or won't be made; `answered` if it has an answer for them."""
        for follower in self._answers.land(key):
            follower.resume(answered=answered)

    def overtake(self, sent_group: SentGroup) -> None:
        """The client of `sent_group` is slow to read: the others go on without its answer."""
        capture: Capture | None = sent_group.capture
        if capture is not None and capture.leads and capture.key is not None:
            capture.stop_leading()
            self.land(capture.key, answered=False)

    @property
    def queries_waited_for(self) -> int:
        """How many queries are under way that others may wait for."""
        return self._answers.flights

    # --- keeping -------------------------------------------------------------------------------------------

    def watch(self, client: CachingClient, sent_group: SentGroup, group: list[Piece]) -> None:
        """Prepares to keep the answer to `group`, about to be sent as `sent_group` or a part of it."""
        capture = self._groups.capture(client.session, sent_group, group, monotonic())
        if capture is not None and client.takes_lead(capture.key):
            capture.lead()

    def keep(self, sent_group: SentGroup, *, committed: bool) -> None:
        """A group with a capture has ended; its answer counts if no transaction was open around it."""
        capture: Capture = sent_group.capture
        key = capture.key
        if capture.kept and sent_group.error is None and committed:
            kept = self._answers.keep(capture)
            if kept.columns_changed:
                self._pool.schema_changed()  # elsewhere
            if kept.facts is not None:
                self._functions.warn(kept.facts)
        elif key is not None:
            self._answers.give_up_refresh(key)
        if capture.leads and key is not None:
            self.land(key, answered=self._answers.is_alive(key, monotonic()))

    def _refresh(self, settings: SessionSettings, key: CacheKey, text: SQLText) -> None:
        """Runs a query in the background for an answer that has grown stale."""
        sent_group = SentGroup(None)
        sent_group.capture_with(self._answers.capture(text.facts, None, monotonic(), key))

        def done(ended: SentGroup | None) -> None:
            if ended is None or ended.error is not None:
                self._answers.give_up_refresh(key)

        InternalQuery(self._pool, settings, refresh_message(key), sent_group, done)

    def record_write(self, text: SQLText, request: str | None) -> None:
        """`text` has run and is committed."""
        facts, now = text.facts, monotonic()
        written = self._answers.written
        if facts.tables_written or facts.writes_unknown or facts.writes_catalogs:
            written.record(
                facts.tables_written, now, request, unknown=facts.writes_unknown, catalogs=facts.writes_catalogs
            )
        if facts.unknown_functions and not facts.writes_unknown:
            self._functions.when_may_write(facts, partial(written.record, (), now, request, unknown=True))

    def _ask_for_functions(self, done: Callable[[Rows | None], None]) -> bool:
        """Asks the origin's catalog for functions; False if no connection was ever had."""
        if self._pool.baseline is None:
            return False
        collector = Collector()

        def ended(sent_group: SentGroup | None) -> None:
            failed = sent_group is None or sent_group.error is not None
            done(None if failed else messages.text_rows(collector.data))

        sent_group = SentGroup(collector, simple=True)
        InternalQuery(self._pool, self._pool.baseline, messages.query(CATALOG_QUERY), sent_group, ended)
        return True
