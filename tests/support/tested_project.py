"""A project whose tests use the plugin, run in a pytest of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.dev_process import DEADLINE_S
from support.postgres_server import PostgresServer

SCHEMA = "CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);\n"
SEED = "INSERT INTO notes (text) VALUES ('from the seed');\n"
VARIABLE = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"

CONNECT = """
import os
import psycopg
import pytest

def connect():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

"""

WITHOUT = [f"-pno:{name}" for name in ("cacheprovider", "schemathesis", "hypothesispytest", "pytest_postgresql")]
"""Without the plugins that only these tests need: each process of pytest takes two seconds to import them."""


class TestedProject:
    """A project in `root`; its tests run in databases of the server `server`, or of the embedded PostgreSQL."""

    __test__ = False

    def __init__(self, root: Path, pytester: pytest.Pytester, server: PostgresServer | None) -> None:
        self.root = root
        self.server = server
        self._pytester = pytester
        (root / "schema.sql").write_text(SCHEMA)
        (root / "seed.sql").write_text(SEED)
        (root / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def tests(self, text: str) -> None:
        """Have one file of tests, which finds `connect` in front."""
        self.write("test_it.py", CONNECT + text)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self._pytester.runpytest_subprocess(*WITHOUT, *arguments)

    def passes(self, *arguments: str, **outcomes: int) -> pytest.RunResult:
        result = self.run(*arguments)
        result.assert_outcomes(**outcomes)
        self.assert_nothing_left()
        return result

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A pytest that goes on in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *WITHOUT, "-s", *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self) -> list[psutil.Process]:
        """What runs for this project: servers of runs, keepers, PostgreSQL, Workers."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())
                if process.status() != psutil.STATUS_ZOMBIE and (
                    ("wrangler_py.testing.server" in command and Path(process.cwd()) == self.root)
                    or str(self.root) in command
                ):
                    found.append(process)
        return [process for process in found if process.pid != os.getpid()]

    def databases(self) -> list[str]:
        """The databases that test runs have made at the server."""
        assert self.server is not None
        rows = self.server.execute("SELECT datname FROM pg_database WHERE datname ~ '_hyperdrive_test_'")
        return [str(name) for (name,) in rows]

    def assert_nothing_left(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while left := [*self.processes(), *(self.databases() if self.server is not None else [])]:
            assert time.monotonic() < deadline, left
            time.sleep(0.02)
