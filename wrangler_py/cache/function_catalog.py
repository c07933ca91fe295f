"""The user's own functions in the origin's catalog, which is queried when an unknown one is called."""

from __future__ import annotations

from collections.abc import Callable

from wrangler_py.cache.own_functions import OwnFunctions, Volatility
from wrangler_py.sql.facts import SQLFacts

Rows = list[list[str | None]]
Ask = Callable[[Callable[[Rows | None], None]], bool]
"""Asks the catalog and calls its argument with the rows, or None for an error. False if it can't be asked."""


class FunctionCatalog:
    """The functions of one pool's origin. `notice` tells the person something."""

    def __init__(self, ask: Ask, notice: Callable[[str], None]) -> None:
        self._ask = ask
        self._notice = notice
        self._functions = OwnFunctions()
        self._asked_for: frozenset[str] = frozenset()
        self._waiting: list[Callable[[], None]] = []

    def forget(self) -> None:
        """The schema has changed, or may have."""
        self._functions.forget()

    def warn(self, facts: SQLFacts) -> None:
        """Reports functions of a cached query that are not IMMUTABLE, each once."""

        def warn() -> None:
            for warning in self._functions.warnings(facts):
                self._notice(warning)

        self._when_known(facts, warn)

    def when_may_write(self, facts: SQLFacts, then: Callable[[], None]) -> None:
        """Calls `then`, at once or soon, if a function that a query calls may write tables."""
        self._when_known(facts, lambda: then() if self._functions.may_write(facts) else None)

    def _when_known(self, facts: SQLFacts, then: Callable[[], None]) -> None:
        """Calls `then` when the catalog has been asked for the functions in `facts`, or can't be."""
        if self._functions.knows(facts):
            then()
            return
        self._waiting.append(then)
        self._asked_for |= facts.unknown_functions
        if len(self._waiting) == 1 and not self._ask(self._answered):
            self._answered(None)

    def _answered(self, rows: Rows | None) -> None:
        waiting, self._waiting = self._waiting, []
        asked_for, self._asked_for = self._asked_for, frozenset()
        if rows is not None:
            volatilities: dict[str, Volatility] = {str(name): volatility for name, volatility in rows}  # type: ignore[misc]
            self._functions.update(volatilities, asked_for)
        for call in waiting:
            call()
