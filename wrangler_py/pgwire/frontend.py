"""Splits a client's data after start-up into messages.

Source: PostgreSQL documentation, "Message Formats"; the limits for lengths are those of its `SocketBackend`. Sync
and Flush have to be empty. A server answers others with an error, which nothing here expects.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_be

from wrangler_py.pgwire.frontend_kinds import (
    BIND,
    CLOSE,
    CONTINUATION,
    COPY_DATA,
    COPY_DONE,
    COPY_FAIL,
    DESCRIBE,
    EXECUTE,
    FLUSH,
    FUNCTION_CALL,
    PARSE,
    QUERY,
    SYNC,
    TERMINATE,
)
from wrangler_py.pgwire.messages import HEADER, ProtocolError

STREAM_FROM_BYTES: Final = 65_536
"""A longer message is handed on in pieces, where its kind allows it."""
MAX_STATEMENT_BYTES: Final = 64 * 1024 * 1024
"""The longest Parse, which has to be kept whole."""
_SMALL_LIMIT_BYTES: Final = 10_000
_LARGE_LIMIT_BYTES: Final = 0x3FFFFFFE
_SMALLEST_HEAD_BYTES: Final = 8192
"""How much of a long message has to be there before its head is handed on."""

_STREAMED: Final = frozenset({QUERY, BIND, FUNCTION_CALL, COPY_DATA})
_LIMITS: Final = {
    **dict.fromkeys((QUERY, BIND, FUNCTION_CALL, COPY_DATA), _LARGE_LIMIT_BYTES),
    PARSE: MAX_STATEMENT_BYTES,
    **dict.fromkeys((CLOSE, DESCRIBE, EXECUTE, TERMINATE, COPY_DONE, COPY_FAIL), _SMALL_LIMIT_BYTES),
    **dict.fromkeys((FLUSH, SYNC), 4),
}


Piece = tuple[int, bytes, int]
"""A kind, a message, and how many octets of it are missing. That is 0 for a whole message. Otherwise this is the
head of one; the rest comes in pieces of the kind `CONTINUATION`."""


class FrontendReader:
    """Bytes in, messages out. Raises ProtocolError for an unknown kind or an impossible length."""

    __slots__ = ("_missing", "_tail")

    def __init__(self, data: bytes = b"") -> None:
        self._tail = bytearray(data)
        self._missing = 0

    @property
    def in_message(self) -> bool:
        """Whether a message has begun whose end has not come yet."""
        return self._missing > 0 or bool(self._tail)

    def receive(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        if self._missing:
            if len(data) <= self._missing:
                self._missing -= len(data)
                return [(CONTINUATION, data, self._missing)]
            pieces.append((CONTINUATION, data[: self._missing], 0))
            data = data[self._missing :]
            self._missing = 0
        if self._tail:
            self._tail += data
            if not self._worth_cutting():
                return pieces
            data = bytes(self._tail)
            self._tail = bytearray()
        position, end_of_data = 0, len(data)
        limit_of = _LIMITS.get
        while end_of_data - position >= 5:
            kind = data[position]
            length: int = read_i32_be(data, position + 1)
            end = position + length + 1
            if end > end_of_data or length < 4:
                self._check(kind, length)
                if (
                    kind in _STREAMED
                    and length >= STREAM_FROM_BYTES
                    and end_of_data - position >= _SMALLEST_HEAD_BYTES
                ):
                    self._missing = end - end_of_data
                    pieces.append((kind, data[position:], self._missing))
                    return pieces
                break
            if length > limit_of(kind, 0):
                self._check(kind, length)
            pieces.append((kind, data[position:end], 0))
            position = end
        if position < end_of_data:
            self._tail = bytearray(data[position:] if position else data)
            if len(self._tail) and self._tail[0] not in _LIMITS:
                self._check(self._tail[0], 4)
        return pieces

    def _worth_cutting(self) -> bool:
        """Whether the buffered message is complete, or enough of it is there to hand on its head.

        So a long Parse that arrives in many small reads isn't copied at each of them.
        """
        if len(self._tail) < 5:
            return False
        kind, length = HEADER.unpack_from(self._tail)
        self._check(kind, length)
        if len(self._tail) > length:
            return True
        return kind in _STREAMED and length >= STREAM_FROM_BYTES and len(self._tail) >= _SMALLEST_HEAD_BYTES

    @staticmethod
    def _check(kind: int, length: int) -> None:
        limit = _LIMITS.get(kind)
        if limit is None:
            raise ProtocolError(f"invalid frontend message type {kind}")
        if not 4 <= length <= limit:
            raise ProtocolError("invalid message length")
