"""`ReadableStream` and `TransformStream`, as bodies are made of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from wrangler_py.worker.sdk.js._buffers import Uint8Array
from wrangler_py.worker.sdk.js._values import JsObject, JsProxy, properties
from wrangler_py.worker.sdk.workers._body import Body


class ReadableStream(JsProxy):
    """A stream of bytes: iterate it with `async for`, read it with `getReader()`, or return it in a Response."""

    def __init__(self, body: Body) -> None:
        self._body = body

    @classmethod
    def _of_body(cls, body: Body) -> ReadableStream:
        return cls(body)

    @classmethod
    def new(cls, source: Any = None, _strategy: Any = None, **options: Any) -> ReadableStream:
        """A stream fed by a source's `start`, `pull` and `cancel`."""
        methods = (
            options
            or properties(source)
            or {name: getattr(source, name) for name in ("start", "pull", "cancel") if hasattr(source, name)}
        )
        return cls(Body(stream=_Controller(methods).chunks()))

    @property
    def locked(self) -> bool:
        return self._body.used

    def _as_body(self) -> tuple[Body, str | None]:
        return self._body, None

    def getReader(self, _options: Any = None) -> StreamReader:
        return StreamReader(self._body.chunks())

    def tee(self) -> list[ReadableStream]:
        other = self._body.tee()
        return [ReadableStream(self._body), ReadableStream(other)]

    async def cancel(self, _reason: Any = None) -> None:
        async for _ in self._body.chunks():
            return

    async def __aiter__(self) -> AsyncIterator[Uint8Array]:
        async for chunk in self._body.chunks():
            yield Uint8Array(chunk)


class StreamReader(JsProxy):
    """What `getReader()` gives: `await reader.read()` has `.done` and `.value`."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    async def read(self) -> JsObject:
        chunk = await anext(self._chunks, None)
        return JsObject({"done": chunk is None, "value": None if chunk is None else Uint8Array(chunk)})

    async def cancel(self, _reason: Any = None) -> None:
        await self._chunks.aclose()  # type: ignore[attr-defined]

    def releaseLock(self) -> None:
        """Nothing is locked for long: a stream is read by one reader to its end."""


class _Controller(JsProxy):
    """Given to the methods of a ReadableStream's source."""

    def __init__(self, methods: dict[str, Any]) -> None:
        self._methods = methods
        self._chunks: list[bytes] = []
        self._closed = False
        self._error: Exception | None = None

    def enqueue(self, chunk: Any) -> None:
        self._chunks.append(chunk.encode() if isinstance(chunk, str) else bytes(chunk))

    def close(self) -> None:
        self._closed = True

    def error(self, reason: Any) -> None:
        self._error = reason if isinstance(reason, Exception) else RuntimeError(str(reason))

    async def _call(self, name: str) -> bool:
        method = self._methods.get(name)
        if method is None:
            return False
        result = method(self)
        if hasattr(result, "__await__"):
            await result
        return True

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            await self._call("start")
            while True:
                while self._chunks:
                    yield self._chunks.pop(0)
                if self._error is not None:
                    raise self._error
                if self._closed or not await self._call("pull"):
                    return
        finally:
            if not self._closed:
                await self._call("cancel")


class TransformStream(JsProxy):
    """A pipe: what is written to `writable` is read from `readable`."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self.readable = ReadableStream(Body(stream=self._chunks()))
        self.writable = WritableStream(self._queue)

    @classmethod
    def new(cls, *_: Any) -> TransformStream:
        return cls()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (chunk := await self._queue.get()) is not None:
            yield chunk


class WritableStream(JsProxy):
    """The writing end of a TransformStream; also its own writer."""

    def __init__(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._queue = queue

    def getWriter(self) -> WritableStream:
        return self

    async def write(self, chunk: Any) -> None:
        """Write; waits for the reader to take what was written before."""
        await self._queue.put(chunk.encode() if isinstance(chunk, str) else bytes(chunk))

    async def close(self) -> None:
        await self._queue.put(None)

    def releaseLock(self) -> None:
        """Nothing is locked: there is one writer."""
