"""The metrics as OpenMetrics, for Prometheus and similar tools. The names follow the product's."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.openmetrics.exposition import generate_latest

from wrangler_py import __version__
from wrangler_py.dashboard.sources import Sources
from wrangler_py.proxy.server import Proxy

__all__ = ["CONTENT_TYPE", "exposition"]


def exposition(sources: Sources) -> bytes:
    """The metrics as they are now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(None if sources.served is None else sources.served.proxy))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]


class _Collector:
    """Reads the counts when it is asked."""

    def __init__(self, proxy: Proxy | None) -> None:
        self._proxy = proxy

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("wrangler_py", "The local Hyperdrive", {"version": __version__})
        if self._proxy is not None:
            yield from _queries(self._proxy)
            yield from _latencies(self._proxy)
            yield from _pool_sizes(self._proxy)


def _queries(proxy: Proxy) -> Iterator[Metric]:
    by_cache_status = CounterMetricFamily(
        "hyperdrive_queries", "Queries by cache status", labels=("binding", "cache_status")
    )
    by_event_status = CounterMetricFamily(
        "hyperdrive_events", "Queries by event status", labels=("binding", "event_status")
    )
    query_bytes = CounterMetricFamily(
        "hyperdrive_query_bytes", "Bytes of queries", labels=("binding",), unit="bytes"
    )
    result_bytes = CounterMetricFamily(
        "hyperdrive_result_bytes", "Bytes of results", labels=("binding",), unit="bytes"
    )
    stale_reads = CounterMetricFamily(
        "hyperdrive_stale_reads", "Cached answers older than a write of the application", labels=("binding",)
    )
    for binding, pool in proxy.pools.items():
        counts = pool.caching.counts
        for status, count in sorted(counts.by_status.items()):
            by_cache_status.add_metric((binding, str(status)), count)
        by_event_status.add_metric((binding, "complete"), counts.complete)
        by_event_status.add_metric((binding, "error"), counts.error)
        query_bytes.add_metric((binding,), counts.query_bytes)
        result_bytes.add_metric((binding,), counts.result_bytes)
        stale_reads.add_metric((binding,), counts.stale_reads)
    yield from (by_cache_status, by_event_status, query_bytes, result_bytes, stale_reads)


def _latencies(proxy: Proxy) -> Iterator[Metric]:
    query = SummaryMetricFamily(
        "hyperdrive_query_latency", "Time at the origin", labels=("binding",), unit="seconds"
    )
    connection = SummaryMetricFamily(
        "hyperdrive_connection_latency", "Time to open an origin connection", labels=("binding",), unit="seconds"
    )
    for binding, pool in proxy.pools.items():
        counts = pool.caching.counts
        for family, latency in ((query, counts.query_latency), (connection, counts.connection_latency)):
            family.add_metric((binding,), count_value=latency.count, sum_value=latency.total_ms / 1000)
    yield from (query, connection)


def _pool_sizes(proxy: Proxy) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("hyperdrive_waiting_clients", "Waiting clients", labels=("binding",))
    current = GaugeMetricFamily("hyperdrive_current_pool_size", "Open connections", labels=("binding",))
    available = GaugeMetricFamily(
        "hyperdrive_available_pool_slots", "Connections that could still be opened", labels=("binding",)
    )
    maximum = GaugeMetricFamily("hyperdrive_max_pool_size", "Pool size maximum", labels=("binding",))
    for binding, pool in proxy.pools.items():
        size, limit = len(pool.connections), pool.config.connection_limit
        waiting.add_metric((binding,), pool.waiting)
        current.add_metric((binding,), size)
        available.add_metric((binding,), max(0, limit - size))
        maximum.add_metric((binding,), limit)
    yield from (waiting, current, available, maximum)
