"""A program that runs in the foreground, with our terminal and our signals. Its exit status becomes ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wrangler_py.devserver.process_guard import ProcessGuard
from wrangler_py.devserver.signals import ENDING, on_signals
from wrangler_py.devserver.terminal_relay import TerminalRelay
from wrangler_py.errors import WranglerError
from wrangler_py.open_files import Limits, current_limits, restore
from wrangler_py.worker.started_processes import GUARD_GRACE_S, end_marked, new_mark

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit statuses of POSIX shells."""

_PASSED_ON = ENDING
_KEYS: tuple[signal.Signals, ...] = (signal.SIGINT,)
"""Signals that a terminal sends to every program in its foreground, including ours."""
if sys.platform != "win32":
    _KEYS = (signal.SIGINT, signal.SIGQUIT)
    _PASSED_ON = (*ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class ForegroundProcess:
    """Runs `command` once or more. `interrupted` is true once a signal to end has come, also before `start`.

    The program gets `open_files` as its limits, and `hang_up` instead of SIGHUP. The processes it started end with
    it if this process was told to end, and always if `owns_all`; otherwise a daemon that it leaves behind stays. If
    this process is killed, all of them end. With `terminal`, the program gets that one instead of ours.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        open_files: Limits | None = None,
        hang_up: signal.Signals | None = None,
        owns_all: bool = False,
        terminal: TerminalRelay | None = None,
    ) -> None:
        self.command = tuple(command)
        self.interrupted = False
        self._open_files = open_files
        self._hang_up = hang_up
        self._owns_all = owns_all
        self._terminal = terminal
        self._told_to_end = False
        self._mark = new_mark()
        self._guard: ProcessGuard | None = None
        self._running: asyncio.subprocess.Process | None = None

    def pass_signals_on(self) -> None:
        """From now on, signals that reach this process go to the program instead of ending this one."""
        on_signals(asyncio.get_running_loop(), self._received, _PASSED_ON)

    async def start(
        self, *, cwd: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> RunningProgram:
        """Start the program, with `arguments` after those of the command.

        Raises `WranglerError` if there is no such program, or it cannot be executed.
        """
        name = self.command[0]
        # Windows finds `npm` only as `npm.cmd`, and only this way.
        program = shutil.which(name, path=environment.get("PATH")) or name
        options: dict[str, Any] = {}
        if (limits := self._open_files) is not None and limits != current_limits():
            options["preexec_fn"] = lambda: restore(limits)
        if self._guard is None:
            self._guard = ProcessGuard(self._mark)
        streams = {} if self._terminal is None else self._terminal.open()
        try:
            self._running = await asyncio.create_subprocess_exec(
                program,
                *self.command[1:],
                *arguments,
                cwd=cwd,
                env={**environment, self._mark: "1"},
                **options,
                **streams,
            )
        except FileNotFoundError:
            self.release()
            raise WranglerError(f"There is no command {name!r}.", exit_status=NOT_FOUND) from None
        except OSError as error:
            self.release()
            raise WranglerError(f"{name} cannot be run: {error.strerror}.", exit_status=NOT_EXECUTABLE) from None
        finally:
            if self._terminal is not None:
                self._terminal.started(streams)
        return RunningProgram(self._running, self._ended)

    async def _ended(self, status: int) -> None:
        """End the program's processes, if they should end, and release all resources."""
        interrupted = self.interrupted and status in (-signal.SIGINT, 128 + signal.SIGINT)
        if self._owns_all or self._told_to_end or interrupted:
            await asyncio.to_thread(end_marked, self._mark, grace_s=GUARD_GRACE_S)
        self.release()

    def release(self) -> None:
        """Give the terminal back, and stop watching the program, which has ended."""
        if self._terminal is not None:
            self._terminal.close()
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def _received(self, number: signal.Signals) -> None:
        if number in ENDING:
            self.interrupted = True
            self._told_to_end |= number != signal.SIGINT
        if self._running is None or (number in _KEYS and _in_foreground_of_terminal()):
            return
        if number == getattr(signal, "SIGHUP", None) and self._hang_up is not None:
            number = self._hang_up
        with contextlib.suppress(ProcessLookupError, ValueError):
            self._running.send_signal(number)


class RunningProgram:
    """One run of a `ForegroundProcess`; `on_end` gets its status, negative for a signal, when it has ended."""

    def __init__(self, process: asyncio.subprocess.Process, on_end: Callable[[int], Awaitable[None]]) -> None:
        self._process = process
        self._on_end = on_end

    async def wait(self) -> int:
        """The exit status once it has ended; 128 + n if signal n ended it, as in shells."""
        status = await self._process.wait()
        await self._on_end(status)
        return status if status >= 0 else 128 - status

    async def end(self, grace_s: float) -> None:
        """Ask it to end, and kill it if it still runs `grace_s` later."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
            try:
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()


def _in_foreground_of_terminal() -> bool:
    if sys.platform == "win32":
        return True
    try:
        with open("/dev/tty", "rb") as terminal:  # noqa: PTH123
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
