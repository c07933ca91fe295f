"""The HTTP server: uvicorn's protocols on the inherited socket, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import uvicorn

from wrangler_py.worker.host import Host

KEEP_ALIVE_S = 75


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
            ws="none",
        )
        # What uvicorn would log is reported in the Worker's own terms.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._config.load()
        self._server = uvicorn.Server(self._config)
        self._server.lifespan = self._config.lifespan_class(self._config)
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Start to accept."""
        await self._server.startup(sockets=[listener])
        self._ticking = asyncio.create_task(self._server.main_loop())

    async def drain(self) -> None:
        """Stop accepting at once; return when all that was accepted is answered."""
        self._host.draining = True
        for server in self._server.servers:
            server.close()
        state: Any = self._server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        while state.connections or state.tasks:
            await asyncio.sleep(0.02)
