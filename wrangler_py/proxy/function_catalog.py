"""What an origin's catalog says of a person's own functions; it is asked when one is called that isn't known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wrangler_py.cache.own_functions import CATALOG_QUERY, OwnFunctions
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.internal_query import InternalQuery
from wrangler_py.proxy.origin import Collector

if TYPE_CHECKING:
    from wrangler_py.proxy.pool import Pool
    from wrangler_py.sql.facts import SQLFacts


class FunctionCatalog:
    """That of one pool's origin."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._functions = OwnFunctions()
        self._asking_for: frozenset[str] = frozenset()
        self._waiting: list[Callable[[], None]] = []

    def forget(self) -> None:
        """The schema has changed, or may have."""
        self._functions.forget()

    def warn(self, facts: SQLFacts) -> None:
        """Says which functions of a query that was cached are not IMMUTABLE, each once."""

        def say() -> None:
            for warning in self._functions.warnings(facts):
                self._pool.notice(warning)

        self._when_known(facts, say)

    def when_may_write(self, facts: SQLFacts, then: Callable[[], None]) -> None:
        """Calls `then`, at once or soon, if a function that a query calls may write tables."""
        self._when_known(facts, lambda: then() if self._functions.may_write(facts) else None)

    def _when_known(self, facts: SQLFacts, then: Callable[[], None]) -> None:
        """Calls `then` when the catalog has been asked for the functions in `facts`, or can't be."""
        if self._functions.knows(facts) or self._pool.baseline is None:
            then()
            return
        self._waiting.append(then)
        self._asking_for |= facts.unknown_functions
        if len(self._waiting) > 1:
            return
        collector = Collector()

        def done(ended: SentGroup | None) -> None:
            waiting, self._waiting = self._waiting, []
            asked_for, self._asking_for = self._asking_for, frozenset()
            if ended is not None and ended.error is None:
                rows = messages.text_rows(collector.data)
                volatilities = {str(name): volatility for name, volatility in rows}
                self._functions.update(volatilities, asked_for)  # type: ignore[arg-type]
            for call in waiting:
                call()

        sent_group = SentGroup(collector, simple=True)
        InternalQuery(self._pool, self._pool.baseline, messages.query(CATALOG_QUERY), sent_group, done)
