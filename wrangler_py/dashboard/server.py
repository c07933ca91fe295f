"""The dashboard's port: listens from the start, and loads the web framework at the first connection."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from wrangler_py.dashboard.sources import Sources
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    import uvicorn

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_CLOSE_LIMIT_S = 1.0


class Dashboard:
    """Serves the page and its API from `open` to `close`, on a loopback port.

    Until the first connection only a socket is open, so an unused dashboard costs nothing.
    """

    def __init__(self, sources: Sources, *, port: int = 0, token: str | None = None) -> None:
        self._sources = sources
        self._wanted_port = port
        self._token = token or secrets.token_urlsafe(24)
        self._listener: socket.socket | None = None
        self._starting: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None
        self._closing = asyncio.Event()

    def open(self) -> None:
        """Listen. Raises `WranglerError` if the port is taken."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, self._wanted_port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            raise WranglerError(
                f"The dashboard cannot listen on port {self._wanted_port}: {error.strerror}.",
                hint="Choose another one with --dashboard-port, or leave it out for any free one.",
            ) from None
        self._listener = listener
        self._sources.open()
        if sys.platform == "win32":  # its event loop cannot wait for a listening socket
            self._start()
        else:
            asyncio.get_running_loop().add_reader(listener.fileno(), self._start)

    @property
    def port(self) -> int:
        assert self._listener is not None
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """The address with the token in it. Whoever has it can use the dashboard."""
        return f"http://{LOOPBACK}:{self.port}/?token={self._token}"

    async def show(self) -> None:
        """Open it in a browser; say its address if there is none."""
        import webbrowser

        if not await asyncio.to_thread(webbrowser.open, self.url):
            self._sources.messages.info(f"No browser was found. The dashboard is at {self.url}")

    async def __aenter__(self) -> Dashboard:
        self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections and close the port. May be called repeatedly, or without `open`."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._closing.set()
        self._stop_waiting(listener)
        if self._starting is not None:
            if self._server is not None:
                self._server.should_exit = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_LIMIT_S):
                    await asyncio.gather(self._starting, return_exceptions=True)
        listener.close()
        await self._sources.close()

    def _stop_waiting(self, listener: socket.socket) -> None:
        if sys.platform != "win32":
            asyncio.get_running_loop().remove_reader(listener.fileno())

    def _start(self) -> None:
        """Load the web server at the first connection, and give it the socket."""
        assert self._listener is not None
        self._stop_waiting(self._listener)
        self._starting = asyncio.create_task(self._serve(self._listener))

    async def _serve(self, listener: socket.socket) -> None:
        # In a thread, so that the Worker's queries go on during the import.
        new_server = await asyncio.to_thread(_import_new_server)
        self._server = new_server(self._sources, token=self._token, port=self.port, closing=self._closing)
        await self._server.serve(sockets=[listener])


def _import_new_server() -> Callable[..., uvicorn.Server]:
    from wrangler_py.dashboard.web_server import new_server

    return new_server
