"""The HTTP server: uvicorn's protocols on the inherited socket, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from wrangler_py.open_files import FileReserve, allow_open_files
from wrangler_py.worker.http_connection import KEEP_ALIVE_S, HTTPConnection
from wrangler_py.worker.uvicorn_parts import Config, Server

if TYPE_CHECKING:
    from wrangler_py.worker.asgi_app import Host

DRAIN_LIMIT_S = 30.0
"""Responses that are not finished after this time, such as endless streams, are cut off."""
_POLL_S = 0.01
_SLOW_POLL_S = 1.0


class HTTPServer:
    """Accepts on a listening socket that was opened elsewhere, until it is drained."""

    def __init__(self, host: Host) -> None:
        allow_open_files()  # every request thread holds a few, every connection one
        self._host = host
        files = FileReserve(lambda line: host.worker.control.log("warning", line))
        self._config = Config(
            host,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            http=partial(HTTPConnection, files),  # type: ignore[arg-type]
            ws=_make_websocket_protocol,  # type: ignore[arg-type]
        )
        # The Worker's own reports take the place of uvicorn's log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._config.load()
        self._server = Server(self._config)
        self._server.lifespan = self._config.lifespan_class(self._config)
        self._ticking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Start to accept."""
        await self._server.startup(sockets=[listener])
        self._ticking = asyncio.create_task(self._server.main_loop())
        self._watching = asyncio.create_task(self._end_slow_requests())

    async def _end_slow_requests(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SLOW_POLL_S)
            for connection in list(self._server.server_state.connections):
                if isinstance(connection, HTTPConnection):
                    connection.end_if_slow(loop.time())

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


def _make_websocket_protocol(**options: Any) -> asyncio.Protocol:
    # WebSockets are rare and their library slow to import: wait for the first one.
    from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

    assert AutoWebSocketsProtocol is not None
    return AutoWebSocketsProtocol(**options)
