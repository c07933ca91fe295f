"""How long a command takes from start to end."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.figures import OURS, Result, at_most, interleave, ratio
from benchmarks.lab import WRANGLER, Lab
from benchmarks.peers.dev_server import WRANGLER_PY
from benchmarks.settings import Settings

_PASSWORD = "not-a-secret"


def estimate_s(settings: Settings) -> float:
    return 3 * (2 * settings.rounds + 1) * 1.4


def command_line(lab: Lab) -> Result:
    """wrangler's `hyperdrive list` and `create` ask Cloudflare, so their `--help` stands in for them: that is
    wrangler's start alone, and so in its favour."""
    numbers = itertools.count()
    packages = lab.node
    cells, checks = [], []
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": "/usr/bin:/bin", "WRANGLER_PY_HOME": folder, "HOME": folder}

        def create() -> float:
            url = f"postgres://app:{_PASSWORD}@db.example.com/app"
            name = f"bench-{next(numbers)}"
            arguments = ["hyperdrive", "create", name, "--no-check", "--connection-string", url]
            return _seconds([*WRANGLER_PY, *arguments], folder, environment)

        def ours(*arguments: str) -> float:
            return _seconds([*WRANGLER_PY, *arguments], folder, environment)

        commands: dict[str, tuple[Callable[[], float], list[str]]] = {
            "--help": (partial(ours, "--help"), ["--help"]),
            "hyperdrive create --no-check": (create, ["hyperdrive", "create", "--help"]),
            "hyperdrive list": (partial(ours, "hyperdrive", "list"), ["hyperdrive", "list", "--help"]),
        }
        for label, (run, theirs) in commands.items():
            peers: dict[str, Callable[[], float]] = {}
            if packages is not None:
                command = [*packages.wrangler, *theirs]
                peers[WRANGLER] = partial(_seconds, command, folder, packages.environment)
            peers[OURS] = run
            for name, warm_up in peers.items():
                lab.say(f"{label} · warm-up · {name}")
                warm_up()
            cell = interleave(label, "s", peers, 2 * lab.settings.rounds, lab.say)
            cells.append(cell)
            checks += ratio(cell, WRANGLER, at_most(0.2))
    return Result(cells, checks)


def _seconds(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(
        command,
        cwd=Path(folder),
        env=dict(environment),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started
