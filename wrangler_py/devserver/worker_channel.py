"""The control channel: a dev session sends commands to one Worker process and hears its events."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import get_args

from wrangler_py.worker_protocol import Command, Event, from_line, to_line

_LINE_LIMIT = 16 * 1024 * 1024
"""Longest line accepted, in bytes: a traceback with large values in it."""

_END = b'"end"\n'
"""The line that this end adds to the stream when the Worker process has ended."""


class WorkerChannel:
    """The dev session's end. When it is closed, or the dev session gone, the worker process exits at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._other_end: socket.socket | None = None
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls) -> tuple[WorkerChannel, socket.socket]:
        """A channel, and the other end of it for the worker process."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_LIMIT)
        return cls(reader, writer), theirs

    def keep_other_end(self, other: socket.socket) -> None:
        """Hold the Worker process's end as well, until that process ends.

        Its own copies may outlive it, in processes that it forked, so they cannot tell of its end.
        """
        self._other_end = other

    def other_end_gone(self) -> None:
        """The worker process has ended: `events` ends after what it had sent."""
        if self._other_end is not None:
            other, self._other_end = self._other_end, None
            self._ending = asyncio.create_task(self._mark_end(other))

    async def _mark_end(self, other: socket.socket) -> None:
        with contextlib.suppress(OSError), other:
            other.setblocking(False)  # not before, or the process itself would notice
            await asyncio.get_running_loop().sock_sendall(other, b"\n" + _END)

    def send(self, command: Command) -> None:
        """Queue a command. It is lost without an error if the Worker process has ended."""
        if not self._writer.is_closing():
            self._writer.write(to_line(command))

    async def events(self) -> AsyncIterator[Event]:
        """What the Worker process reports, until it ends."""
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError):
                return
            if line == _END or not line.endswith(b"\n"):
                return
            try:
                message = from_line(line)
            except ValueError:  # the process ended in the middle of the line
                continue
            if isinstance(message, get_args(Event)):
                yield message

    def close(self) -> None:
        self._writer.close()
        if self._other_end is not None:
            self._other_end.close()
