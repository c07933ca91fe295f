"""Counts of the queries of each Worker's request."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class QueryCounts:
    """How many queries a Worker's request made, in all and by cache status."""

    total: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    distance_ms: float = 0.0
    """How much longer they took because of simulated latency."""

    def add(self, status: str) -> None:
        self.total += 1
        self.by_status[status] = self.by_status.get(status, 0) + 1

    def add_distance(self, cost_s: float, took_s: float) -> None:
        """Counts at most `took_s`, what the request waited: another request may have opened the connection."""
        self.distance_ms += min(cost_s, took_s) * 1000
