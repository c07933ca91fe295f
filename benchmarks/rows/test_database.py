"""A fresh database for each test: the pytest plugin beside pytest-postgresql, at the same server."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.figures import OURS, Check, Result, at_most, interleave, ratio
from benchmarks.lab import Lab
from benchmarks.settings import Settings

PEER = "pytest-postgresql"
TABLES = 50
TESTS = 40
MOST_MS = 60.0

_SCHEMA = "".join(
    f"CREATE TABLE t{number} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, at date);\n"
    for number in range(TABLES)
)
_CONFTEST = """
import json, statistics, time

ends = []

def pytest_runtest_logfinish():
    ends.append(time.perf_counter())

def pytest_sessionfinish():
    gaps = [later - earlier for earlier, later in zip(ends, ends[1:])]
    with open("took.json", "w") as file:
        json.dump(statistics.median(gaps) * 1000, file)
"""
_OURS = """
import os, psycopg, pytest

@pytest.mark.parametrize("number", range({tests}))
def test_it(database, number):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("INSERT INTO t0 (name) VALUES ('mine')")
        assert connection.execute("SELECT count(*) FROM t0").fetchone() == (1,)
"""
_THEIRS = """
import pytest
from pathlib import Path
from pytest_postgresql import factories

server = factories.postgresql_noproc(
    host="127.0.0.1", port={port}, user="postgres", password={password!r}, load=[Path("schema.sql").absolute()]
)
database = factories.postgresql("server")

@pytest.mark.parametrize("number", range({tests}))
def test_it(database, number):
    database.autocommit = True
    database.execute("INSERT INTO t0 (name) VALUES ('mine')")
    assert database.execute("SELECT count(*) FROM t0").fetchone() == (1,)
"""


def estimate_s(settings: Settings) -> float:
    return settings.rounds * 2 * (3 + settings.sized(TESTS) * 0.1)


def test_database(lab: Lab) -> Result:
    """From the end of a test to the end of the next, both with a client, a write and a read: median of a suite."""
    server, tests = lab.server, max(3, lab.settings.sized(TESTS))
    variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, variable: server.dsn(user=server.superuser), "WRANGLER_PY_HOME": folder}
        suites: dict[str, Callable[[], float]] = {}
        if importlib.util.find_spec("pytest_postgresql") is not None:
            theirs = _THEIRS.format(port=server.port, password=server.password, tests=tests)
            suites[PEER] = partial(_ms_a_test, Path(folder, "theirs"), theirs, environment)
        suites[OURS] = partial(_ms_a_test, Path(folder, "ours"), _OURS.format(tests=tests), environment)
        cell = interleave(f"a test, {TABLES} tables", "ms", suites, lab.settings.rounds, lab.say)
    figures = cell.figures[OURS]
    absolute = Check(
        f"a test, {TABLES} tables", cell.median(OURS), min(figures), max(figures), at_most(MOST_MS), unit="ms"
    )
    return Result([cell], [*ratio(cell, PEER, at_most(1.0)), absolute])


def _ms_a_test(folder: Path, tests: str, environment: Mapping[str, str]) -> float:
    folder.mkdir(exist_ok=True)
    (folder / "schema.sql").write_text(_SCHEMA)
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:xdist"]
    result = subprocess.run(command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stdout + result.stderr)
    return float(json.loads((folder / "took.json").read_text()))
