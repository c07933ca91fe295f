"""The command line in a project of its own, with a store of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine
from support.postgres_server import PostgresServer


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    project = tmp_path / "project"
    project.mkdir()
    return CommandLine(tmp_path / "home", project)


@pytest.fixture
def two_bindings(cli: CommandLine, postgres: PostgresServer) -> CommandLine:
    """`cli` in a project with the bindings ONE and TWO, which lead to the test server."""
    (cli.cwd / "wrangler.toml").write_text(
        'name = "x"\n'
        + "".join(
            f'[[hyperdrive]]\nbinding = "{name}"\nid = "{"0" * 32}"\nlocalConnectionString = "{postgres.dsn()}"\n'
            for name in ("ONE", "TWO")
        )
    )
    return cli


@pytest.fixture
def terminal(cli: CommandLine) -> Iterator[Any]:
    """Starts `wrangler-py` in a terminal of its own, as pexpect's `spawn`."""
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")

    def spawn(*arguments: str, columns: int = 200) -> Any:
        environ = {name: value for name, value in cli.environ.items() if name != "CI"}
        child = pexpect.spawn(
            sys.executable,
            ["-m", "wrangler_py", *arguments],
            cwd=str(cli.cwd),
            env={**environ, "TERM": "dumb"},
            encoding="utf-8",
            timeout=20,
            dimensions=(40, columns),
        )
        children.append(child)
        return child

    children: list[Any] = []
    yield spawn
    for child in children:
        child.close(force=True)
