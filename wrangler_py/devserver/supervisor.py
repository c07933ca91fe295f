"""Keeps one Worker process on the listening socket: replaces it on reload, restarts it if it ends unexpectedly."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

from wrangler_py.devserver.output import Output
from wrangler_py.devserver.spare_process import SpareProcess
from wrangler_py.devserver.unavailable_page import UnavailablePage
from wrangler_py.devserver.worker_process import WorkerEvent, WorkerProcess
from wrangler_py.worker_protocol import Launch, Libraries, Preload

DRAIN_LIMIT_S = 35.0
"""Time limit of a replaced process. It ends endless responses itself before that."""
FAILURES_BEFORE_BACK_OFF = 3
FAILURE_WINDOW_S = 10.0
BACK_OFF_MAX_S = 30.0


class Supervisor:
    """Starts, replaces and ends Worker processes, all on the socket `listener`.

    Each is the `spare` process, which then `launch(generation)` tells what to run. `on_event` gets what a process
    reports.
    """

    def __init__(
        self,
        listener: socket.socket,
        output: Output,
        spare: SpareProcess,
        *,
        launch: Callable[[int], Launch],
        on_event: Callable[[WorkerEvent], None],
    ) -> None:
        self._output = output
        self._spare = spare
        self._launch = launch
        self._on_event = on_event
        self._unavailable = UnavailablePage(listener)
        self._current: WorkerProcess | None = None
        self._attending: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._replacing = asyncio.Lock()
        self._restart: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[float] = []
        self.generation = 0
        self._stopping = False

    def has_requests(self, generation: int) -> bool:
        """Whether a request of that generation is in flight."""
        return any(each.has_requests for each in self._attending if each.generation == generation)

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
                await self._spare.discard()
            try:
                process = await self._spare.take()
            except OSError as error:
                self._note_failure()
                await self._back_off(f"The Worker's process cannot be started: {error.strerror or error}.")
                return left
            if self._stopping:  # meanwhile
                process.kill()
                await process.wait()
                return left
            self._unavailable.close()
            self.generation += 1
            launch = self._launch(self.generation)
            process.launch(launch)
            self._current = process
            self._attending[process] = asyncio.create_task(self._attend(process, launch))
            return left

    async def stop(self, grace_s: float) -> None:
        """End every process; requests in flight get `grace_s` seconds."""
        self._stopping = True
        if self._restart is not None:
            self._restart.cancel()
        self._unavailable.close()
        await self._spare.close()
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
        """As `kill`, with all that the Worker started, without waiting for their end."""
        for process in self._attending:
            process.kill_with_started()

    async def _attend(self, process: WorkerProcess, launch: Launch) -> None:
        try:
            async for event in process.events():
                if not isinstance(event, Libraries):
                    self._on_event(event)
                    continue
                self._spare.preload(Preload(launch.root, launch.main, event.files))
                if process is self._current:
                    self._spare.replenish()
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
            self._output.error(f"{ended} Starting it again.")
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
        with contextlib.suppress(OSError):  # perhaps there is memory for a process again
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
