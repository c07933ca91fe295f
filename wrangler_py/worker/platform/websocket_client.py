"""The network behind `new WebSocket(url)`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from wrangler_py.worker.platform.global_scope import invocation_in_request

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

ABNORMAL_CLOSURE = 1006
_NO_STATUS = 1005


class _Socket(Protocol):
    def opened(self, protocol: str) -> None: ...
    def receive(self, message: str | bytes) -> None: ...
    def receive_close(self, code: int, reason: str, clean: bool = True) -> None: ...
    def failed(self, message: str) -> None: ...


class NetworkPeer:
    """The other end of a WebSocket: a server, which is asked in the background."""

    def __init__(self, socket: _Socket, url: str, protocols: list[str]) -> None:
        self._socket = socket
        self._to_send: asyncio.Queue[str | bytes | tuple[int, str]] = asyncio.Queue()
        self._work = asyncio.ensure_future(self._run(url, protocols))
        invocation_in_request().on_end(self._end)

    def receive(self, message: str | bytes) -> None:
        """Send a message to the server."""
        self._to_send.put_nowait(message)

    def receive_close(self, code: int, reason: str) -> None:
        """Close the connection to the server."""
        self._to_send.put_nowait((code, reason))

    async def _run(self, url: str, protocols: list[str]) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException
        from websockets.typing import Subprotocol

        try:
            connection = await connect(url, subprotocols=[Subprotocol(name) for name in protocols] or None)
        except (OSError, WebSocketException, ValueError) as error:
            self._socket.failed(f"Failed to establish the WebSocket connection: {error}")
            return
        self._socket.opened(connection.subprotocol or "")
        sending = asyncio.ensure_future(self._send(connection))
        try:
            async for message in connection:
                self._socket.receive(message)
        except WebSocketException:
            pass  # what ended it is the close code's to tell
        finally:
            sending.cancel()
        code = connection.close_code or ABNORMAL_CLOSURE
        self._socket.receive_close(code, connection.close_reason or "", clean=code != ABNORMAL_CLOSURE)

    async def _send(self, connection: ClientConnection) -> None:
        while True:
            message = await self._to_send.get()
            if isinstance(message, tuple):
                code, reason = message
                await connection.close(1000 if code == _NO_STATUS else code, reason)
                return
            await connection.send(message)

    async def _end(self) -> None:
        self._work.cancel()
        await asyncio.wait({self._work})
