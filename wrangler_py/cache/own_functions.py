"""The user's own functions. Hyperdrive doesn't know them and caches queries that call them; a notice says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from wrangler_py.sql.facts import SQLFacts

Volatility = Literal["IMMUTABLE", "STABLE", "VOLATILE"]

CATALOG_QUERY = """
    SELECT proname::text,
           CASE max(CASE provolatile WHEN 'v' THEN 3 WHEN 's' THEN 2 ELSE 1 END)
                WHEN 3 THEN 'VOLATILE' WHEN 2 THEN 'STABLE' ELSE 'IMMUTABLE' END
    FROM pg_catalog.pg_proc
    WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    GROUP BY proname
"""
"""Asks an origin for each name of a function that isn't PostgreSQL's own, with its worst volatility."""


class OwnFunctions:
    """The known functions of one origin."""

    def __init__(self) -> None:
        self._volatilities: dict[str, Volatility] = {}
        self._absent: set[str] = set()
        self._warned: set[str] = set()

    def knows(self, facts: SQLFacts) -> bool:
        """Whether the catalog was queried for all functions of a query."""
        return facts.unknown_functions <= self._volatilities.keys() | self._absent

    def update(self, volatilities: Mapping[str, Volatility], asked_for: frozenset[str]) -> None:
        """Take what CATALOG_QUERY gives now; it was asked because of the functions `asked_for`."""
        self._volatilities = dict(volatilities)
        self._absent |= asked_for.difference(self._volatilities)

    def forget(self) -> None:
        """The schema has changed, or may have."""
        self._volatilities = {}
        self._absent = set()

    def warnings(self, facts: SQLFacts) -> list[str]:
        """Warnings about the functions of a cacheable query, each name once."""
        if not facts.unknown_functions:
            return []
        said = []
        for name in sorted(facts.unknown_functions - self._warned):
            volatility = self._volatilities.get(name)
            if volatility in ("STABLE", "VOLATILE"):
                self._warned.add(name)
                said.append(f"{name}() is {volatility}; Hyperdrive will cache this anyway")
        return said

    def may_write(self, facts: SQLFacts) -> bool:
        """Whether a function it calls may write tables that the text doesn't name.

        PostgreSQL lets only VOLATILE functions write. One that isn't in the catalog may be anything.
        """
        return any(self._volatilities.get(name, "VOLATILE") == "VOLATILE" for name in facts.unknown_functions)
