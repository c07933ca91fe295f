"""Answers requests while no worker process runs, instead of letting them wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from wrangler_py.devserver.listening_socket import BACKLOG

_REQUEST_TIMEOUT_S = 5.0
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class UnavailablePage:
    """Answers every request on the listening socket with 503 and a text, between `open` and `close`."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._text = ""

    async def open(self, text: str) -> None:
        self._text = text
        if self._server is None:
            self._server = await asyncio.start_server(self._answer, sock=self._listener.dup(), backlog=BACKLOG)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = self._text.encode() + b"\n"
        head = (
            "HTTP/1.1 503 Service Unavailable\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Retry-After: 1\r\n"
            "Refresh: 1\r\n"  # a browser retries by itself
            "Connection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                try:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(head.encode() + body)
                except asyncio.LimitOverrunError:
                    writer.write(_TOO_LARGE)
                await writer.drain()
        writer.close()
