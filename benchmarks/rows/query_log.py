"""What the query log and a made-up distance cost: the proxy with and without them, in turns."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from benchmarks.figures import OURS, Cell, Check, Result, at_least, at_most, interleave, median_of, ratio
from benchmarks.lab import Lab
from benchmarks.peers.endpoint import Endpoint
from benchmarks.pgbench import HOT_READS, PROTOCOLS, Protocol, run_pgbench
from benchmarks.settings import Settings

WITHOUT_LOG = "without a query log"
WITHOUT_DISTANCE = "without latency"
CLIENTS = 16
DISTANT_CLIENTS = 64
DISTANCE_S = 0.025
ROUNDS = 4
"""Times those of other rows: the difference looked for is smaller than that between two rounds."""


def estimate_query_log_s(settings: Settings) -> float:
    return 5 + 4 * 2 * ROUNDS * settings.rounds * (settings.seconds + 1)


def query_log(lab: Lab) -> Result:
    """`pgbench -S`, 16 clients, with each protocol, and cache hits; nobody looks at the log."""
    off = ("--query-log-records", "0")
    peers = {WITHOUT_LOG: lab.proxy_with(*off), OURS: lab.proxy_with()}
    cached = {WITHOUT_LOG: lab.proxy_with(*off, caching=True), OURS: lab.proxy_with(caching=True)}
    cells = [_tps(lab, peers, protocol) for protocol in PROTOCOLS]
    for endpoint in cached.values():
        run_pgbench(endpoint, protocol="prepared", clients=CLIENTS, seconds=1, script=HOT_READS)
    cells.append(_tps(lab, cached, "prepared", cached=True))
    checks = [check for cell in cells for check in ratio(cell, WITHOUT_LOG, at_least(0.96), headline=False)]
    return Result(cells, [*checks, *median_of(checks, at_least(0.98), "median of the cells")])


def _tps(lab: Lab, peers: dict[str, Endpoint], protocol: Protocol, *, cached: bool = False) -> Cell:
    def measure(endpoint: Endpoint) -> float:
        script = HOT_READS if cached else None
        return run_pgbench(
            endpoint, protocol=protocol, clients=CLIENTS, seconds=lab.settings.seconds, script=script
        ).tps

    label = f"{protocol}, {CLIENTS} clients{', hits' if cached else ''}"
    measurements: dict[str, Callable[[], float]] = {
        name: partial(measure, endpoint) for name, endpoint in peers.items()
    }
    return interleave(label, "tps", measurements, ROUNDS * lab.settings.rounds, lab.say)


def estimate_latency_s(settings: Settings) -> float:
    return 5 + 2 * 2 * settings.rounds * (settings.seconds + 2)


def latency(lab: Lab) -> Result:
    """CPU time of the proxy's process a query, while each of 64 clients waits 25 ms for each answer.

    Both answer as many queries, at the same rate: a login, and waking up for each query, cost both the same.
    """
    peers = {
        WITHOUT_DISTANCE: lab.proxy_with(pool_size=DISTANT_CLIENTS),
        OURS: lab.proxy_with("--latency", "25ms", pool_size=DISTANT_CLIENTS),
    }
    transactions = math.ceil(lab.settings.seconds / DISTANCE_S)
    rates = {WITHOUT_DISTANCE: round(DISTANT_CLIENTS / DISTANCE_S), OURS: None}
    cells = []
    for protocol in ("simple", "prepared"):
        measurements: dict[str, Callable[[], float]] = {
            name: partial(_cpu_us_a_query, endpoint, protocol, transactions, rates[name])
            for name, endpoint in peers.items()
        }
        label = f"{protocol}, {DISTANT_CLIENTS} clients, 25 ms"
        cells.append(interleave(label, "µs", measurements, 2 * lab.settings.rounds, lab.say))
    checks: list[Check] = [check for cell in cells for check in ratio(cell, WITHOUT_DISTANCE, at_most(1.1))]
    return Result(cells, checks)


def _cpu_us_a_query(endpoint: Endpoint, protocol: Protocol, transactions: int, rate: int | None) -> float:
    assert endpoint.process is not None
    before = endpoint.process.cpu_times()
    outcome = run_pgbench(
        endpoint,
        protocol=protocol,
        clients=DISTANT_CLIENTS,
        seconds=0,
        transactions_each=transactions,
        rate=rate,
    )
    after = endpoint.process.cpu_times()
    return (after.user - before.user + after.system - before.system) / outcome.transactions * 1e6
