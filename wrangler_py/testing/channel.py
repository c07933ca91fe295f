"""The end in pytest's process of the pipes to the server process of a test run."""

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
    """A fixture cannot do what it was asked to; the message says why, and what to do."""


class Channel:
    """Starts the server process; `call` has it run a command. It ends when this process ends, however that is."""

    def __init__(self, cwd: Path) -> None:
        self._lock = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            # -P: a person's own `json.py` in the current folder is not ours to import.
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
        """What the command returns. Raises HyperdriveError if it fails."""
        __tracebackhide__ = True
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                pickle.dump((command, arguments), self._process.stdin)
                self._process.stdin.flush()
                # From the process that we have started, through a pipe that nobody else has.
                answer = pickle.load(self._process.stdout)  # noqa: S301
            except (OSError, EOFError, pickle.UnpicklingError, ValueError):
                raise HyperdriveError(self._why_it_ended()) from None
        if isinstance(answer, Failure):
            raise HyperdriveError("\n".join(filter(None, (answer.message, answer.hint, answer.traceback))))
        return answer

    def output(self) -> str:
        """The end of what the process, and what it has started, has printed."""
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
