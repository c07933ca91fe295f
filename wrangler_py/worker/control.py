"""The control channel: JSON lines to and from the dev session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode


class ControlChannel:
    """One end of the socket pair between a worker child and its dev session.

    Events go out from any thread. Commands come in on a thread of their own, so that the end of the
    parent is noticed even while the person's code holds the main thread.
    """

    def __init__(self, connection: socket.socket, mark: str | None = None) -> None:
        self._connection = connection
        self._mark = mark
        self._lines = connection.makefile("rb")
        self._sending = threading.Lock()
        self._queued = b""
        self._will_flush = False

    def read_line(self) -> bytes:
        """Return the next line sent by the dev session, b"" once it has gone."""
        return self._lines.readline()

    def send(self, event: str, **details: Any) -> None:
        """Report an event. What was printed or queued before it is sent first, so that order is kept."""
        self._queue(event, details)
        self._flush()

    def send_soon(self, event: str, **details: Any) -> None:
        """Report an event at the end of this turn of the running event loop, in one piece with others.

        A callback that is scheduled later runs after it.
        """
        self._queue(event, details)
        if not self._will_flush:
            self._will_flush = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _queue(self, event: str, details: dict[str, Any]) -> None:
        line = _encode({"event": event, **details}).encode() + b"\n"
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

    def log(self, level: str, message: str) -> None:
        """Have the dev session print a line of its own; `level` is a logging level's lower-case name."""
        self.send("log", level=level, message=message)

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
                    if json.loads(line).get("command") == "drain":
                        on_drain()
            except (OSError, ValueError):
                pass
            if self._mark is not None:
                self._end_started()
            os._exit(0)

        threading.Thread(target=follow, name="control", daemon=True).start()

    def _end_started(self) -> None:
        """End what the Worker started: the dev session, which would have done so, is gone."""
        from wrangler_py.worker.started_processes import end_marked

        assert self._mark is not None
        with contextlib.suppress(Exception):
            end_marked(self._mark)
