"""The cached answers of one pool, and answers that are being captured. The clock is an argument."""

from __future__ import annotations

from typing import Generic, NamedTuple

from wrangler_py.cache.capture import Capture, DescribedStatement
from wrangler_py.cache.keys import NO_PARAMETER_TYPES, SIMPLE_BIND, CacheKey, StatementKey
from wrangler_py.cache.single_flight import Follower, SingleFlight
from wrangler_py.cache.stale_reads import StaleRead, StaleReadLog, WrittenTables
from wrangler_py.cache.store import CacheStore, Hit, StoredResult
from wrangler_py.hyperdrive.config import Caching
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.results import result_formats, same_columns, split_result, with_formats
from wrangler_py.sql.facts import SQLFacts


class CachedPortal(NamedTuple):
    """A portal that a client bound to a stored answer; the origin does not know it."""

    key: CacheKey
    hit: Hit
    statement_name: bytes
    bind: bytes
    done: bool = False
    """Its rows have been fetched."""


class Kept(NamedTuple):
    """The result of storing a captured answer.

    `columns_changed`: its columns are not those that were known, so the schema was changed elsewhere. `facts` are
    those of its text, if it is stored and calls functions of the person's own.
    """

    columns_changed: bool = False
    facts: SQLFacts | None = None


class Answers(Generic[Follower]):
    """`store` has the answers of all pools. `written` are the writes to the database of this one."""

    def __init__(self, store: CacheStore, config_key: str, caching: Caching, written: WrittenTables) -> None:
        self._store = store
        self._flights: SingleFlight[Follower] = SingleFlight()
        self.stale_reads = StaleReadLog()
        self.configure(config_key, caching, written)

    def configure(self, config_key: str, caching: Caching, written: WrittenTables) -> None:
        """The config has changed."""
        self.config_key = config_key
        self._caching = caching
        self.written = written

    # --- looking up ----------------------------------------------------------------------------------------

    def simple_key(self, sql: bytes, settings: bytes) -> CacheKey:
        """The key of a simple query."""
        return CacheKey(self.config_key, sql, NO_PARAMETER_TYPES, SIMPLE_BIND, settings)

    def key(self, statement: DescribedStatement, bind: bytes, settings: bytes) -> CacheKey:
        """The key of a portal of `statement`; `bind` is what follows the two names in its Bind."""
        return CacheKey(self.config_key, statement.sql, statement.parameter_types, bind, settings)

    def find(self, key: CacheKey, now: float) -> Hit | None:
        """The stored answer, if it may still be served."""
        caching = self._caching
        return self._store.get(key, now, caching.max_age, caching.stale_while_revalidate)

    def is_alive(self, key: CacheKey, now: float) -> bool:
        """Whether there is an answer that `find` would give."""
        caching = self._caching
        return self._store.is_alive(key, now, caching.max_age, caching.stale_while_revalidate)

    def description(self, statement: DescribedStatement, settings: bytes, now: float) -> bytes | None:
        """ParameterDescription and RowDescription of a statement that some stored answer belongs to."""
        if statement.parameters is None or statement.rows is None:
            return None
        key = StatementKey(self.config_key, statement.sql, statement.parameter_types, settings)
        caching = self._caching
        alive = self._store.describing(key, now, caching.max_age, caching.stale_while_revalidate)
        return statement.parameters + statement.rows if alive is not None else None

    def needs_refresh(self, key: CacheKey, hit: Hit) -> bool:
        """Whether the caller is to refresh a stale answer: one reader is."""
        return hit.stale and self._store.claim_refresh(key)

    def give_up_refresh(self, key: CacheKey) -> None:
        self._store.give_up_refresh(key)

    def stale_read(self, hit: Hit, now: float) -> StaleRead | None:
        """Whether a table that the answer reads was written since."""
        return self.written.stale_read(hit.entry.tables, hit.entry.stored_at, now)

    # --- single flight -------------------------------------------------------------------------------------

    @property
    def flights(self) -> int:
        """The number of running queries that others may wait for."""
        return len(self._flights)

    def lead(self, key: CacheKey) -> bool:
        """Whether the caller makes the query that others wait for: then it must `land`."""
        return self._flights.lead(key)

    def follow(self, key: CacheKey, follower: Follower) -> None:
        self._flights.follow(key, follower)

    def leave(self, key: CacheKey, follower: Follower) -> None:
        """`follower` no longer waits."""
        self._flights.leave(key, follower)

    def land(self, key: CacheKey) -> list[Follower]:
        """The query that others waited for has ended, or won't be made; who waited."""
        return self._flights.land(key)

    # --- keeping -------------------------------------------------------------------------------------------

    def capture(
        self, facts: SQLFacts, statement: DescribedStatement | None, now: float, key: CacheKey | None = None
    ) -> Capture:
        """Captures the answer to a query that is sent now."""
        return Capture(facts, statement, now, self._store.generation, key)

    def keep(self, capture: Capture) -> Kept:
        """Stores the captured answer of a query that has ended without an error and outside of a transaction."""
        result = split_result(capture.answer)
        statement, key = capture.statement, capture.key
        columns_changed = False
        if statement is not None and result.rows is not None:
            if statement.rows is None:
                statement.learn_rows(with_formats(result.rows, ()))
            else:
                columns_changed = not same_columns(result.rows, statement.rows)
        if key is None or result.body is None:
            return Kept(columns_changed)
        rows = result.rows
        if rows is None and statement is not None:
            rows = statement.rows
            if rows is not None:
                rows = with_formats(rows, result_formats(key.bind))
        elif rows is not None and result.of_statement:
            rows = with_formats(rows, result_formats(key.bind))
        elif rows is None and statement is None:
            rows = messages.NO_DATA  # the answer to a simple query without columns does not mention them
        parameters = statement.parameters if statement is not None else None
        self._store.put(
            key,
            StoredResult(rows, parameters, result.body),
            capture.sent_at,
            tables=capture.facts.tables_read,
            generation=capture.generation,
        )
        return Kept(columns_changed, capture.facts if capture.facts.unknown_functions else None)
