"""The HTTP server: uvicorn's protocols on the inherited socket, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import select
import socket
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import uvicorn

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as HTTPProtocol
except ImportError:
    from uvicorn.protocols.http.h11_impl import H11Protocol as HTTPProtocol  # type: ignore[assignment]

if TYPE_CHECKING:
    from wrangler_py.worker.host import Host

KEEP_ALIVE_S = 75
FRESH_GRACE_S = 1.0
"""A connection accepted this recently, its request still on the way, is waited for when draining."""
IDLE_GRACE_S = 0.25
"""A kept-alive connection used this recently may be about to bring the next request: it is waited for as well."""
DRAIN_LIMIT_S = 30.0
"""What is not finished by then (an endless stream) is cut off."""
OPEN_FILES = 8192
"""Every request thread holds a few, every connection one; some systems allow a process 256 unless asked."""
_POLL_S = 0.01
_GATHERED_BYTES = 65_536
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


class HTTPServer:
    """Accepts on a listening socket that was opened elsewhere, until it is drained."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._config = uvicorn.Config(
            host,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            http=_Connection,
            ws=_make_websocket_protocol,  # type: ignore[arg-type]
        )
        # What uvicorn would log is reported in the Worker's own terms.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._config.load()
        self._server = uvicorn.Server(self._config)
        self._server.lifespan = self._config.lifespan_class(self._config)
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Start to accept."""
        _allow_open_files(OPEN_FILES)
        await self._server.startup(sockets=[listener])
        self._ticking = asyncio.create_task(self._server.main_loop())

    async def drain(self) -> None:
        """Stop accepting at once; return when all that was accepted is answered and its waitUntil work done.

        Connections that are idle are closed: at once when they have been for long, else after a short grace,
        so that a client that has its next request on the way gets its answer, marked as the last one.
        """
        self._host.draining = True
        for listener in self._server.servers:
            listener.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DRAIN_LIMIT_S
        connections: set[Any] = self._server.server_state.connections
        asked: set[Any] = set()
        while connections and loop.time() < deadline:
            for connection in list(connections):
                if not hasattr(connection, "active_at"):  # a WebSocket
                    if connection not in asked:
                        asked.add(connection)
                        connection.shutdown()
                elif connection.may_close(loop.time()):
                    connection.transport.close()
            await asyncio.sleep(_POLL_S)
        for connection in list(connections):
            connection.transport.abort()
        try:
            async with asyncio.timeout_at(max(deadline, loop.time() + 1.0)):
                await self._host.wait_idle()
        except TimeoutError:
            return


class _Connection(HTTPProtocol):
    """uvicorn's HTTP protocol, that knows when it was used last, and takes URLs with raw UTF-8."""

    active_at: float
    _in_request_line: bool

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self.active_at = self.loop.time()
        self._in_request_line = True

    def data_received(self, data: bytes) -> None:
        self.active_at = self.loop.time()
        if self._in_request_line:
            line, end, rest = data.partition(b"\n")
            self._in_request_line = not end
            if not line.isascii():
                # The parser refuses what browsers' address bars and curl send.
                data = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line) + end + rest
        super().data_received(data)

    def on_response_complete(self) -> None:
        self.active_at = self.loop.time()
        self._in_request_line = True
        super().on_response_complete()

    def may_close(self, now: float) -> bool:
        """Whether nothing is under way on this connection, nor likely to be on its way."""
        if self.transport.is_closing():
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        grace = FRESH_GRACE_S if self.cycle is None else IDLE_GRACE_S
        return now - self.active_at >= grace and not _has_data(self.transport)


class _GatheringTransport:
    """Sends what is written in one turn of the event loop at once: the head of a response with its body.

    Much of it goes out before the turn ends, so that the transport can say when it is too much.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._flush)
        self._written.append(data)
        self._size += len(data)
        if self._size > _GATHERED_BYTES:
            self._flush()

    def writelines(self, data: Iterable[bytes]) -> None:
        for each in data:
            self.write(each)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._written:
            written, self._written, self._size = self._written, [], 0
            self._transport.writelines(written)


def _allow_open_files(wanted: int) -> None:
    """Raise this process's own limit, as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def _has_data(transport: asyncio.Transport) -> bool:
    """Whether bytes have arrived that the event loop has not read yet."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return False
    if sys.platform == "win32":
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _make_websocket_protocol(**options: Any) -> asyncio.Protocol:
    # WebSockets are rare and their library slow to import: wait for the first one.
    from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

    assert AutoWebSocketsProtocol is not None
    return AutoWebSocketsProtocol(**options)
