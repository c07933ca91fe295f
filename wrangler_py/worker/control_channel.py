"""The control channel: a Worker process hears commands from its dev session and reports events to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable

from wrangler_py.worker_protocol import Drain, Event, Launch, Log, LogLevel, Preload, from_line, to_line


class ControlChannel:
    """The Worker process's end of the socket pair to its dev session.

    Any thread may send events. A thread of its own reads the commands, so that it notices the end of the dev
    session even while the person's code holds the main thread.
    """

    def __init__(self, connection: socket.socket, mark: str | None = None) -> None:
        self._connection = connection
        self._mark = mark
        self._lines = connection.makefile("rb")
        self._sending = threading.Lock()
        self._queued = b""
        self._will_flush = False

    def receive_launch(self, on_preload: Callable[[Preload], None]) -> Launch | None:
        """Wait for the launch, and do what comes before it. None if the dev session has ended, or wants an end."""
        for line in self._lines:
            match from_line(line):
                case Preload() as preload:
                    on_preload(preload)
                case Launch() as launch:
                    return launch
                case _:
                    break
        return None

    def send(self, event: Event) -> None:
        """Report an event. What was printed or queued before it is sent first, so that order is kept."""
        self._queue(event)
        self._flush()

    def send_soon(self, event: Event) -> None:
        """Report an event at the end of this turn of the running event loop, in one piece with others.

        A callback that is scheduled later runs after it.
        """
        self._queue(event)
        if not self._will_flush:
            self._will_flush = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _queue(self, event: Event) -> None:
        line = to_line(event)
        with self._sending:
            self._queued += line

    def _flush(self) -> None:
        self._will_flush = False
        sys.stdout.flush()
        try:
            with self._sending:
                if self._queued:
                    queued, self._queued = self._queued, b""
                    self._connection.sendall(queued)
        except OSError:
            # The dev session is gone; the reading thread is about to end this process.
            return

    def log(self, level: LogLevel, message: str) -> None:
        """Ask the dev session to print a message."""
        self.send(Log(level, message))

    def abandon(self) -> None:
        """Close this copy of the channel, in a forked process, where nobody may report or follow anything."""
        self._sending = threading.Lock()  # a thread that is not here may have held the other one
        self._queued = b""
        with contextlib.suppress(OSError):
            os.close(self._connection.detach())

    def listen(self, on_drain: Callable[[], None]) -> None:
        """Start following commands. The end of the channel ends this process at once."""

        def follow() -> None:
            try:
                for line in self._lines:
                    if isinstance(from_line(line), Drain):
                        on_drain()
            except (OSError, ValueError):
                pass
            if self._mark is not None:
                _end_started(self._mark)
            os._exit(0)

        threading.Thread(target=follow, name="control", daemon=True).start()


def _end_started(mark: str) -> None:
    """End what the Worker started: the dev session, which would have done so, is gone."""
    from wrangler_py.worker.started_processes import end_marked

    with contextlib.suppress(Exception):
        end_marked(mark)
