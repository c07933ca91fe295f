"""Finds stale reads: cached answers that are older than the last write of one of their tables.

Writes don't remove cached answers, in production and here, but users are warned.
Known are writes through the proxy, by the tables in their SQL; triggers, foreign keys and views aren't followed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from wrangler_py.sql.tables import is_catalog, may_be_same_table, unqualified

ADVICE = "for fresh reads bind a second config with --caching-disabled"
CATALOG_ADVICE = (
    "Tools that read and change the schema, such as migration tools, need a second binding whose config "
    "has caching disabled, or --caching-disabled here."
)
"""Shown if clients are tools of the user."""

_MAX_SAID = 10_000
"""Maximum number of (query, table) pairs that are remembered as reported."""


@dataclass(frozen=True, slots=True)
class Write:
    """The last write of a table: when (seconds, monotonic) and by which request."""

    at: float
    request: str | None


@dataclass(frozen=True, slots=True)
class StaleRead:
    """A cached answer served after a table it reads was written.

    `of_schema`: the table is a catalog, and was written by DDL.
    """

    table: str
    write: Write
    answer_age: float
    """Seconds since the answer was stored."""
    now: float
    of_schema: bool = False

    def message(self, reader: str | None = None, writer: str | None = None) -> str:
        """One line for users; `reader` and `writer` are the names of the requests, such as `GET /articles`."""
        writer = writer or self.write.request
        what, answer = (
            ("the catalogs were changed", f"this answer from {self.table}")
            if self.of_schema
            else (f"{self.table} was written", "this answer")
        )
        return (
            f"stale read: {what} {_seconds(self.now - self.write.at)} ago{_by(writer)}, "
            f"{answer} is {_seconds(self.answer_age)} old{_by(reader)}; {ADVICE}"
        )


class WrittenTables:
    """The last write of each table of one database."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Write]] = {}  # by unqualified name, then by name as written
        self._all: Write | None = None
        self._catalogs: Write | None = None
        self._last = float("-inf")

    def record(
        self,
        tables: Iterable[str],
        now: float,
        request: str | None = None,
        *,
        unknown: bool = False,
        catalogs: bool = False,
    ) -> None:
        """Record a write. `unknown`: its tables can't be known, so it counts for all. `catalogs`: of
        what `pg_catalog` and `information_schema` say."""
        write = Write(now, request)
        for table in tables:
            self._tables.setdefault(unqualified(table), {})[table] = write
            self._last = max(self._last, now)
        if unknown:  # it may be known only later that it is one
            if self._all is None or self._all.at < now:
                self._all = write
            self._last = max(self._last, now)
        if catalogs:
            self._catalogs = write
            self._last = max(self._last, now)

    def stale_read(self, tables: frozenset[str], stored_at: float, now: float) -> StaleRead | None:
        """Whether an answer that reads `tables` is older than the last write of one of them."""
        if self._last <= stored_at:
            return None
        newest: tuple[str, Write] | None = None
        for table in tables:
            writes = self._tables.get(unqualified(table), {})
            for written, write in writes.items():
                if write.at > stored_at and may_be_same_table(table, written):
                    newest = max((newest or (table, write), (table, write)), key=lambda found: found[1].at)
        if self._catalogs is not None and self._catalogs.at > (newest[1].at if newest else stored_at):
            catalogs = sorted(filter(is_catalog, tables))
            if catalogs:
                return StaleRead(catalogs[0], self._catalogs, now - stored_at, now, of_schema=True)
        if self._all is not None and tables and self._all.at > (newest[1].at if newest else stored_at):
            newest = (min(tables), self._all)
        if newest is None:
            return None
        table, write = newest
        return StaleRead(table, write, now - stored_at, now)


class StaleReadLog:
    """Counts every stale read, and remembers those that were printed: the first for each query text and table."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By table."""
        self._said: set[tuple[bytes, str]] = set()

    @property
    def total(self) -> int:
        return self.counts.total()

    def add(self, sql: bytes, stale_read: StaleRead) -> bool:
        """Count it; True if it is the first of its kind."""
        self.counts[stale_read.table] += 1
        kind = (sql, stale_read.table)
        if kind in self._said or len(self._said) >= _MAX_SAID:
            return False
        self._said.add(kind)
        return True


def _seconds(duration: float) -> str:
    return f"{duration:.1f} s" if duration < 10 else f"{duration:.0f} s"


def _by(request: str | None) -> str:
    return f" ({request})" if request else ""
