"""One HTTP connection: uvicorn's, with limits, and with what the server has to know to end it well."""

from __future__ import annotations

import asyncio
import re
import select
import sys
from collections.abc import Iterable
from typing import Any

from wrangler_py.open_files import FileReserve
from wrangler_py.worker.status_line import StatusLines
from wrangler_py.worker.uvicorn_parts import httptools_impl

httptools_impl.STATUS_LINE = StatusLines(httptools_impl.STATUS_LINE)

KEEP_ALIVE_S = 75
FRESH_GRACE_S = 1.0
"""A connection accepted this recently, its request still on the way, is waited for when draining."""
IDLE_GRACE_S = 0.25
"""A kept-alive connection used this recently may be about to bring the next request: it is waited for as well."""
MAX_HEAD_BYTES = 64 * 1024
"""Of a request's first line and headers, and of what stands between the parts of a body and behind it."""
MAX_HEAD_S = 30.0
_LINGER_S = 2.0
_NO_FILES = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n"
    b"Connection: close\r\n\r\nToo many connections: the limit of open files is reached.\n"
)
_GATHERED_BYTES = 65_536
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


def _percent_encoded(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % byte[0][0]


class HTTPConnection(httptools_impl.HttpToolsProtocol):
    """uvicorn's HTTP protocol, that knows when it was used last, and bounds what stands around a body.

    The parser itself takes headers, chunk extensions and trailers of any size, in any time.
    """

    active_at: float
    _head_since: float | None = None
    """When the first byte of a request came whose headers are not complete; None if there is no such request."""
    _in_head = True
    _in_request_line = True
    _unused = 0
    """Bytes that have come since the last of a body did, or of an earlier request."""
    _received = 0
    """How many bytes came at once the last time."""
    _head_bound = 0
    """At most so many bytes of the present head have come: those that came with its first, too."""
    _refused = False

    def __init__(self, files: FileReserve, **options: Any) -> None:
        super().__init__(**options)
        self._files = files
        self._can_be_served = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._can_be_served = self._files.takes(transport)
        super().connection_made(_GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self.active_at = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if not self._can_be_served:
            self._refused = True
            self.transport.write(_NO_FILES)
            self.transport.close()
            return
        self.active_at = self.loop.time()
        if self._in_head:
            if self._head_since is None:
                self._head_since = self.active_at
            if self._in_request_line:
                data = self._with_encoded_url(data)
        self._received = len(data)
        self._head_bound += self._received
        self._unused += self._received
        super().data_received(data)
        if self._refused or self._unused > MAX_HEAD_BYTES:
            self._refuse(431, "Request Header Fields Too Large", f"more than {MAX_HEAD_BYTES // 1024} KB")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since = self.active_at
        self._head_bound = self._received

    def on_headers_complete(self) -> None:
        if self._head_bound > MAX_HEAD_BYTES and self._head_size() > MAX_HEAD_BYTES:
            self._refused = True
            raise ValueError("the headers are too large")  # ends the parser; `data_received` answers
        self._in_head = False
        self._head_since = None
        self._unused = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = self._in_request_line = True
        self._unused = 0
        super().on_message_complete()

    def _with_encoded_url(self, data: bytes) -> bytes:
        """`data` with the raw UTF-8 of a request line percent-encoded, since the parser takes ASCII alone."""
        line, end, rest = data.partition(b"\n")
        self._in_request_line = not end
        return data if line.isascii() else _NOT_ASCII.sub(_percent_encoded, line) + end + rest

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            super().send_400_response(msg)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def end_if_slow(self, now: float) -> None:
        """Answer 408 if the headers of a request have been on their way for too long.

        A connection on which nothing has come yet, as browsers keep in reserve, is closed after longer.
        """
        if self._refused or self.transport.is_closing():
            return
        if self._head_since is not None and now - self._head_since >= MAX_HEAD_S:
            self._refuse(408, "Request Timeout", f"not complete after {MAX_HEAD_S:.0f} s")
        elif self.cycle is None and self._head_since is None and now - self.active_at >= KEEP_ALIVE_S:
            self.transport.close()

    def _refuse(self, status: int, phrase: str, why: str) -> None:
        """Answer what is no complete request, and close."""
        self._refused = True
        cycle = self.cycle
        under_way = cycle is not None and not cycle.response_complete
        if under_way and self._in_head:
            # Its request is an earlier one: its response is the last of this connection.
            self.pipeline.clear()
            cycle.keep_alive = False
            return
        if not under_way or not cycle.response_started:
            body = f"{status} {phrase}: the headers of the request are {why}.\n".encode()
            head = (
                f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        if under_way:
            cycle.disconnected = True
            cycle.message_event.set()
        # Closed at once, while more is coming, the connection would be reset and the answer lost.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.close)

    def on_response_complete(self) -> None:
        self.active_at = self.loop.time()
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
