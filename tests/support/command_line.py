"""Runs `wrangler-py` as a person does: in a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit status."""

    stdout: str
    stderr: str
    status: int

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def json(self) -> Any:
        return json.loads(self.stdout)


class CommandLine:
    """`cli("hyperdrive", "list")`, in the folder `cwd`, with the store in `home`."""

    def __init__(self, home: Path, cwd: Path) -> None:
        self.home = home
        self.cwd = cwd
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CLOUDFLARE_", "WRANGLER_", "PG"))
        }
        self.environ |= {"WRANGLER_PY_HOME": str(home), "NO_COLOR": "1", "PYTHONUTF8": "1"}

    def start(self, *arguments: str | Path, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "wrangler_py", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=self.cwd,
            env={**self.environ, **environ},
        )

    def __call__(self, *arguments: str | Path, stdin: str = "", **environ: str) -> Outcome:
        with self.start(*arguments, **environ) as process:
            stdout, stderr = process.communicate(stdin)
        assert "Traceback" not in stderr, stderr
        return Outcome(stdout, stderr, process.returncode)

    def ok(self, *arguments: str | Path, stdin: str = "", **environ: str) -> Outcome:
        """Run, and expect exit status 0."""
        outcome = self(*arguments, stdin=stdin, **environ)
        assert outcome.status == 0, outcome.output
        return outcome

    def fails(self, *arguments: str | Path, stdin: str = "", **environ: str) -> str:
        """Run, expect exit status 1, and return what standard error says."""
        outcome = self(*arguments, stdin=stdin, **environ)
        assert outcome.status == 1, outcome.output
        return outcome.stderr
