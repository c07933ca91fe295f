"""Keeps one worker process on the listening socket: replaced on reload, restarted when it dies by itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wrangler_py.devserver.control import Event, Libraries
from wrangler_py.devserver.output import Output
from wrangler_py.devserver.unavailable_page import UnavailablePage
from wrangler_py.devserver.worker_process import WorkerProcess

DRAIN_LIMIT_S = 35.0
"""Longest a replaced process may go on. It cuts off endless answers itself before that."""
FAILURES_BEFORE_BACK_OFF = 3
FAILURE_WINDOW_S = 10.0
BACK_OFF_MAX_S = 30.0


class Supervisor:
    """Starts, replaces and ends worker processes.

    `launch(generation)` makes the launch message of the next process, `on_event` gets what a process
    reports. A spare process stands by, with its own imports done and those of the Worker's libraries, so
    that a reload is left with the person's code.
    """

    def __init__(
        self,
        listener: socket.socket,
        output: Output,
        *,
        launch: Callable[[int], Mapping[str, Any]],
        on_event: Callable[[Event], None],
        own_terminal: bool = False,
        interpreter_options: Sequence[str] = (),
    ) -> None:
        self._listener = listener
        self._output = output
        self._launch = launch
        self._on_event = on_event
        self._on_line = None if own_terminal else output.worker_line
        self._interpreter_options = interpreter_options
        self._unavailable = UnavailablePage(listener)
        self._current: WorkerProcess | None = None
        self._spare: asyncio.Task[WorkerProcess] | None = None
        self._attending: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._replacing = asyncio.Lock()
        self._restart: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[float] = []
        self.generation = 0
        self._root = self._main = ""
        self._libraries: Mapping[str, str] = {}
        self._stopping = False

    async def prepare(self) -> None:
        """Start the spare process, if none stands by. One that cannot be started fails when it is needed."""
        self._start_spare()
        if self._spare is not None:
            await asyncio.wait({self._spare})

    async def replace(self, *, afresh: bool = False) -> asyncio.Task[None] | None:
        """Have a new process take over; the old one still answers what it has.

        With `afresh` it is one that has imported nothing yet. Returns what ends when the old one has
        ended, None if there was none.
        """
        async with self._replacing:
            if self._stopping:
                return None
            if self._restart is not None:
                self._restart.cancel()
                self._restart = None
            leaving, self._current = self._current, None
            left = None
            if leaving is not None:
                left = self._attending.get(leaving)
                leaving.drain()
                asyncio.get_running_loop().call_later(DRAIN_LIMIT_S, leaving.kill)
            if afresh:
                self._libraries = {}
                await self._discard_spare()
            try:
                process = await self._take_spare()
            except OSError as error:
                self._note_failure()
                await self._back_off(f"The Worker's process cannot be started: {error.strerror or error}.")
                return left
            self._unavailable.close()
            self.generation += 1
            message = self._launch(self.generation)
            process.launch(message)
            self._root, self._main = message["root"], message["main"]
            self._current = process
            self._attending[process] = asyncio.create_task(self._attend(process))
            return left

    async def stop(self, grace_s: float) -> None:
        """End every process: what is under way gets `grace_s` seconds."""
        self._stopping = True
        if self._restart is not None:
            self._restart.cancel()
        self._unavailable.close()
        await self._discard_spare()
        for process in self._attending:
            process.drain()
        if self._attending:
            await asyncio.wait(self._attending.values(), timeout=grace_s)
        self.kill()
        if self._attending:
            await asyncio.wait(self._attending.values())

    def kill(self) -> None:
        for process in self._attending:
            process.kill()

    def kill_with_started(self) -> None:
        """As `kill`, with all that the Worker started, when nobody is going to wait for the end."""
        for process in self._attending:
            process.kill_with_started()

    def _start_spare(self) -> None:
        if self._spare is None and not self._stopping:
            self._spare = asyncio.create_task(self._start())

    async def _start(self) -> WorkerProcess:
        process = await WorkerProcess.start(
            self._listener, self._on_line, interpreter_options=self._interpreter_options
        )
        if self._libraries:
            process.prepare(self._root, self._main, self._libraries)
        return process

    async def _discard_spare(self) -> None:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            with contextlib.suppress(OSError):
                process = await spare
                process.kill()
                await process.wait()

    async def _take_spare(self) -> WorkerProcess:
        while True:
            self._start_spare()
            assert self._spare is not None
            spare, self._spare = self._spare, None
            process = await spare
            if process.running:
                return process

    async def _attend(self, process: WorkerProcess) -> None:
        try:
            async for event in process.events():
                if not isinstance(event, Libraries):
                    self._on_event(event)
                    continue
                self._libraries = event.files
                if process is self._current and self._on_line is not None:
                    self._start_spare()
            status = await process.wait()
        finally:
            del self._attending[process]
        if process is self._current and not self._stopping:
            self._current = None
            await self._crashed(process, status)

    async def _crashed(self, process: WorkerProcess, status: int) -> None:
        self._note_failure()
        ended = f"The Worker's process ended by itself: {_describe(status)}."
        if process.loaded and len(self._failures) < FAILURES_BEFORE_BACK_OFF:
            self._output.error(f"{ended} It is started again.")
            self._schedule(0)
        else:
            await self._back_off(ended)

    def _note_failure(self) -> None:
        now = asyncio.get_running_loop().time()
        self._failures = [moment for moment in self._failures if now - moment < FAILURE_WINDOW_S] + [now]

    async def _back_off(self, why: str) -> None:
        delay = min(2.0 ** (len(self._failures) - 1), BACK_OFF_MAX_S)
        self._output.error(f"{why} Next start in {delay:.0f} s, or when a file is saved.")
        self._schedule(delay)
        with contextlib.suppress(OSError):  # perhaps what there was too little of for a process
            await self._unavailable.open(f"{why} See the terminal of wrangler-py dev.")

    def _schedule(self, delay: float) -> None:
        def restart() -> None:
            task = asyncio.create_task(self._replace_if_none())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._restart = asyncio.get_running_loop().call_later(delay, restart)

    async def _replace_if_none(self) -> None:
        if self._current is None:
            await self.replace()


def _describe(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
