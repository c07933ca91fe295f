"""A program run in the foreground: it has our terminal, gets our signals, and its exit status is ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wrangler_py.devserver.signals import ENDING, on_signals
from wrangler_py.errors import WranglerError

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit statuses of POSIX shells."""

_PASSED_ON = ENDING
_KEYS: tuple[signal.Signals, ...] = (signal.SIGINT,)
"""Signals that a terminal sends to every program in its foreground, so to ours as well."""
if sys.platform != "win32":
    _KEYS = (signal.SIGINT, signal.SIGQUIT)
    _PASSED_ON = (*ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class ForegroundProcess:
    """`command`, run once or more. `interrupted` is true once a signal to end has come, also before `start`."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self.interrupted = False
        self._process: asyncio.subprocess.Process | None = None

    def pass_signals_on(self) -> None:
        """From now on, signals that reach this process go to the program instead of ending this one."""
        on_signals(asyncio.get_running_loop(), self._received, _PASSED_ON)

    async def start(self, *, cwd: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        """Start it, with `arguments` after those of the command.

        Raises `WranglerError` if there is no such program, or it cannot be executed.
        """
        name = self.command[0]
        # Windows finds `npm` only as `npm.cmd`, and only this way.
        program = shutil.which(name, path=environment.get("PATH")) or name
        try:
            self._process = await asyncio.create_subprocess_exec(
                program, *self.command[1:], *arguments, cwd=cwd, env=environment
            )
        except FileNotFoundError:
            raise WranglerError(f"There is no command {name!r}.", exit_status=NOT_FOUND) from None
        except OSError as error:
            raise WranglerError(f"{name} cannot be run: {error.strerror}.", exit_status=NOT_EXECUTABLE) from None

    async def wait(self) -> int:
        """The exit status once it has ended; 128 + n if signal n ended it, as in shells."""
        assert self._process is not None
        status = await self._process.wait()
        return status if status >= 0 else 128 - status

    async def end(self, grace_s: float) -> None:
        """Ask it to end, and have it killed if it hasn't `grace_s` later."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
            try:
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()

    def _received(self, number: signal.Signals) -> None:
        if number in ENDING:
            self.interrupted = True
        if self._process is None or (number in _KEYS and _in_foreground_of_terminal()):
            return
        with contextlib.suppress(ProcessLookupError, ValueError):
            self._process.send_signal(number)


def _in_foreground_of_terminal() -> bool:
    if sys.platform == "win32":
        return True
    try:
        with open("/dev/tty", "rb") as terminal:  # noqa: PTH123
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
