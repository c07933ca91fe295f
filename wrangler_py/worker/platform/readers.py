"""The readers of readable streams."""

from __future__ import annotations

import asyncio
from typing import Any

from wrangler_py.worker.platform.arguments import not_of_type
from wrangler_py.worker.platform.data_views import DataView
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.stream_sources import promise_of, rejected, type_error
from wrangler_py.worker.platform.typed_arrays import TypedArray
from wrangler_py.worker.platform.values import JsProxy, JsRangeError, js_function, member

RELEASED = "This ReadableStream reader has been released."
LOCKED = "This ReadableStream is currently locked to a reader."


class _Reader(JsProxy):
    _stream: Any

    def __init__(self, stream: Any = None) -> None:
        if type(stream).__name__ != "ReadableStream":  # which imports this module
            raise not_of_type(type(self).js_name, 1, "ReadableStream")
        if stream.locked:
            raise type_error(LOCKED)
        self._stream = stream
        stream.lock(self)

    @property
    def closed(self) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(RELEASED))
        return promise_of(self._stream.controller.closed())

    def cancel(self, reason: Any = None) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(RELEASED))
        cancelled: JsPromise = self._stream.cancel_now(reason)
        return cancelled

    def releaseLock(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.controller.fail_waiting(type_error(RELEASED))
            stream.lock(None)


class ReadableStreamDefaultReader(_Reader):
    """Reads chunk by chunk."""

    def read(self) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(RELEASED))
        return settled(self._stream.take())


class ReadableStreamBYOBReader(_Reader):
    """Reads bytes into memory of the program's own, which the program's arrays lose."""

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        if not stream.controller.reads_into_memory:
            self.releaseLock()
            raise type_error("This ReadableStream does not support BYOB reads.")

    @js_function
    def read(self, view: Any = None, options: Any = None) -> JsPromise:
        minimum = member(options, "min")
        return self._read(view, 1 if minimum is None else int(minimum), "read")

    def readAtLeast(self, minimum: Any = 1, view: Any = None) -> JsPromise:
        return self._read(view, int(minimum), "readAtLeast")

    def _read(self, view: Any, minimum: int, method: str) -> JsPromise:
        if not isinstance(view, TypedArray | DataView):
            return rejected(not_of_type("ReadableStreamBYOBReader", 1, "ArrayBufferView", method))
        if self._stream is None:
            return rejected(type_error(RELEASED))
        if not view.byteLength:
            return rejected(
                type_error('You must call read() on a "byob" reader with a positive-sized TypedArray object.')
            )
        if minimum < 1:
            return rejected(type_error(f"Requested invalid minimum number of bytes to read ({minimum})."))
        size = view.BYTES_PER_ELEMENT if isinstance(view, TypedArray) else 1
        if minimum * size > view.byteLength:
            error: Any = JsRangeError.new if method == "read" else type_error
            return rejected(error(f"Minimum bytes to read ({minimum}) exceeds size of buffer ({view.byteLength})."))
        return settled(self._stream.take(view.moved(), minimum * size))


def settled(outcome: Any) -> JsPromise:
    """The promise of what `take` of a controller gave."""
    if isinstance(outcome, asyncio.Future):
        return promise_of(outcome)
    return rejected(outcome) if isinstance(outcome, BaseException) else JsPromise.resolved(outcome)
