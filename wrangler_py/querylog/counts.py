"""What is counted per config, under the names of the product's metrics (`hyperdriveQueriesAdaptiveGroups`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any

from wrangler_py.querylog.record import REFUSED, Column


@dataclass(slots=True)
class Latency:
    """Durations of one kind, in milliseconds."""

    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0

    def add(self, durations_s: Sequence[float]) -> None:
        """Counts these durations, in seconds."""
        if durations_s:
            self.count += len(durations_s)
            self.total_ms += sum(durations_s) * 1000
            self.max_ms = max(self.max_ms, max(durations_s) * 1000)

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.count if self.count else 0.0


class ConfigCounts:
    """Counts of one config since the session began.

    `settle` is called before any of them is read: it adds the queries that have ended and are not counted yet.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._by_status: Counter[str] = Counter()
        self._query_bytes = 0
        self._result_bytes = 0
        self._error = 0
        self._query_latency = Latency()
        self.connection_latency = Latency()
        """Time to open an origin connection."""
        self.stale_reads = 0

    def add_connection(self, latency_s: float) -> None:
        """An origin connection was opened."""
        self.connection_latency.add([latency_s])

    def add_stale_read(self) -> None:
        """A cached answer was older than a write of what it reads."""
        self.stale_reads += 1

    def add_queries(self, columns: Sequence[Sequence[Any]]) -> None:
        """Queries have ended; `columns` are those of their entries in the query log."""
        statuses = columns[Column.STATUS]
        if statuses.count(statuses[0]) == len(statuses) and statuses[0] != REFUSED:
            self._by_status[statuses[0]] += len(statuses)
        else:
            if REFUSED in statuses:
                kept = [status != REFUSED for status in statuses]
                columns = [[value for value, keep in zip(column, kept, strict=True) if keep] for column in columns]
            self._by_status.update(columns[Column.STATUS])
        self._query_bytes += sum(columns[Column.QUERY_BYTES])
        self._result_bytes += sum(columns[Column.RESULT_BYTES])
        errors = columns[Column.ERROR]
        self._error += len(errors) - errors.count(None)
        connections = columns[Column.ORIGIN_CONNECTION]
        took = columns[Column.ORIGIN]
        if any(columns[Column.SENDING]):
            took = list(map(add, took, columns[Column.SENDING]))
        if not all(connections):
            took = [each for each, number in zip(took, connections, strict=True) if number is not None]
        self._query_latency.add(took)

    # --- reading -------------------------------------------------------------------------------------------

    @property
    def by_status(self) -> Counter[str]:
        """How many queries had each cache status."""
        self._settle()
        return self._by_status

    @property
    def query_bytes(self) -> int:
        self._settle()
        return self._query_bytes

    @property
    def result_bytes(self) -> int:
        self._settle()
        return self._result_bytes

    @property
    def query_latency(self) -> Latency:
        """Time from a query to the end of its result, at the origin."""
        self._settle()
        return self._query_latency

    @property
    def error(self) -> int:
        """How many queries have failed."""
        self._settle()
        return self._error

    @property
    def complete(self) -> int:
        """How many queries have not failed."""
        return self.by_status.total() - self._error

    def as_metrics(self) -> dict[str, object]:
        """Under the product's names; latencies are means in milliseconds. `staleReads` is ours."""
        return {
            "count": self.by_status.total(),
            "cacheStatus": {str(status): count for status, count in sorted(self.by_status.items())},
            "queryBytes": self.query_bytes,
            "resultBytes": self.result_bytes,
            "connectionLatency": round(self.connection_latency.mean_ms, 3),
            "queryLatency": round(self.query_latency.mean_ms, 3),
            "eventStatus": {"complete": self.complete, "error": self.error},
            "staleReads": self.stale_reads,
        }
