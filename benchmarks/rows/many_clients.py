"""What idle clients cost: memory each, and the time of a query among them."""

from __future__ import annotations

import contextlib
import statistics
import time
from contextlib import ExitStack
from functools import partial

import psycopg

from benchmarks.figures import OURS, Cell, Check, Result, at_most, interleave
from benchmarks.lab import PGBOUNCER, Lab
from benchmarks.peers.endpoint import Endpoint
from benchmarks.settings import Settings

IDLE_CLIENTS = 2_000
QUERIES = 2_000
WARM_UP = 200


def estimate_s(settings: Settings) -> float:
    return 2 * (settings.sized(IDLE_CLIENTS) * 0.008 + 4 * settings.rounds * 0.6)


def many_clients(lab: Lab) -> Result:
    """Two of each pooler run: one has a crowd of idle clients, the other is alone."""
    size, queries = lab.settings.sized(IDLE_CLIENTS), lab.settings.sized(QUERIES)
    _allow_open_files(size + 200)
    pairs = {OURS: (lab.another_proxy(), lab.another_proxy())}
    if lab.pgbouncer_program is not None:
        crowded, alone = lab.another_pgbouncer(), lab.another_pgbouncer()
        assert crowded is not None
        assert alone is not None
        pairs = {PGBOUNCER: (crowded, alone), **pairs}
    memory: dict[str, list[float]] = {}
    measurements = {}
    with ExitStack() as running:
        for name, (crowded, alone) in pairs.items():
            lab.say(f"{size} idle clients · connecting · {name}")
            memory[name] = [_join(crowded, size, running)]
            measurements[f"{name}, alone"] = partial(_query_ms, alone, queries)
            measurements[f"{name}, among them"] = partial(_query_ms, crowded, queries)
        times = interleave("a query", "ms", measurements, lab.settings.rounds, lab.say)
    slower = [
        among / alone
        for among, alone in zip(times.figures[f"{OURS}, among them"], times.figures[f"{OURS}, alone"], strict=True)
    ]
    value = times.median(f"{OURS}, among them") / times.median(f"{OURS}, alone")
    each = memory[OURS][0]
    checks = [
        Check("memory of an idle client", each, each, each, at_most(16), unit="KiB", headline=False),
        Check("a query among idle clients", value, min(slower), max(slower), at_most(1.2), "alone", headline=False),
    ]
    return Result([Cell(f"each of {size} idle clients", "KiB", memory), times], checks)


def _join(pooler: Endpoint, size: int, running: ExitStack) -> float:
    """Connects the idle clients; the KiB of the pooler's memory that each takes."""
    assert pooler.process is not None
    with psycopg.connect(pooler.url) as connection:
        connection.execute("SELECT 1")  # what the first client costs is not counted
    before = pooler.process.memory_info().rss
    for _ in range(size):
        running.enter_context(contextlib.closing(psycopg.connect(pooler.url)))
    return (pooler.process.memory_info().rss - before) / size / 1024


def _query_ms(pooler: Endpoint, queries: int) -> float:
    """The median of `queries` queries one after another, in milliseconds."""
    times = []
    with psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None) as connection:
        for _ in range(WARM_UP + queries):
            started = time.perf_counter()
            connection.execute("SELECT 1")
            times.append(time.perf_counter() - started)
    return statistics.median(times[WARM_UP:]) * 1000


def _allow_open_files(count: int) -> None:
    """For this process and those it starts. Raises RuntimeError if the system does not allow that many."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RuntimeError(f"{count} open files are needed, and the hard limit is {hard} (ulimit -Hn)")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
