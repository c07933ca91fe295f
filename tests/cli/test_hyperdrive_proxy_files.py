"""`wrangler-py hyperdrive proxy` where a process may open few files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support.command_line import CommandLine

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")


@contextlib.contextmanager
def limited(cli: CommandLine, limit: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    script = f'ulimit {limit} && exec "$@"'
    command = [sys.executable, "-m", "wrangler_py", "hyperdrive", "proxy", *arguments]
    with subprocess.Popen(
        ["sh", "-c", script, "sh", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cli.cwd,
        env=cli.environ,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = ""
            while not line.startswith("postgresql://"):
                line = process.stdout.readline()
                assert line, process.stderr.read()
            while not process.stderr.readline().startswith("Ready."):
                pass
            yield process, line.strip()
        finally:
            process.terminate()


def connect_until_refused(string: str, most: int, stack: contextlib.ExitStack) -> psycopg.OperationalError | None:
    for _ in range(most):
        try:
            stack.enter_context(contextlib.closing(psycopg.connect(string)))
        except psycopg.OperationalError as error:
            return error
    return None


def test_a_low_soft_limit_is_raised(cli: CommandLine, postgres: Any) -> None:
    with (
        limited(cli, "-Sn 100", "--connection-string", postgres.dsn()) as (_, string),
        contextlib.ExitStack() as stack,
    ):
        assert connect_until_refused(string, 150, stack) is None


def test_running_out_is_reported_once_and_recovers(cli: CommandLine, postgres: Any) -> None:
    with limited(cli, "-n 100", "--connection-string", postgres.dsn()) as (process, string):
        assert process.stderr is not None
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                error = connect_until_refused(string, 150, stack)
                assert "too many connections: the limit of open files is reached" in str(error)
                for _ in range(5):
                    with pytest.raises(psycopg.OperationalError, match="limit of open files"):
                        psycopg.connect(string)
                line = process.stderr.readline()
                assert "WARNING" in line
                assert "100 open files are the limit" in line
            while True:  # it has noticed the end of those connections when one is let in
                with contextlib.suppress(psycopg.OperationalError), psycopg.connect(string) as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
                    break
        process.terminate()
        assert "open files" not in process.stderr.read()
