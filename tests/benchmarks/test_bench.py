"""The benchmarks run, say what they found, and draw it. What they measure is not tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Cell, at_least, at_most, median_of, ratio  # noqa: E402
from benchmarks.plot import draw  # noqa: E402


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_lists_its_rows():
    names = [line.split()[0] for line in bench("--list").stdout.splitlines()]
    assert names[0] == "throughput"
    assert len(names) == 10


def test_refuses_an_unknown_row():
    result = bench("thruput")
    assert result.returncode == 2
    assert "no such row: thruput" in result.stderr


def test_measures_one_row():
    pytest.importorskip("resource")
    result = bench("many-clients", "--rounds", "1", "--scale", "0.01", "--dry")
    assert result.returncode == 0, result.stderr
    assert "Measuring many-clients: about" in result.stderr
    assert "memory of an idle client" in result.stdout


CELL = Cell("reads", "tps", {"wrangler-py": [100, 300, 200], "PgBouncer": [100, 100, 400]})


def test_a_ratio_is_that_of_the_medians_with_the_rounds_as_its_spread():
    [check] = ratio(CELL, "PgBouncer", at_least(0.9))
    assert (check.value, check.low, check.high) == (2.0, 0.5, 3.0)
    assert check.passes


def test_a_missing_peer_gives_no_check():
    assert ratio(CELL, "wrangler", at_least(1)) == []
    assert median_of([], at_least(1), "all") == []


def test_draws_a_bar_a_check():
    checks = [
        ("Throughput", *ratio(CELL, "PgBouncer", at_least(3))),
        ("CPU", *ratio(CELL, "PgBouncer", at_most(2))),
    ]
    svg = ElementTree.fromstring(draw(checks))
    bars = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["short", "pass"]
