"""What is counted per config, under the names of the product's metrics (`hyperdriveQueriesAdaptiveGroups`)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from wrangler_py.cache.verdict import CacheStatus


@dataclass(slots=True)
class Latency:
    """Durations of one kind, in milliseconds."""

    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0

    def add(self, duration_ms: float) -> None:
        self.count += 1
        self.total_ms += duration_ms
        if duration_ms > self.max_ms:
            self.max_ms = duration_ms

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.count if self.count else 0.0


@dataclass(slots=True)
class QueryCounts:
    """How many queries a Worker's request made, in all and by cache status."""

    total: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    distance_ms: float = 0.0
    """How much longer they took because the origin is made out to be far away."""

    def add(self, status: str) -> None:
        self.total += 1
        self.by_status[status] = self.by_status.get(status, 0) + 1

    def add_distance(self, cost_s: float, took_s: float) -> None:
        """Counts at most `took_s`, what the request waited: another request may have opened the connection."""
        self.distance_ms += min(cost_s, took_s) * 1000


@dataclass(slots=True)
class ConfigCounts:
    """Counts of one config since the session began."""

    by_status: Counter[CacheStatus] = field(default_factory=Counter)
    query_bytes: int = 0
    result_bytes: int = 0
    connection_latency: Latency = field(default_factory=Latency)
    """Time to open an origin connection."""
    query_latency: Latency = field(default_factory=Latency)
    """Time from a query to the end of its result, at the origin."""
    complete: int = 0
    error: int = 0
    stale_reads: int = 0

    def add_connection(self, latency_ms: float) -> None:
        """An origin connection was opened."""
        self.connection_latency.add(latency_ms)

    def add_stale_read(self) -> None:
        """A cached answer was older than a write of what it reads."""
        self.stale_reads += 1

    def add_query(
        self,
        status: CacheStatus,
        query_bytes: int,
        result_bytes: int,
        latency_ms: float | None = None,
        failed: bool = False,
    ) -> None:
        """A query has ended. `latency_ms` is None when the origin wasn't asked."""
        self.by_status[status] += 1
        self.query_bytes += query_bytes
        self.result_bytes += result_bytes
        if failed:
            self.error += 1
        else:
            self.complete += 1
        if latency_ms is not None:
            self.query_latency.add(latency_ms)

    def as_metrics(self) -> dict[str, object]:
        """Under the product's names; latencies are means in milliseconds. `staleReads` is ours."""
        return {
            "count": self.by_status.total(),
            "cacheStatus": {status.value: count for status, count in sorted(self.by_status.items())},
            "queryBytes": self.query_bytes,
            "resultBytes": self.result_bytes,
            "connectionLatency": round(self.connection_latency.mean_ms, 3),
            "queryLatency": round(self.query_latency.mean_ms, 3),
            "eventStatus": {"complete": self.complete, "error": self.error},
            "staleReads": self.stale_reads,
        }
