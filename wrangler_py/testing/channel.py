"""Pytest's end of the pipes to the server process of a test run."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from wrangler_py.testing.messages import Failure

_LAST_LINES = 20
_END_S = 30.0


class HyperdriveError(Exception):
    """A fixture failed; the message says why, and what to do."""


class Channel:
    """Starts the server process; `call` runs a command in it. It ends with this process, however that ends."""

    def __init__(self, cwd: Path) -> None:
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            # -P: don't import a `json.py` of the user in the current folder.
            [sys.executable, "-P", "-m", "wrangler_py.testing.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=cwd,
            start_new_session=True,  # Ctrl-C is for pytest, which ends us
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def call(self, command: str, *arguments: Any) -> Any:
        """Run the command and return its result. Raises HyperdriveError if it fails."""
        __tracebackhide__ = True
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                pickle.dump((command, arguments), self._process.stdin)
                self._process.stdin.flush()
                # Safe: it comes from our own child process, through a pipe that no other process has.
                answer = pickle.load(self._process.stdout)  # noqa: S301
            except (OSError, EOFError, pickle.UnpicklingError, ValueError):
                raise HyperdriveError(self._why_it_ended()) from None
        if isinstance(answer, Failure):
            raise HyperdriveError("\n".join(filter(None, (answer.message, answer.hint, answer.traceback))))
        return answer

    def output(self) -> str:
        """The last output of the process and its children."""
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            return "\n".join(self._errors.read().decode(errors="replace").splitlines()[-_LAST_LINES:])
        return ""

    def close(self) -> None:
        """End the process, and wait until it has dropped its databases; harmless when repeated."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _why_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return f"The server process of the test run has ended (status {self._process.poll()}).\n{self.output()}"
