"""WebSockets to elsewhere: `fetch` with `Upgrade: websocket`, and `new WebSocket(url)`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wrangler_py.worker.platform.current import Invocation
from wrangler_py.worker.platform.http_client import shown_url, tls_context
from wrangler_py.worker.platform.outgoing_proxies import proxy_for
from wrangler_py.worker.platform.values import JsException

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_OPEN_LIMIT_S: Final = 15
_OWN: Final = frozenset({
    "host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions",
    "sec-websocket-protocol", "content-length",
})  # fmt: skip


class Refused(Exception):
    """The server answered with something else than a WebSocket."""

    def __init__(self, status: int, reason: str, headers: list[tuple[str, str]], content: bytes) -> None:
        super().__init__(f"the server answered with status {status}")
        self.status, self.reason, self.headers, self.content = status, reason, headers, content


async def connect(
    invocation: Invocation, url: str, headers: list[tuple[str, str]], protocols: list[str]
) -> Connection:
    """Open a WebSocket. Raises Refused, or JsException with the reason if there is no answer."""
    import websockets.asyncio.client as client
    from websockets.exceptions import InvalidStatus, WebSocketException

    parts = urlsplit(url)
    secure = parts.scheme in {"https", "wss"}
    address = parts._replace(scheme="wss" if secure else "ws", fragment="").geturl()
    port = parts.port or (443 if secure else 80)
    given = [pair for pair in headers if pair[0] not in _OWN]
    if invocation.leads_back(parts.hostname, port):
        given += invocation.own_headers
    proxy = proxy_for("https" if secure else "http", parts.hostname or "", port)
    try:
        opened = await client.connect(
            address,
            additional_headers=given,
            subprotocols=protocols or None,  # type: ignore[arg-type]
            user_agent_header=None,
            proxy=None if proxy is None else proxy.url,
            ssl=tls_context() if secure else None,
            open_timeout=_OPEN_LIMIT_S,
            max_size=None,
        )
    except InvalidStatus as error:
        answer = error.response
        pairs = [(name.lower(), value) for name, value in answer.headers.raw_items()]
        raise Refused(answer.status_code, answer.reason_phrase, pairs, bytes(answer.body or b"")) from None
    except (OSError, WebSocketException, TimeoutError, ImportError) as error:
        through = f", through the proxy {proxy}" if proxy is not None else ""
        reason = str(error) or type(error).__name__
        raise JsException.new(f"WebSocket to {shown_url(url)} failed{through}: {reason}") from error
    connection = Connection(opened)
    invocation.on_end(connection.end)
    return connection


class Connection:
    """An open connection. It is the other end of a WebSocket: it sends what that one is told to send."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def protocol(self) -> str:
        return self._connection.subprotocol or ""

    def headers(self) -> list[tuple[str, str]]:
        answer = self._connection.response
        return [] if answer is None else [(name.lower(), value) for name, value in answer.headers.raw_items()]

    def serve(self, socket: Any) -> None:
        """Give a WebSocket what arrives, and send what it is told to send."""
        self._tasks = [asyncio.ensure_future(self._read(socket)), asyncio.ensure_future(self._write())]

    def receive(self, message: str | bytes) -> None:
        self._outgoing.put_nowait(message)

    def receive_close(self, code: int, reason: str) -> None:
        self._outgoing.put_nowait((1000 if code == 1005 else code, reason))

    async def _read(self, socket: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                socket.receive(await self._connection.recv())
        except ConnectionClosed as closed:
            frame = closed.rcvd
            code, reason = (1006, "WebSocket disconnected without sending Close frame.")
            if frame is not None:
                code, reason = frame.code, frame.reason
            socket.receive_close(int(code), reason, frame is not None)

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                message = await self._outgoing.get()
                if isinstance(message, tuple):
                    await self._connection.close(*message)
                    return
                await self._connection.send(message)
        except ConnectionClosed:
            return  # the reader says so

    async def end(self) -> None:
        """Close, when the request that opened it ends."""
        await self._connection.close()
        for task in self._tasks:
            task.cancel()
