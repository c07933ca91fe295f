"""One worker process: started on the listening socket, launched, drained, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wrangler_py.devserver.worker_channel import WorkerChannel
from wrangler_py.devserver.worker_output import WorkerOutput
from wrangler_py.worker.started_processes import end_marked, new_mark
from wrangler_py.worker_protocol import (
    Drain,
    Event,
    Launch,
    LoadError,
    Preload,
    Ready,
    RequestDone,
    RequestStarted,
)


@dataclass(frozen=True, slots=True)
class RequestCutOff:
    """A request was in flight when its process ended. The dev session creates this event, not the process."""

    id: str
    method: str
    path: str


WorkerEvent = Event | RequestCutOff
"""Events of a Worker process, including those that follow from its end."""


def _inheriting(*sockets: socket.socket) -> dict[str, Any]:
    """How a subprocess gets `sockets` under the numbers they have here."""
    if os.name == "posix":
        return {"pass_fds": tuple(each.fileno() for each in sockets)}
    for each in sockets:
        each.set_inheritable(True)
    return {"close_fds": False}


class WorkerProcess:
    """A process that hosts one generation of the Worker's code.

    After `start` it does its imports and waits; `launch` tells it what to run. So one can stand by, and a reload
    costs no interpreter start. `generation` is 0 until the launch.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        control: WorkerChannel,
        output: WorkerOutput | None,
        mark: str,
    ) -> None:
        self._process = process
        self._control = control
        self._output = output
        self._mark = mark
        self._exit = asyncio.create_task(self._watch_exit())
        self._in_flight: dict[str, RequestStarted] = {}
        self.generation = 0
        self.loaded = False

    @classmethod
    async def start(
        cls,
        listener: socket.socket,
        on_line: Callable[[str], None] | None,
        *,
        interpreter_options: Sequence[str] = (),
    ) -> WorkerProcess:
        """Start a process on `listener`.

        `on_line` gets each line it prints. Without it the process has the terminal to itself, so that
        `breakpoint()` works. `interpreter_options` stand in front of `-m`.
        """
        control, theirs = await WorkerChannel.open()
        mark = new_mark()
        output = None if on_line is None else WorkerOutput(on_line)
        streams: dict[str, Any] = {}
        if output is not None:
            # A separate session, so that Ctrl-C in the terminal reaches only the dev session.
            streams = {
                "stdin": subprocess.DEVNULL,
                "stdout": output.write_end,
                "stderr": output.write_end,
                "start_new_session": os.name == "posix",
            }
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *interpreter_options,
                "-m",
                "wrangler_py.worker",
                str(listener.fileno()),
                str(theirs.fileno()),
                mark,
                env={**os.environ, mark: "1"},
                **_inheriting(listener, theirs),
                **streams,
            )
        except BaseException:
            theirs.close()
            control.close()
            raise
        finally:
            if output is not None:
                output.process_started()
        control.keep_other_end(theirs)
        return cls(process, control, output, mark)

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def has_requests(self) -> bool:
        """Whether a request is in flight. An event has been counted when `events` yields it."""
        return bool(self._in_flight)

    def preload(self, command: Preload) -> None:
        """Have it import libraries before its launch."""
        self._control.send(command)

    def launch(self, command: Launch) -> None:
        self.generation = command.generation
        self._control.send(command)

    async def events(self) -> AsyncIterator[WorkerEvent]:
        """What the process reports, until it has ended, and which requests that cut off.

        All it printed before an event is handed on first. A process that the Worker started may hold the control
        channel open: the end of the Worker's own process is what counts.
        """
        async for event in self._control.events():
            if isinstance(event, Ready | LoadError):
                self.loaded = True
            if isinstance(event, RequestStarted):
                self._in_flight[event.id] = event
            elif isinstance(event, RequestDone):
                self._in_flight.pop(event.id, None)
            if self._output is not None:
                self._output.read_available()
                if isinstance(event, RequestDone):
                    self._output.end_line()
            yield event
        cut_off, self._in_flight = self._in_flight, {}
        for request in cut_off.values():
            yield RequestCutOff(request.id, request.method, request.path)

    def drain(self) -> None:
        """Accept no more connections, answer the requests in flight, then exit."""
        self._control.send(Drain())

    def kill(self) -> None:
        """End it at once, with its process group. `wait` sees to the other processes it started."""
        if self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if not self._kill_group():
                    self._process.kill()

    def kill_with_started(self) -> None:
        """End it and all its processes at once; the event loop does not run again."""
        self.kill()
        end_marked(self._mark)

    async def wait(self) -> int:
        """The exit status, negative for a signal.

        Everything it printed is handed on by then, and the processes it started have ended.
        """
        status = await self._exit
        if self._output is not None:
            self._output.read_available()
            self._output.close()
        self._control.close()
        await asyncio.to_thread(end_marked, self._mark)
        return status

    async def _watch_exit(self) -> int:
        status = await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self._kill_group()
        self._control.other_end_gone()
        return status

    def _kill_group(self) -> bool:
        """Kill the process group; False if it has none of its own."""
        if self._output is None or os.name != "posix":
            return False
        os.killpg(self._process.pid, signal.SIGKILL)
        return True
