"""Large results: how fast they come through, and how much of them a pooler holds in memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial

import psutil

from benchmarks.big_read import TABLE
from benchmarks.figures import OURS, Cell, Check, Result, at_least, at_most, interleave, ratio
from benchmarks.lab import PGBOUNCER, Lab
from benchmarks.peers.endpoint import Endpoint
from benchmarks.settings import Settings

ROWS = 1_000_000
ROW_BYTES = 100
CLIENTS = (1, 4)
_MB = 1_000_000


def estimate_s(settings: Settings) -> float:
    return 5 + 3 * settings.rounds * (2 + 6) * settings.scale


def big_results(lab: Lab) -> Result:
    """Each client is a process that runs one query with psycopg and takes the whole result."""
    rows = lab.settings.sized(ROWS)
    lab.say("making the table")
    lab.server.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} AS SELECT repeat('x', {ROW_BYTES}) AS text "
        f"FROM generate_series(1, {rows}); GRANT SELECT ON {TABLE} TO PUBLIC"
    )
    cells: list[Cell] = []
    checks: list[Check] = []
    for clients in CLIENTS:
        growth: dict[str, list[float]] = {name: [] for name in lab.poolers()}
        label = f"{clients} client{'s' if clients > 1 else ''}"
        measurements = {
            name: partial(_rate, endpoint, clients, rows, growth.get(name))
            for name, endpoint in lab.ways_to_the_database().items()
        }
        speed = interleave(label, "MB/s", measurements, lab.settings.rounds, lab.say)
        memory = Cell(f"{label}, memory growth", "MB", growth)
        cells += [speed, memory]
        checks += ratio(speed, PGBOUNCER, at_least(0.9))
        most = max(growth[OURS])
        checks.append(Check(memory.label, most, min(growth[OURS]), most, at_most(32), unit="MB", headline=False))
    lab.server.execute(f"DROP TABLE {TABLE}")
    return Result(cells, checks)


def _rate(endpoint: Endpoint, clients: int, rows: int, growth: list[float] | None) -> float:
    """Megabytes of rows a second, over all clients; what the pooler's memory grew by is added to `growth`."""
    command = [sys.executable, "-m", "benchmarks.big_read", str(rows)]
    with ExitStack() as running:
        readers = [
            running.enter_context(
                subprocess.Popen(
                    command,
                    env=endpoint.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(clients)
        ]
        for reader in readers:
            _expect(reader, "ready")
        peak = running.enter_context(_PeakMemory(endpoint.process)) if endpoint.process else None
        started = time.perf_counter()
        for reader in readers:
            assert reader.stdin is not None
            reader.stdin.write("\n")
            reader.stdin.flush()
        for reader in readers:
            _expect(reader, "done")
        elapsed = time.perf_counter() - started
        if peak is not None and growth is not None:
            growth.append(peak.growth_bytes / _MB)
    return clients * rows * ROW_BYTES / elapsed / _MB


def _expect(reader: subprocess.Popen[str], word: str) -> None:
    assert reader.stdout is not None
    line = reader.stdout.readline().strip()
    if line != word:
        raise RuntimeError(f"a client did not get to {word!r} but said {line!r}")


class _PeakMemory:
    """Watches a process's resident memory inside a `with` block."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._before = self._most = process.memory_info().rss
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    @property
    def growth_bytes(self) -> int:
        return self._most - self._before

    def __enter__(self) -> _PeakMemory:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._most = max(self._most, self._process.memory_info().rss)
