"""The control channel: JSON lines between the dev session and one worker process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

_LINE_LIMIT = 16 * 1024 * 1024
"""Longest line accepted, in bytes: a traceback with large values in it."""

_END = b'"end"\n'
"""The line that this end adds to the stream once the worker process has gone."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The Worker is loaded and accepts connections."""


@dataclass(frozen=True, slots=True)
class LoadError:
    """The Worker's code cannot be loaded; its process answers every request with a page that says so."""

    summary: str
    traceback: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Libraries:
    """The modules of installed packages that the Worker imported, with their files."""

    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """A request's handler is about to run."""

    id: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class RequestDone:
    """A request is answered and its `waitUntil` work is done."""

    id: str
    method: str
    path: str
    status: int
    ms: float


@dataclass(frozen=True, slots=True)
class RequestCutOff:
    """A request was under way when its process ended. No process reports this: it follows from its end."""

    id: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class HandlerException:
    """A handler raised."""

    id: str
    summary: str
    where: str
    traceback: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Log:
    """Something the worker host has to say, `level` being a name of `logging`."""

    level: str
    message: str


Event = Ready | LoadError | Libraries | RequestStarted | RequestDone | RequestCutOff | HandlerException | Log


def parse_event(line: bytes) -> Event | None:
    """One line from a worker process; None for an event this version does not know.

    Raises `ValueError` for a line that is not an event at all.
    """
    message: dict[str, Any] = json.loads(line)

    def text(key: str) -> str:
        return str(message.get(key) or "")

    match message.get("event"):
        case "ready":
            return Ready()
        case "load_error":
            return LoadError(text("summary"), text("traceback"), message.get("hint"))
        case "libraries":
            return Libraries(message["files"])
        case "started":
            return RequestStarted(text("id"), text("method"), text("path"))
        case "request":
            return RequestDone(
                text("id"), text("method"), text("path"), int(message["status"]), float(message["ms"])
            )
        case "exception":
            return HandlerException(
                text("id"), text("summary"), text("where"), text("traceback"), message.get("hint")
            )
        case "log":
            return Log(text("level"), text("message"))
        case _:
            return None


class ControlChannel:
    """The dev session's end. When it is closed, or the dev session gone, the worker process exits at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._other_end: socket.socket | None = None
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls) -> tuple[ControlChannel, socket.socket]:
        """A channel, and the other end of it for the worker process."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_LIMIT)
        return cls(reader, writer), theirs

    def keep_other_end(self, other: socket.socket) -> None:
        """Hold the worker process's end as well, until that process has gone.

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
            other.setblocking(False)  # not before: the process itself would have felt it
            await asyncio.get_running_loop().sock_sendall(other, b"\n" + _END)

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue one message; lost without an error if the worker process is gone."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def events(self) -> AsyncIterator[Event]:
        """What the worker process says, until it goes."""
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError):
                return
            if line == _END or not line.endswith(b"\n"):
                return
            try:
                event = parse_event(line)
            except ValueError:  # the process ended in the middle of the line
                continue
            if event is not None:
                yield event

    def close(self) -> None:
        self._writer.close()
        if self._other_end is not None:
            self._other_end.close()
