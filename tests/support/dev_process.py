"""`wrangler-py dev` as a person runs it: a process of its own, its output read line by line."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil
from support.postgres_server import free_port

DEADLINE_S = 60.0
READY = r"^(\[wrangler:info\] )?Ready on "

_WRANGLER_TOML = """\
name = "app"
main = "src/entry.py"
compatibility_date = "2026-09-08"
compatibility_flags = ["python_workers"]
"""

HYPERDRIVE = """
[[hyperdrive]]
binding = "HYPERDRIVE"
id = "0123456789abcdef0123456789abcdef"
"""


def write_project(root: Path, entry: str, config: str = "") -> Path:
    """A Worker project: `entry` is `src/entry.py`, `config` follows the basic `wrangler.toml`."""
    (root / "src").mkdir(parents=True)
    (root / "src" / "entry.py").write_text(entry)
    (root / "wrangler.toml").write_text(_WRANGLER_TOML + config)
    return root


def dev_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment `dev` runs in: a store of its own, and no database the tester happens to have set."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLOUDFLARE_", "WRANGLER_", "NO_COLOR", "FORCE_COLOR"))
    }
    return {**kept, "WRANGLER_PY_HOME": str(home), "PYTHONUNBUFFERED": "1", **(extra or {})}


class DevProcess:
    """One `wrangler-py dev`. Leaves nothing running behind a `with` block."""

    def __init__(
        self,
        project: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.project = project
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wrangler_py", "dev", "--port", str(port), *arguments],
            cwd=project,
            env=dev_environment(project / "home", environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> DevProcess:
        return self

    def __exit__(self, *_: object) -> None:
        family = self.family()
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self._reading.join(5)  # longer only if something that the Worker started lives on

    # -- what it says -----------------------------------------------------------------------------

    @property
    def output(self) -> str:
        with self._changed:
            return "\n".join(self._lines)

    def mark(self) -> int:
        """A place in the output, for `wait_for(…, since=…)`."""
        with self._changed:
            return len(self._lines)

    def wait_for(self, pattern: str, *, since: int = 0) -> str:
        """The first line, at or after `since`, in which the regular expression is found."""
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while True:
                for line in self._lines[since:]:
                    if re.search(pattern, line):
                        return line
                left = deadline - time.monotonic()
                ended = not self._reading.is_alive()
                if left <= 0 or ended:
                    break
                self._changed.wait(min(left, 0.1))
        raise AssertionError(f"No line matches {pattern!r} in:\n{self.output}")

    def ready(self) -> DevProcess:
        self.wait_for(READY)
        return self

    @property
    def url(self) -> str:
        return self.wait_for(READY).split()[-1]

    # -- what it does -----------------------------------------------------------------------------

    def get(self, path: str = "/") -> httpx.Response:
        return httpx.get(self.url + path, timeout=DEADLINE_S)

    def wait_until_answers(self, expected: str, path: str = "/") -> None:
        deadline = time.monotonic() + DEADLINE_S
        text = ""
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                text = self.get(path).text
            if text == expected:
                return
        raise AssertionError(f"{path} answers {text!r}, not {expected!r}. Output:\n{self.output}")

    def family(self) -> list[psutil.Process]:
        """It and every process it started, as far as they live."""
        try:
            me = psutil.Process(self.process.pid)
            return [me, *me.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """As `kill -9` does: it can end nothing itself any more."""
        self.process.kill()
        self.process.wait()

    def ports(self) -> set[int]:
        """The TCP ports it and its processes listen on."""
        return {
            connection.laddr.port
            for process in self.family()
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """The exit status, once it has ended and all it wrote is in `output`."""
        status = self.process.wait(DEADLINE_S)
        self._reading.join(5)  # longer only if something that the Worker started lives on
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError), self.process.stdout as lines:  # a test may close the pipe
            for line in lines:
                with self._changed:
                    self._lines.append(line.decode(errors="replace").rstrip("\r\n"))
                    self._changed.notify_all()


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Waits for the end of `processes`. One that nobody has waited for is gone, too."""

    def lives(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    deadline = time.monotonic() + DEADLINE_S
    while left := [process for process in processes if lives(process)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.01)


def own_inspector() -> tuple[str, str]:
    """Options for a Worker that wrangler runs: two wranglers that start at once would choose the same port."""
    return ("--debugger", str(free_port()))
