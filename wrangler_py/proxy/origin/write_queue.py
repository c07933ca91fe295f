"""Writes that wait for the end of the event loop's turn, while clients wait for connections.

Each write wakes a process, which the system may run at once instead of the proxy. With more clients than
connections, one turn of the loop reads dozens of answers, and gives each connection to the next client. Writing
only after the last of them lets the proxy do its own work in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Final, Protocol

LONG_BYTES: Final = 16_384
"""With data that is longer, everything goes out at once."""


class WriteTransport(Protocol):
    """A transport, as one writes to it."""

    def is_closing(self) -> bool: ...
    def write(self, data: bytes) -> None: ...


class WriteQueue:
    """The writes of one pool. They are in order for each transport if all go through here while it is `active`."""

    __slots__ = ("_loop", "_pending", "_waiters", "active")

    def __init__(self, waiters: Sized) -> None:
        self.active = False
        self._waiters = waiters
        self._pending: list[tuple[WriteTransport, bytes]] = []
        self._loop = asyncio.get_running_loop()

    def activate(self) -> None:
        """A client waits for a connection."""
        self.active = True

    def write(self, transport: WriteTransport, data: bytes) -> None:
        """Writes `data` at the end of the turn, or at once while nobody waits."""
        if not self.active:
            transport.write(data)
            return
        if not self._pending:
            self._loop.call_soon(self.flush)
        self._pending.append((transport, data))
        if len(data) > LONG_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes everything now."""
        pending, self._pending = self._pending, []
        self.active = len(self._waiters) > 0
        for transport, data in pending:
            if not transport.is_closing():
                transport.write(data)
