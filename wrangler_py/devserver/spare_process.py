"""A spare Worker process that has done its imports, so that a reload needs no interpreter start."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from wrangler_py.devserver.worker_process import WorkerProcess
from wrangler_py.worker_protocol import Preload


class SpareProcess:
    """Keeps one process, on the socket `listener`, that has not been launched.

    `on_line` gets each line that the process prints. Without it, a process has the terminal to itself: none then
    stands by while another one runs.
    """

    def __init__(
        self,
        listener: socket.socket,
        on_line: Callable[[str], None] | None,
        *,
        interpreter_options: Sequence[str] = (),
    ) -> None:
        self._listener = listener
        self._on_line = on_line
        self._interpreter_options = interpreter_options
        self._preload: Preload | None = None
        self._starting: asyncio.Task[WorkerProcess] | None = None
        self._closed = False

    async def prepare(self) -> None:
        """Start a process for the first launch. One that cannot be started raises its error in `take`."""
        await asyncio.wait({self._start()})

    def replenish(self) -> None:
        """Start a process, unless one stands by."""
        if self._on_line is not None and not self._closed:
            self._start()

    def preload(self, command: Preload) -> None:
        """From now on, each spare process imports these libraries."""
        self._preload = command

    async def take(self) -> WorkerProcess:
        """The process that stands by, or a new one. Raises OSError if it cannot be started."""
        while True:
            starting, self._starting = self._start(), None
            process = await starting
            if process.running:
                return process

    async def discard(self) -> None:
        """The next process imports nothing before its launch, because the libraries may have changed."""
        self._preload = None
        if self._starting is not None:
            starting, self._starting = self._starting, None
            with contextlib.suppress(OSError):
                process = await starting
                process.kill()
                await process.wait()

    async def close(self) -> None:
        """End the process that stands by."""
        self._closed = True
        await self.discard()

    def _start(self) -> asyncio.Task[WorkerProcess]:
        if self._starting is None:
            self._starting = asyncio.create_task(self._new_process())
        return self._starting

    async def _new_process(self) -> WorkerProcess:
        process = await WorkerProcess.start(
            self._listener, self._on_line, interpreter_options=self._interpreter_options
        )
        if self._preload is not None:
            process.preload(self._preload)
        return process
