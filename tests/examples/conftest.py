"""Starts examples as a person does: each in its own `wrangler-py dev`, with copies of their folders."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.dev_process import DevProcess

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    """The URL of `examples/upstream.py`, the server that examples fetch from."""
    command = [sys.executable, "-u", str(EXAMPLES / "upstream.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@pytest.fixture
def start_example(tmp_path: Path, upstream: str) -> Iterator[Callable[..., DevProcess]]:
    """`start_example("hello")` runs `dev` in a copy of that example and waits until it is ready.

    Keywords: `secrets`, the text of its `.dev.vars`; `environment` variables.
    """
    started: list[DevProcess] = []

    def start(name: str, *, secrets: str = "", environment: dict[str, str] | None = None) -> DevProcess:
        project = tmp_path / name
        shutil.copytree(
            EXAMPLES / name, project, ignore=shutil.ignore_patterns(".wrangler", "__pycache__", ".dev.vars")
        )
        if secrets:
            (project / ".dev.vars").write_text(secrets)
        dev = DevProcess(project, "--strict", "--var", f"UPSTREAM:{upstream}", environment=environment)
        started.append(dev)
        return dev.ready()

    yield start
    for dev in started:
        dev.__exit__()
