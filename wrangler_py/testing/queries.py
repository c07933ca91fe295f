"""The queries of a test or of a Worker's request, and assertions about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from wrangler_py.querylog.findings import REPEATED_FROM
from wrangler_py.querylog.record import QueryRecord
from wrangler_py.testing.statements import counted, is_transaction_control, one_line, shortened

_CACHED = frozenset({"hit", "miss"})
_LISTED = 30


class Queries(Sequence[QueryRecord]):
    """Records, the first query first. BEGIN, COMMIT and their like are among them, but no assertion counts them."""

    def __init__(self, records: Iterable[QueryRecord]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> QueryRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Queries: ...
    def __getitem__(self, index: int | slice) -> QueryRecord | Queries:
        if isinstance(index, slice):
            return Queries(self._records[index])
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'query', 'queries')}>"

    @property
    def by_status(self) -> dict[str, int]:
        """How many queries had each cache status."""
        statuses = [record.status for record in self._records]
        return {status: statuses.count(status) for status in dict.fromkeys(statuses)}

    @property
    def stale(self) -> Queries:
        """The queries whose cached answers were older than a write."""
        return Queries(record for record in self._records if record.stale)

    def matching(self, sql: str) -> Queries:
        """Those whose text is `sql`, or contains it if there is none; white space counts as one space."""
        wanted = one_line(sql)
        texts = [(one_line(record.sql), record) for record in self._records]
        return Queries(record for text, record in texts if text == wanted) or Queries(
            record for text, record in texts if wanted in text
        )

    def assert_cached(self, sql: str) -> None:
        """Fail unless the query ran, and each time was answered from the cache or stored there."""
        __tracebackhide__ = True
        found = self.matching(sql)
        if not found:
            raise AssertionError(f"this query did not run: {shortened(sql)}\n{self.described()}")
        for record in found:
            if record.status not in _CACHED:
                from wrangler_py.querylog.verdicts import explain

                why = explain(record)
                raise AssertionError(
                    f"{record.status}, not cached: {shortened(record.sql)}\n  why: {why.reason}"
                    + (f"\n  change: {why.fix}" if why.fix else "")
                )

    def assert_query_count(self, count: int) -> None:
        """Fail unless exactly so many queries ran."""
        __tracebackhide__ = True
        ran = self._counted()
        if len(ran) != count:
            raise AssertionError(f"{counted(len(ran), 'query', 'queries')} ran, not {count}:\n{ran.described()}")

    def assert_no_repeated_statements(self, at_least: int = REPEATED_FROM) -> None:
        """Fail if a statement ran so often: once for each row of another query, perhaps (an N+1 query)."""
        __tracebackhide__ = True
        groups: dict[str, int] = {}
        for record in self._counted():
            groups[one_line(record.sql)] = groups.get(one_line(record.sql), 0) + 1
        repeated = {sql: times for sql, times in groups.items() if times >= at_least}
        if repeated:
            lines = "\n".join(f"  {times} times: {shortened(sql)}" for sql, times in repeated.items())
            raise AssertionError(
                f"repeated statements:\n{lines}\nFetch all values with one query: WHERE id = ANY($1), or a JOIN."
            )

    def described(self) -> str:
        """A line for each query."""
        if not self._records:
            return "  no query ran"
        lines = [
            f"  {record.status:17} {record.duration_ms:7.1f} ms  {'stale  ' if record.stale else ''}"
            f"{shortened(record.sql)}" + (f"  {record.error}" if record.error else "")
            for record in self._records[:_LISTED]
        ]
        if len(self) > _LISTED:
            lines.append(f"  … and {len(self) - _LISTED} more")
        return "\n".join(lines)

    def _counted(self) -> Queries:
        return Queries(record for record in self._records if not is_transaction_control(record.sql))
