"""`WebSocket` and `WebSocketPair`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, not_of_type, options_argument, text_argument
from wrangler_py.worker.platform.blobs import make_blob
from wrangler_py.worker.platform.buffers import ArrayBuffer, JsBuffer, array_buffer
from wrangler_py.worker.platform.callbacks import iterate
from wrangler_py.worker.platform.dom_exception import DOMException
from wrangler_py.worker.platform.events import CloseEvent, ErrorEvent, Event, EventTarget, MessageEvent
from wrangler_py.worker.platform.global_scope import invocation_in_request
from wrangler_py.worker.platform.modules import _cloudflare_compat_flags
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.stream_sources import type_error
from wrangler_py.worker.platform.urls import normalized_url
from wrangler_py.worker.platform.values import js_function, js_object, js_string, jsnull

_CONNECTING, _OPEN, _CLOSING, _CLOSED = range(4)
_NOT_ACCEPTED: Final = (
    "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages."
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_RESERVED: Final = frozenset({1004, 1005, 1006, 1015})


class WebSocket(EventTarget):
    """One end of a WebSocket connection. The other end is another one, or a connection of the host's."""

    CONNECTING = READY_STATE_CONNECTING = _CONNECTING
    OPEN = READY_STATE_OPEN = _OPEN
    CLOSING = READY_STATE_CLOSING = _CLOSING
    CLOSED = READY_STATE_CLOSED = _CLOSED

    _peer: Any
    """Has `receive(message)` and `receive_close(code, reason)`: another WebSocket, or the host's connection."""
    _carry: Callable[[Event], None]

    def __init__(self, url: Any = MISSING, protocols: Any = None) -> None:
        address = _address(text_argument(url, "WebSocket", 1))
        names = _protocols(protocols)
        self._prepare(address, _CONNECTING)
        self._accepted = True
        asyncio.ensure_future(self._open(address, names))  # noqa: RUF006

    async def _open(self, address: str, protocols: list[str]) -> None:
        from wrangler_py.worker.platform import websocket_client

        try:
            connection = await websocket_client.connect(invocation_in_request(), address, [], protocols)
        except Exception as error:
            self.readyState, self._closed_outgoing = _CLOSED, True
            message = getattr(error, "message", str(error))
            self.dispatchEvent(ErrorEvent.new("error", js_object({"message": message, "error": error})))
            self.receive_close(1006, "Failed to establish websocket connection", False)
            return
        self.readyState, self.protocol = _OPEN, connection.protocol
        self.connect(connection)
        self.dispatchEvent(Event.new("open"))
        connection.serve(self)

    @property
    def binaryType(self) -> str:
        return self._binary_type

    @binaryType.setter
    def binaryType(self, kind: Any) -> None:
        if js_string(kind) in {"blob", "arraybuffer"}:  # anything else is ignored
            self._binary_type = js_string(kind)

    @property
    def bufferedAmount(self) -> int:
        return 0

    def _prepare(self, url: Any, state: int) -> None:
        self.readyState = state
        self.url, self.protocol, self.extensions = url, "", ""
        standard = _cloudflare_compat_flags.websocket_standard_binary_type
        self._binary_type = "blob" if standard else "arraybuffer"
        self._peer = None
        self._accepted = self._coupled = self._closed_outgoing = self._closed_incoming = False
        self._waiting: list[Event] = []

    @js_function
    def accept(self, options: Any = None) -> None:
        options_argument(options, "WebSocket", 1, "AcceptOptions", "accept")
        if self._coupled:
            raise type_error("Can't accept() WebSocket that was already used in a response.")
        if self._accepted:
            return
        self._accepted = True
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._deliver)

    def send(self, message: Any = MISSING) -> None:
        if message is MISSING:
            raise not_of_type("WebSocket", 1, "ArrayBuffer or ArrayBufferView or string", "send")
        if self._closed_outgoing:
            raise type_error("Can't call WebSocket send() after close().")
        if not self._accepted:
            raise type_error(_NOT_ACCEPTED)
        if self.readyState == _CONNECTING:
            raise DOMException.new("Can't send before the WebSocket is open.", "InvalidStateError")
        if self._peer is not None:
            self._peer.receive(message.to_bytes() if isinstance(message, JsBuffer) else js_string(message))

    def close(self, code: Any = None, reason: Any = None) -> None:
        number = None if code is None else to_int32(code)
        if number is not None and (not 1000 <= number < 5000 or number in _RESERVED):
            raise DOMException.new(f"Invalid WebSocket close code: {number}.", "InvalidAccessError")
        text = None if reason is None else js_string(reason)
        if text is not None and len(text.encode()) > 123:
            raise DOMException.new(
                "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.", "SyntaxError"
            )
        if text is not None and number is None:
            raise DOMException.new(
                "If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError"
            )
        if self._closed_outgoing:
            return
        if not self._accepted:
            raise type_error(_NOT_ACCEPTED)
        self._closed_outgoing = True
        self.readyState = _CLOSED if self._closed_incoming else _CLOSING
        if self._peer is not None:
            self._peer.receive_close(1005 if number is None else number, text or "")

    def serializeAttachment(self, attachment: Any = None) -> None:
        from wrangler_py.worker.platform.cloning import structuredClone

        self._attachment = structuredClone(attachment)

    def deserializeAttachment(self) -> Any:
        return getattr(self, "_attachment", jsnull)

    # For the other end and the host.

    def connect(self, peer: Any) -> None:
        """Send what the program sends to `peer`."""
        self._peer = peer

    def couple(self, carry: Callable[[Event], None]) -> None:
        """Let the host serve it as a response's: `carry` takes the events that are for the client.

        Raises TypeError if the program accepted it.
        """
        if self._accepted:
            raise type_error("Can't return WebSocket in a Response after calling accept().")
        if self._coupled:
            raise type_error("Can't return WebSocket that was already used in a response.")
        self._coupled = True
        self._carry = carry
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            carry(event)

    def from_client(self, message: str | bytes) -> None:
        """A message of the client, on a coupled socket."""
        if self._peer is not None:
            self._peer.receive(message)

    def closed_by_client(self, code: int, reason: str) -> None:
        """The client has closed, on a coupled socket."""
        if self._peer is not None:
            self._peer.receive_close(code, reason)

    def receive(self, message: str | bytes) -> None:
        """A message for the program, or for the client of a coupled socket."""
        data = message if isinstance(message, str) else array_buffer(bytearray(message))
        self._take(MessageEvent.new("message", js_object({"data": data})))

    def receive_close(self, code: int, reason: str, clean: bool = True) -> None:
        """The other end is closed."""
        if self._closed_incoming:
            return
        self._closed_incoming = True
        self._take(CloseEvent.new("close", js_object({"code": code, "reason": reason, "wasClean": clean})))

    def _take(self, event: Event) -> None:
        if self._coupled:
            self._carry(event)
            return
        self._waiting.append(event)
        if self._accepted and len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        while self._waiting:
            event = self._waiting.pop(0)
            if isinstance(event, CloseEvent):
                self.readyState = _CLOSED if self._closed_outgoing else _CLOSING
                if not self._closed_outgoing and _cloudflare_compat_flags.web_socket_auto_reply_to_close:
                    self._answer_close(event)
            elif (
                isinstance(event, MessageEvent)
                and self.binaryType == "blob"
                and isinstance(event.data, ArrayBuffer)
            ):
                event.data = make_blob(event.data.to_bytes())
            self.dispatchEvent(event)

    def _answer_close(self, event: CloseEvent) -> None:
        """Close this direction, too."""
        self._closed_outgoing = True
        self.readyState = _CLOSED
        if self._peer is not None:
            self._peer.receive_close(event.code, event.reason)


def _protocols(given: Any) -> list[str]:
    """The names of subprotocols. Raises SyntaxError for one that HTTP can't send, and for one given twice."""
    names = [js_string(name) for name in ([given] if isinstance(given, str) else iterate(given))]
    if not all(map(_TOKEN, names)):
        raise DOMException.new("WebSocket Constructor: The protocol header token is invalid.", "SyntaxError")
    if len(set(names)) < len(names):
        raise DOMException.new(
            "WebSocket Constructor: The protocols header cannot have repeating values.", "SyntaxError"
        )
    return names


def _address(given: str) -> str:
    url = normalized_url(given)
    scheme, _, rest = (url or "").partition(":")
    if url is None:
        problem = "The url is invalid."
    elif scheme not in {"ws", "wss"}:
        problem = "The url scheme must be ws or wss."
    elif "#" in rest:
        problem = "The url fragment must be empty."
    else:
        return url
    raise DOMException.new(f"WebSocket Constructor: {problem}", "SyntaxError")


def make_socket() -> WebSocket:
    """An end whose other end is to be connected."""
    socket = object.__new__(WebSocket)
    socket._prepare(jsnull, _OPEN)
    return socket


class WebSocketPair(EventTarget):
    """Two ends of one connection, under the names 0 and 1."""

    def __init__(self) -> None:
        self._ends = make_socket(), make_socket()
        self._ends[0].connect(self._ends[1])
        self._ends[1].connect(self._ends[0])

    def __getitem__(self, index: int) -> WebSocket:
        return self._ends[index]

    def _own_properties(self) -> dict[str, Any]:
        return {"0": self._ends[0], "1": self._ends[1]}
