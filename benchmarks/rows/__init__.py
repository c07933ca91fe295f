"""What can be measured: each row has a name, a title, an estimate of its time and the work itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Result
from benchmarks.lab import Lab
from benchmarks.rows import big_results, command_line, dev_loop, many_clients, query_log, test_database, throughput
from benchmarks.settings import Settings


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    estimate_s: Callable[[Settings], float]
    measure: Callable[[Lab], Result]


ROWS = (
    Row("throughput", "Pooled throughput", throughput.estimate_throughput_s, throughput.throughput),
    Row("cpu", "CPU a query", throughput.estimate_cpu_s, throughput.cpu),
    Row("cached", "Cached reads", throughput.estimate_cached_s, throughput.cached),
    Row("churn", "Connection churn", throughput.estimate_churn_s, throughput.churn),
    Row("big-results", "Big results", big_results.estimate_s, big_results.big_results),
    Row("many-clients", "Many clients", many_clients.estimate_s, many_clients.many_clients),
    Row("command-line", "Command line", command_line.estimate_s, command_line.command_line),
    Row("dev-start", "Dev start", dev_loop.estimate_dev_start_s, dev_loop.dev_start),
    Row("dev-memory", "Dev memory", dev_loop.estimate_dev_memory_s, dev_loop.dev_memory),
    Row("reload", "Reload", dev_loop.estimate_reload_s, dev_loop.reload),
    Row("test-database", "A test's database", test_database.estimate_s, test_database.test_database),
    Row("query-log", "Query log", query_log.estimate_query_log_s, query_log.query_log),
    Row("latency", "Latency", query_log.estimate_latency_s, query_log.latency),
    Row("requests", "Requests", dev_loop.estimate_requests_s, dev_loop.requests),
)
