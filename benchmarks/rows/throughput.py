"""Pooled throughput, the CPU it takes, and cached reads: pgbench's select-only work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.figures import (
    COMPILED,
    OURS,
    Bound,
    Cell,
    Check,
    Result,
    at_least,
    at_most,
    interleave,
    median_of,
    ratio,
)
from benchmarks.lab import CACHED, CACHED_COMPILED, PGBOUNCER, POSTGRES, Lab
from benchmarks.peers.endpoint import Endpoint
from benchmarks.pgbench import HOT_READS, PROTOCOLS, Protocol, run_pgbench
from benchmarks.settings import Settings

CLIENTS = (1, 16, 64)
MOST_CPU = (1.45, 1.5, 1.2)
"""A query, as a multiple of PgBouncer's: for each of the protocols."""
NOT_PREPARED = "This PgBouncer has no prepared statements in transaction mode (1.21 and later have): not measured."


def estimate_throughput_s(settings: Settings) -> float:
    return 9 * 4 * settings.rounds * (settings.seconds + 1)


def throughput(lab: Lab) -> Result:
    """`pgbench -S` with each protocol and 1, 16 and 64 clients, through pools of 20."""
    cells = [
        _tps(lab, lab.ways_to_the_database(), protocol, clients) for protocol in PROTOCOLS for clients in CLIENTS
    ]
    checks: list[Check] = []
    for build, suffix in _builds(lab):
        ratios = [
            check
            for cell in cells
            for check in ratio(
                cell, PGBOUNCER, at_least(0.8), ours=build, label=cell.label + suffix, headline=False
            )
        ]
        worst = min(ratios, key=lambda check: check.value, default=None)
        checks += ratios
        checks += median_of(ratios, at_least(0.92), f"median of the cells{suffix}")
        checks += [_as_headline(worst)] if worst else []
    return Result(cells, checks, _remarks(lab))


def _builds(lab: Lab) -> list[tuple[str, str]]:
    """The builds that are measured, with what tells their checks apart."""
    return [(OURS, ""), *([(COMPILED, ", compiled")] if lab.compiled_proxy is not None else [])]


def _as_headline(check: Check) -> Check:
    return replace(check, label=f"worst cell: {check.label}", headline=True)


def estimate_cpu_s(settings: Settings) -> float:
    return 3 * 3 * settings.rounds * (settings.seconds + 1)


def cpu(lab: Lab) -> Result:
    """CPU time of the pooler's process, user and system, for one query at 16 clients."""
    cells = []
    for protocol in PROTOCOLS:
        measurements = {
            name: partial(_cpu_us_a_query, endpoint, protocol, lab.settings.seconds)
            for name, endpoint in _able(lab, lab.poolers(), protocol).items()
        }
        cells.append(interleave(f"{protocol}, 16 clients", "µs", measurements, lab.settings.rounds, lab.say))
    checks = [
        check
        for build, suffix in _builds(lab)
        for cell, most in zip(cells, MOST_CPU, strict=True)
        for check in ratio(cell, PGBOUNCER, at_most(most), ours=build, label=cell.label + suffix)
    ]
    return Result(cells, checks, _remarks(lab))


def _cpu_us_a_query(endpoint: Endpoint, protocol: Protocol, seconds: float) -> float:
    assert endpoint.process is not None
    before = endpoint.process.cpu_times()
    outcome = run_pgbench(endpoint, protocol=protocol, clients=16, seconds=seconds)
    after = endpoint.process.cpu_times()
    return (after.user - before.user + after.system - before.system) / outcome.transactions * 1e6


def estimate_cached_s(settings: Settings) -> float:
    return 10 * (4 * settings.rounds * (settings.seconds + 1) + 1)


def cached(lab: Lab) -> Result:
    """The same with caching on, reading 1,000 rows over and over; one cell reads all 100,000 instead.

    Caches are made for what is asked again: so that the hits are measured, the clients ask for few rows.
    """
    peers = lab.ways_to_cached_reads()
    suffixes = {CACHED: "", CACHED_COMPILED: ", compiled"}
    builds = [build for build in suffixes if build in peers]
    cells = []
    for protocol in PROTOCOLS:
        for clients in CLIENTS:
            for build in builds:
                run_pgbench(peers[build], protocol=protocol, clients=clients, seconds=1, script=HOT_READS)
            cells.append(_tps(lab, peers, protocol, clients, HOT_READS))
    checks: list[Check] = []
    for build in builds:
        of_build = [
            check
            for cell in cells
            for against, bound in ((POSTGRES, at_least(2.5)), (PGBOUNCER, at_least(3.5)))
            for check in ratio(cell, against, bound, ours=build, label=cell.label + suffixes[build], headline=False)
        ]
        checks += [*of_build, *_worst_against(of_build)]
    everything = _tps(lab, peers, "prepared", 16)
    everything = Cell(f"{everything.label}, all 100,000 rows", everything.unit, everything.figures)
    return Result([*cells, everything], checks, _remarks(lab))


def _worst_against(checks: list[Check]) -> list[Check]:
    worst = []
    for against in (POSTGRES, PGBOUNCER):
        found = [check for check in checks if check.against == against]
        worst += [_as_headline(min(found, key=lambda check: check.value))] if found else []
    return worst


def _tps(
    lab: Lab, peers: Mapping[str, Endpoint], protocol: Protocol, clients: int, script: Path | None = None
) -> Cell:
    def measure(endpoint: Endpoint) -> float:
        seconds = lab.settings.seconds
        return run_pgbench(endpoint, protocol=protocol, clients=clients, seconds=seconds, script=script).tps

    measurements = {name: partial(measure, endpoint) for name, endpoint in _able(lab, peers, protocol).items()}
    label = f"{protocol}, {clients} client{'s' if clients > 1 else ''}"
    return interleave(label, "tps", measurements, lab.settings.rounds, lab.say)


def _able(lab: Lab, peers: Mapping[str, Endpoint], protocol: Protocol) -> dict[str, Endpoint]:
    """The peers that can run it."""
    return {
        name: endpoint
        for name, endpoint in peers.items()
        if name != PGBOUNCER or protocol != "prepared" or lab.pgbouncer_prepares
    }


def _remarks(lab: Lab) -> list[str]:
    return [] if lab.pgbouncer_prepares or lab.pgbouncer is None else [NOT_PREPARED]


def estimate_churn_s(settings: Settings) -> float:
    return 3 * settings.rounds * (settings.seconds + 1)


def churn(lab: Lab) -> Result:
    """`pgbench -C`: a new connection, with SCRAM, for every query."""

    def measure(endpoint: Endpoint) -> float:
        return run_pgbench(endpoint, clients=16, seconds=lab.settings.seconds, connect_each=True).tps

    measurements = {name: partial(measure, end) for name, end in lab.ways_to_the_database().items()}
    cell = interleave("16 clients, a connection a query", "tps", measurements, lab.settings.rounds, lab.say)
    bounds: dict[str, Bound] = {PGBOUNCER: at_least(1.0), POSTGRES: at_least(8.0)}
    return Result([cell], [check for against, bound in bounds.items() for check in ratio(cell, against, bound)])
