"""The content of a request or a response: bytes at hand, or a stream that is read once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any, Protocol, runtime_checkable

TEXT = "text/plain;charset=UTF-8"


@runtime_checkable
class BodySource(Protocol):
    """What can become a body: FormData, Blob, and the stream and parameter types of `js`."""

    def _as_body(self) -> tuple[Body, str | None]: ...


class Body:
    """Bytes, or a stream of them, with the rule of the fetch standard that it is read once.

    Raises OSError (as the SDK does) when it is read a second time. `length` is in bytes, None for a stream whose
    length isn't known before its end.
    """

    __slots__ = ("_content", "_stream", "length", "used")

    def __init__(
        self,
        content: bytes | None = None,
        stream: AsyncIterator[bytes] | None = None,
        *,
        length: int | None = None,
    ) -> None:
        self._content = content
        self._stream = stream
        self.length = length if content is None else len(content)
        self.used = False

    @property
    def content(self) -> bytes | None:
        """The bytes when they are at hand, None for a stream."""
        return self._content

    def _use(self) -> None:
        if self.used:
            raise OSError("Body already used: it can be read once. Call clone() before the first read.")
        self.used = True

    async def read(self) -> bytes:
        """Read everything."""
        self._use()
        if self._content is not None:
            return self._content
        assert self._stream is not None
        return b"".join([chunk async for chunk in self._stream])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read piece by piece, without holding more than one piece."""
        self._use()
        if self._content is not None:
            if self._content:
                yield self._content
            return
        assert self._stream is not None
        async for chunk in self._stream:
            yield chunk

    def blocking_reader(self) -> Callable[[], bytes] | None:
        """A function that waits for the next piece (b"" at the end), when the stream can be read that way."""
        read: Callable[[], bytes] | None = getattr(self._stream, "read_blocking", None)
        if read is not None:
            self._use()
        return read

    def tee(self) -> Body:
        """Split: this body and the returned one each give the whole content once."""
        if self.used:
            raise OSError("Body already used: clone() must come before the first read.")
        if self._content is not None:
            return Body(self._content)
        assert self._stream is not None
        split = _Split(self._stream)
        self._stream = split.branch(0)
        return Body(stream=split.branch(1), length=self.length)


class _Split:
    """One stream read by two: what one branch is ahead of the other waits in memory."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._waiting: tuple[list[bytes], list[bytes]] = ([], [])
        self._ended = False
        self._reading = asyncio.Lock()

    async def branch(self, which: int) -> AsyncIterator[bytes]:
        own, other = self._waiting[which], self._waiting[1 - which]
        while True:
            if not own:
                async with self._reading:
                    if not own and not self._ended:
                        chunk = await anext(self._stream, None)
                        if chunk is None:
                            self._ended = True
                        else:
                            own.append(chunk)
                            other.append(chunk)
            if not own:
                return
            yield own.pop(0)


def make_body(value: Any, *, of: str = "Response") -> tuple[Body | None, str | None]:
    """Turn what a person gives as a body into a Body and the content type it brings along.

    Raises TypeError for a type that is no body, with the way out.
    """
    if value is None:
        return None, None
    if isinstance(value, str):
        return Body(value.encode()), TEXT
    if isinstance(value, bytes | bytearray | memoryview):
        return Body(bytes(value)), None
    if isinstance(value, BodySource):
        return value._as_body()
    if isinstance(value, AsyncIterable):
        return Body(stream=_encoded(aiter(value))), None
    if isinstance(value, Iterator):
        return Body(stream=_encoded(_asynchronous(value))), None
    is_json = isinstance(value, dict | list | tuple | int | float)
    way = "Response.json(...)" if of == "Response" else "body=json.dumps(...)"
    hint = f". Use {way} to send it as JSON" if is_json else ""
    raise TypeError(f"Unsupported type in {of}: {type(value).__name__}{hint}")


async def _asynchronous(pieces: Iterator[Any]) -> AsyncIterator[Any]:
    try:
        for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


async def _encoded(pieces: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            if isinstance(piece, str):
                yield piece.encode()
            elif isinstance(piece, bytes | bytearray | memoryview):
                yield bytes(piece)
            else:
                raise TypeError(f"A streamed body must give str or bytes, not {type(piece).__name__}")
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
