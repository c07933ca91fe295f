"""The command line in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support.command_line import CommandLine


@pytest.fixture
def terminal(cli: CommandLine) -> Iterator[Any]:
    """Starts `wrangler-py` in a terminal of its own, as pexpect's `spawn`."""
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")

    def spawn(*arguments: str, columns: int = 200) -> Any:
        environ = {name: value for name, value in cli.environ.items() if name not in ("CI", "COLUMNS", "LINES")}
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
