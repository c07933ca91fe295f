"""`TransformStream`, and the streams that pass bytes on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from wrangler_py.worker.platform.arguments import MISSING, not_of_type, options_argument, whole_number
from wrangler_py.worker.platform.promise import as_exception
from wrangler_py.worker.platform.readable import ReadableStream, byte_stream_of, stream_of
from wrangler_py.worker.platform.stream_sources import (
    Callback,
    Strategy,
    callback,
    fulfil,
    invoke,
    new_future,
    type_error,
)
from wrangler_py.worker.platform.values import JsProxy, member
from wrangler_py.worker.platform.writable import WritableStream, writable_of


class TransformStream(JsProxy):
    """A pair of streams: what is written to the one is read from the other, changed."""

    readable: ReadableStream
    writable: WritableStream

    def __init__(
        self, transformer: Any = None, writable_strategy: Any = None, readable_strategy: Any = None
    ) -> None:
        transformer = options_argument(transformer, "TransformStream", 1, "Transformer")
        of = "Transformer"
        for name in ("readableType", "writableType"):
            if member(transformer, name) is not None:
                raise type_error(f"transformer.{name} must be undefined.")
        begin = callback(transformer, "start", of, kept=False)
        transform, flush = callback(transformer, "transform", of), callback(transformer, "flush", of)
        self._connect(
            transform,
            flush,
            callback(transformer, "cancel", of),
            begin,
            Strategy(writable_strategy, 1).high_water_mark,
            Strategy(readable_strategy, 0).high_water_mark,
        )

    def _connect(
        self,
        transform: Callback | None,
        flush: Callback | None,
        cancel: Callback | None = None,
        begin: Callback | None = None,
        writable_mark: float = 1,
        readable_mark: float = 0,
        of_bytes: bool = False,
        length: int | None = None,
    ) -> None:
        wanted = _Gate()
        started: list[asyncio.Future[Any]] = []

        def pull(_controller: Any) -> Any:
            wanted.open()

        async def write(chunk: Any, _controller: Any = None) -> None:
            for future in started:
                await future
            is_full = not (readable_mark == math.inf or (readable.controller.desiredSize or 0) > 0)
            if is_full and readable.controller._waiting() == 0:
                await wanted.wait()
            if readable.controller._error is not None:
                raise readable.controller._error
            try:
                if transform is not None:
                    work = invoke(transform, chunk, controller)
                    if work is not None:
                        await work
                else:
                    controller.add(chunk)
            except Exception as error:
                controller.error(error)
                raise
            if writable.controller._error is not None:
                raise writable.controller._error

        async def close() -> None:
            for future in started:
                await future
            controller.flushed()
            try:
                work = invoke(flush, controller)
                if work is not None:
                    await work
            except Exception as error:
                controller.error(error)
                raise
            if readable.controller._state == "readable" and not readable.controller._closing:
                readable.controller.close()

        def abort(reason: Any) -> Any:
            readable.controller.error(reason)
            return invoke(cancel, reason)

        def cancelled(reason: Any) -> Any:
            wanted.open()
            writable.controller.fail(as_exception(reason))
            return invoke(cancel, reason)

        readable = (
            byte_stream_of(pull, cancelled, length) if of_bytes else stream_of(pull, cancelled, readable_mark)
        )
        writable = writable_of(write, close, abort, writable_mark, of_bytes=of_bytes)
        self.readable, self.writable = readable, writable
        controller = TransformStreamDefaultController._of(readable, writable, wanted.open)
        try:
            work = invoke(begin, controller)
        except Exception as error:
            controller.error(error)
            return
        if work is not None:
            started.append(asyncio.ensure_future(work))


class _Gate:
    """Lets a writer pass when the reader wants something."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[Any] | None = None

    def open(self) -> None:
        if self._waiting is not None:
            fulfil(self._waiting)
            self._waiting = None

    async def wait(self) -> None:
        if self._waiting is None:
            self._waiting = new_future()
        await self._waiting


class TransformStreamDefaultController(JsProxy):
    """The controller that a transformer's methods get."""

    illegal_constructor = True

    _readable: ReadableStream
    _writable: WritableStream
    _release: Callable[[], None]
    _flushing = False

    @classmethod
    def _of(
        cls, readable: ReadableStream, writable: WritableStream, release: Callable[[], None]
    ) -> TransformStreamDefaultController:
        controller = object.__new__(cls)
        controller._readable, controller._writable, controller._release = readable, writable, release
        return controller

    @property
    def desiredSize(self) -> Any:
        return self._readable.controller.desiredSize

    def enqueue(self, chunk: Any = None) -> None:
        self._readable.controller.enqueue(chunk)

    def add(self, chunk: Any) -> None:
        """`enqueue` for code of this platform."""
        self._readable.controller.add(chunk)

    def error(self, reason: Any = None) -> None:
        self._readable.controller.error(reason)
        self._writable.controller.fail(as_exception(reason))
        self._release()

    def terminate(self) -> None:
        if self._readable.controller._state == "readable":
            self._readable.controller.close()
        if not self._flushing:
            self._writable.controller.fail(type_error("The transform stream has been terminated"))
        self._release()

    def flushed(self) -> None:
        """Let `terminate` be called while the writable side is being closed."""
        self._flushing = True


class IdentityTransformStream(TransformStream):
    """Passes bytes on unchanged."""

    def __init__(self, strategy: Any = None) -> None:
        self._connect_bytes(None, strategy)

    def _connect_bytes(self, expected: int | None, strategy: Any) -> None:
        seen = 0

        def transform(chunk: Any, controller: Any) -> None:
            nonlocal seen
            seen += chunk.byteLength
            if expected is not None and seen > expected:
                self.readable.controller.error(
                    type_error("Attempt to write too many bytes through a FixedLengthStream.")
                )
            elif chunk.byteLength:
                controller.add(chunk)

        def flush(_controller: Any) -> None:
            if expected is not None and seen < expected:
                self.readable.controller.error(
                    type_error("FixedLengthStream did not see all expected bytes before close().")
                )

        mark = Strategy(strategy, 1).high_water_mark
        self._connect(transform, flush, writable_mark=mark, of_bytes=True, length=expected)


class FixedLengthStream(IdentityTransformStream):
    """Passes a known number of bytes on."""

    def __init__(self, length: Any = MISSING, strategy: Any = None) -> None:
        if length is MISSING:
            raise not_of_type("FixedLengthStream", 1, "bigint")
        self.expected = whole_number(length)
        if self.expected >= 2**53:
            raise type_error("FixedLengthStream requires an integer expected length less than 2^53.")
        self._connect_bytes(self.expected, strategy)
