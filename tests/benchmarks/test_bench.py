"""The benchmarks run, say what they found, and draw it. What they measure is not tested."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from support.dev_process import wait_until_gone

from benchmarks.figures import Cell, at_least, at_most, median_of, ratio
from benchmarks.plot import draw

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
"""As `scripts/bench` sets it."""


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120
    )


def test_lists_its_rows() -> None:
    names = [line.split()[0] for line in bench("--list").stdout.splitlines()]
    assert names[0] == "throughput"
    assert {"dev-memory", "query-log", "latency"} <= set(names)


def test_refuses_an_unknown_row() -> None:
    result = bench("thruput")
    assert result.returncode == 2
    assert "no such row: thruput" in result.stderr


def test_measures_one_row() -> None:
    pytest.importorskip("resource")
    result = bench("many-clients", "--rounds", "1", "--scale", "0.01", "--dry")
    assert result.returncode == 0, result.stderr
    assert "Measuring many-clients: about" in result.stderr
    assert "memory of an idle client" in result.stdout


CELL = Cell("reads", "tps", {"wrangler-py": [100, 300, 200], "PgBouncer": [100, 100, 400]})


def test_a_ratio_is_that_of_the_medians_with_the_rounds_as_its_spread() -> None:
    [check] = ratio(CELL, "PgBouncer", at_least(0.9))
    assert (check.value, check.low, check.high) == (2.0, 0.5, 3.0)
    assert check.passes


def test_a_missing_peer_gives_no_check() -> None:
    assert ratio(CELL, "wrangler", at_least(1)) == []
    assert median_of([], at_least(1), "all") == []


def test_draws_a_bar_a_check() -> None:
    [throughput] = ratio(CELL, "PgBouncer", at_least(3))
    [cpu] = ratio(CELL, "PgBouncer", at_most(2))
    checks = [("Throughput", throughput), ("CPU", cpu)]
    svg = ElementTree.fromstring(draw(checks))
    bars = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["short", "pass"]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"])
def test_leaves_nothing_behind(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks", "throughput", "--rounds", "3", "--seconds", "30", "--dry"]
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        started = psutil.Process(process.pid)
        deadline = time.monotonic() + 120
        while not any("hyperdrive" in command_of(each) for each in started.children(recursive=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        family = started.children(recursive=True)
        assert any("postgres" in " ".join(command_of(each)) for each in family)
        process.send_signal(getattr(signal, name))
        process.communicate()
        wait_until_gone(family)
    assert process.returncode != 0
