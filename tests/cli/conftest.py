"""The command line in a project of its own, with a store of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.postgres_server import PostgresServer
from support.terminal import terminal

__all__ = ["terminal"]


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
