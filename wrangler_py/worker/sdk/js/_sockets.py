"""`WebSocketPair`: the two ends of a WebSocket, one for the Worker, one for the client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from wrangler_py.worker.sdk.js._buffers import ArrayBuffer
from wrangler_py.worker.sdk.js._values import JsArray, JsException, JsObject, JsProxy
from wrangler_py.worker.sdk.workers._current import current_invocation

CONNECTING, OPEN, CLOSING, CLOSED = range(4)


class WebSocket(JsProxy):
    """One end. Messages that come before `accept()` wait for it."""

    def __init__(self) -> None:
        self.readyState = OPEN
        self.binaryType = "arraybuffer"
        self.protocol = ""
        self.onmessage: Callable[[Any], Any] | None = None
        self.onclose: Callable[[Any], Any] | None = None
        self.onerror: Callable[[Any], Any] | None = None
        self.onopen: Callable[[Any], Any] | None = None
        self._listeners: dict[str, list[Callable[[Any], Any]]] = {}
        self._peer: WebSocket
        self._accepted = False
        self._waiting: list[JsObject] = []
        self.network: asyncio.Queue[JsObject | None] | None = None
        """Set on the end that the client's connection takes over: events go there instead of to listeners."""

    @classmethod
    def new(cls, url: str, *_: Any) -> WebSocket:
        raise NotImplementedError(
            f"WebSocket.new({url!r}): outgoing WebSockets are not emulated; use a Python client such as websockets"
        )

    def accept(self) -> None:
        """Begin to receive."""
        self._accepted = True
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._receive(event)

    def send(self, message: Any) -> None:
        """Send text or bytes. Raises JsException once the socket is closed."""
        if self.readyState != OPEN:
            raise JsException("Can't call WebSocket send() after close().", "TypeError")
        data = message if isinstance(message, str) else ArrayBuffer(message)
        self._peer._receive(JsObject({"type": "message", "data": data}))

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.readyState in (CLOSING, CLOSED):
            return
        self.readyState = CLOSED
        event = JsObject({"type": "close", "code": int(code), "reason": reason or "", "wasClean": True})
        self._peer._receive(event)

    def addEventListener(self, kind: str, listener: Callable[[Any], Any]) -> None:
        self._listeners.setdefault(kind, []).append(listener)

    def removeEventListener(self, kind: str, listener: Callable[[Any], Any]) -> None:
        if listener in self._listeners.get(kind, []):
            self._listeners[kind].remove(listener)

    def _receive(self, event: JsObject) -> None:
        if event.type == "close":
            self.readyState = CLOSED
        if self.network is not None:
            self.network.put_nowait(event)
        elif not self._accepted:
            self._waiting.append(event)
        else:
            self._dispatch(event)

    def _dispatch(self, event: JsObject) -> None:
        handler = getattr(self, f"on{event.type}", None)
        listeners = [*self._listeners.get(event.type, ()), *([handler] if handler else [])]
        for listener in listeners:
            result = listener(event)
            if inspect.isawaitable(result):
                current_invocation("A WebSocket's listener").wait_until(result)

    def _network_message(self, message: str | bytes) -> None:
        if self.readyState == OPEN:
            self.send(message)

    def _network_closed(self, code: int, reason: str) -> None:
        if self.readyState == OPEN:
            self.close(code, reason)
        assert self.network is not None
        self.network.put_nowait(None)

    def _connect_network(self) -> asyncio.Queue[JsObject | None]:
        """Take this end over for the client's connection; what waits for it goes first."""
        self.network = asyncio.Queue()
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.network.put_nowait(event)
        return self.network


class WebSocketPair(JsArray):
    """Two connected ends: `client, server = WebSocketPair.new().object_values()`."""

    @classmethod
    def new(cls) -> WebSocketPair:
        client, server = WebSocket(), WebSocket()
        client._peer, server._peer = server, client
        return cls((client, server))

    def object_values(self) -> JsArray:
        return JsArray(self)
