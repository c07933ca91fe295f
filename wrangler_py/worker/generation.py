"""One generation from its launch message to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys

from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.worker.control_channel import ControlChannel
from wrangler_py.worker_protocol import Libraries, Ready


def serve(http_socket: socket.socket, control_socket: socket.socket, mark: str | None = None) -> None:
    """Run a Worker on a listening socket, under the orders of the dev session at the other end of `control_socket`.

    Does not return: the process ends when it has been drained, or when the dev session is gone. In that case it
    ends what the Worker started as well, which has `mark` in its environment.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Ctrl-C in the terminal reaches every process of the session; the dev session says when this one ends.
    signal.signal(signal.SIGINT, lambda *_: None)
    control = ControlChannel(control_socket, mark)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _let_go(http_socket.fileno(), control))
    # Imported before the launch message is read: a dev session may keep a child waiting that is warm already.
    from wrangler_py.worker import preload
    from wrangler_py.worker.asgi_app import Host
    from wrangler_py.worker.cpu_watchdog import BusyWatch
    from wrangler_py.worker.http_server import HTTPServer
    from wrangler_py.worker.pyodide_limits.enforcement import Limits
    from wrangler_py.worker.worker import Worker

    loop_factory = new_event_loop_factory()
    limits = Limits()
    limits.install()
    launch = control.receive_launch(on_preload=preload.prepare)
    if launch is None:
        return
    drain_requested = _DrainRequest()
    control.listen(drain_requested.set)
    worker = Worker(launch, control, check=limits.check_sources)
    BusyWatch(worker).start()
    limits.follow(worker)
    worker.load()

    async def run() -> None:
        server = HTTPServer(Host(worker))
        await server.start(http_socket)
        if worker.failure is None:
            control.send(Ready())
        # After `Ready`, since it is for the next process; before requests, which may change what is imported.
        control.send(Libraries(preload.libraries(launch.root, launch.main)))
        await drain_requested.wait()
        await server.drain()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads and exit hooks of the person's code must not keep a replaced generation alive.
        os._exit(0)


def _let_go(listening_fd: int, control: ControlChannel) -> None:
    """In a process that the Worker has forked: neither the port nor the control channel is its own to hold open."""
    if listening_fd >= 0:
        with contextlib.suppress(OSError):
            os.close(listening_fd)
    control.abandon()


class _DrainRequest:
    """An order that may come on the control thread before there is an event loop to hear it."""

    def __init__(self) -> None:
        self._requested = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    def set(self) -> None:
        self._requested = True
        if self._loop is not None and self._event is not None:
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        self._event = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._requested:
            return
        await self._event.wait()
