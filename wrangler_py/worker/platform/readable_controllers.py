"""The controllers of readable streams: the queues between an underlying source and the readers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from wrangler_py.worker.platform.borrowed import DestroyedProxy, kept
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.data_views import DataView
from wrangler_py.worker.platform.not_emulated import Lacking
from wrangler_py.worker.platform.stream_controller import Controller
from wrangler_py.worker.platform.stream_sources import (
    Callback,
    Strategy,
    fail,
    fulfil,
    new_future,
    read_result,
    type_error,
)
from wrangler_py.worker.platform.typed_arrays import TypedArray, Uint8Array, uint8_array
from wrangler_py.worker.platform.values import JsProxy, JsRangeError, jsnull


class ReadableStreamDefaultController(Controller):
    """Of a stream of any values."""

    illegal_constructor = True

    def __init__(self, pull: Callback | None, cancel: Callback | None, strategy: Strategy) -> None:
        super().__init__(pull, cancel, strategy.high_water_mark)
        self._strategy = strategy
        self._queue: deque[tuple[Any, float]] = deque()
        self._reads: deque[asyncio.Future[Any]] = deque()

    def enqueue(self, chunk: Any = None) -> None:
        self.add(kept(chunk))

    def add(self, chunk: Any) -> None:
        """`enqueue` for code of this platform, which borrows nothing."""
        if self._state != "readable" or self._closing:
            raise type_error("Unable to enqueue")
        if self._reads and isinstance(chunk, DestroyedProxy):
            self._reads.popleft().set_exception(chunk.error())
        elif self._reads:
            fulfil(self._reads.popleft(), read_result(chunk, False))
        else:
            try:
                size = self._strategy.size_of(chunk)
            except Exception as error:
                self._fail(error)
                return
            self._queue.append((chunk, size))
            self._total += size
        self.pull_if_needed()

    def take(self) -> Any:
        """The next read's result, a future of it, or an exception."""
        if self._queue:
            chunk, size = self._queue.popleft()
            self._total -= size
            if self._closing and not self._queue:
                self._finish()
            else:
                self.pull_if_needed()
            return chunk.error() if isinstance(chunk, DestroyedProxy) else read_result(chunk, False)
        if self._error is not None:
            return self._error
        if self._state == "closed":
            return read_result(None, True)
        future = new_future()
        self._reads.append(future)
        self.pull_if_needed()
        return future

    def _queued(self) -> bool:
        return bool(self._queue)

    def _waiting(self) -> int:
        return len(self._reads)

    def _drop(self) -> None:
        self._queue.clear()
        self._total = 0

    def _end_waiting(self) -> None:
        while self._reads:
            fulfil(self._reads.popleft(), read_result(None, True))

    def _fail_waiting(self, error: BaseException) -> None:
        while self._reads:
            fail(self._reads.popleft(), error)


class _ByteRead:
    """A read that waits for bytes: into memory of the reader's, or into new memory."""

    __slots__ = ("filled", "future", "minimum", "view")

    def __init__(self, future: asyncio.Future[Any], view: TypedArray | DataView | None, minimum: int) -> None:
        self.future, self.view, self.minimum, self.filled = future, view, minimum, 0


class ReadableByteStreamController(Controller):
    """Of a stream of bytes."""

    illegal_constructor = True

    def __init__(
        self, pull: Callback | None, cancel: Callback | None, high_water_mark: float, allocate: int | None = None
    ) -> None:
        super().__init__(pull, cancel, high_water_mark)
        self._allocate = allocate
        self._queue: deque[memoryview] = deque()
        self._reads: deque[_ByteRead] = deque()
        self._request: ReadableStreamBYOBRequest | None = None
        self._one_read = False

    def read_one_at_a_time(self) -> None:
        """Refuse a read while another one waits, as the streams of the platform itself do."""
        self._one_read = True

    @property
    def reads_into_memory(self) -> bool:
        return True

    @property
    def byobRequest(self) -> Any:
        if self._request is None and self._reads and not self._queue:
            read = self._reads[0]
            if read.view is None and self._allocate is not None:
                read.view = uint8_array(bytearray(self._allocate))
            if read.view is not None:
                rest = uint8_array(read.view.memory()[read.filled :])
                self._request = ReadableStreamBYOBRequest._of(self, rest)
        return jsnull if self._request is None else self._request

    def enqueue(self, chunk: Any = None) -> None:
        if not isinstance(chunk, JsBuffer):
            raise type_error(
                "Failed to execute 'enqueue' on 'ReadableByteStreamController': "
                "parameter 1 is not of type 'BufferSource'."
            )
        if not chunk.byteLength:
            raise type_error("Cannot enqueue a zero-length ArrayBuffer.")
        if self._state != "readable" or self._closing:
            raise type_error("This ReadableByteStreamController is closed.")
        self.enqueue_bytes(chunk.to_bytes())

    add = enqueue
    """For code of this platform, as with the other controller."""

    def enqueue_bytes(self, data: bytes) -> None:
        """Bytes from a source of this platform's."""
        self._invalidate()
        self._queue.append(memoryview(data))
        self._total += len(data)
        self._serve()
        self.pull_if_needed()

    def take(self, view: TypedArray | DataView | None = None, minimum: int = 1) -> Any:
        """The next read's result, a future of it, or an exception."""
        if self._error is not None:
            return self._error
        if self._state == "closed":
            return read_result(None if view is None else _part(view, 0), True)
        if self._one_read and self._reads:
            return type_error("This ReadableStream only supports a single pending read request at a time.")
        future = new_future()
        self._reads.append(_ByteRead(future, view, minimum))
        self._serve()
        if not future.done():
            self.pull_if_needed()
        return future

    def _serve(self) -> None:
        """Give waiting reads what is queued."""
        while self._reads and self._queue:
            read = self._reads[0]
            if read.view is None or (self._allocate is not None and read.view is not None and not read.filled):
                self._reads.popleft()
                fulfil(read.future, read_result(uint8_array(self._take_all()), False))
                continue
            self._fill(read)
            if read.filled < read.minimum and not (self._closing and not self._queue):
                break
            self._reads.popleft()
            fulfil(read.future, read_result(_part(read.view, read.filled), False))
        self._close_if_drained()

    def _take_all(self) -> bytearray:
        joined = bytearray(b"".join(self._queue))
        self._queue.clear()
        self._total = 0
        return joined

    def _fill(self, read: _ByteRead) -> None:
        assert read.view is not None
        memory = read.view.memory()
        while self._queue and read.filled < len(memory):
            first = self._queue[0]
            count = min(len(first), len(memory) - read.filled)
            memory[read.filled : read.filled + count] = first[:count]
            read.filled += count
            self._total -= count
            if count == len(first):
                self._queue.popleft()
            else:
                self._queue[0] = first[count:]

    def responded(self, data: memoryview) -> None:
        """The source answered the reader's own request."""
        self._invalidate()
        self._queue.append(memoryview(bytes(data)))
        self._total += len(data)
        if self._allocate is not None and self._reads:
            self._reads[0].view = None
        self._serve()
        self.pull_if_needed()

    def _invalidate(self) -> None:
        if self._request is not None:
            self._request._controller = None
            self._request = None

    def _queued(self) -> bool:
        return bool(self._queue)

    def _waiting(self) -> int:
        return len(self._reads)

    def _drop(self) -> None:
        self._queue.clear()
        self._total = 0

    def _end_waiting(self) -> None:
        while self._reads:
            read = self._reads.popleft()
            if read.view is not None and read.filled:
                fulfil(read.future, read_result(_part(read.view, read.filled), False))
            else:
                fulfil(read.future, read_result(None if read.view is None else _part(read.view, 0), True))

    def _fail_waiting(self, error: BaseException) -> None:
        while self._reads:
            fail(self._reads.popleft().future, error)


class ReadableStreamBYOBRequest(JsProxy):
    """Memory of a reader's that the source may fill."""

    atLeast = Lacking()

    illegal_constructor = True

    _controller: ReadableByteStreamController | None
    _view: Uint8Array

    @classmethod
    def _of(cls, controller: ReadableByteStreamController, view: Uint8Array) -> ReadableStreamBYOBRequest:
        request = object.__new__(cls)
        request._controller, request._view = controller, view
        return request

    @property
    def view(self) -> Any:
        return jsnull if self._controller is None else self._view

    def respond(self, count: Any = 0) -> None:
        self._answer(self._view.memory()[: int(count)], int(count), "The bytesWritten must be more than zero")

    def respondWithNewView(self, view: Any = None) -> None:
        if not isinstance(view, JsBuffer):
            raise type_error(
                "Failed to execute 'respondWithNewView' on 'ReadableStreamBYOBRequest': "
                "parameter 1 is not of type 'Array'."
            )
        self._answer(view.memory(), view.byteLength, "The view byte length must be more than zero")

    def _answer(self, data: memoryview, count: int, empty: str) -> None:
        controller = self._controller
        if controller is None:
            raise type_error("This ReadableStreamBYOBRequest has been invalidated.")
        if count <= 0:
            if controller._closing or controller._state != "readable":
                controller._invalidate()
                return
            raise type_error(f"{empty} while the stream is open.")
        if count > self._view.byteLength:
            raise JsRangeError.new(f"Too many bytes [{count}] in response to a BYOB read request.")
        controller.responded(data)


def _part(view: TypedArray | DataView, filled: int) -> Any:
    """The part of a reader's memory that is filled, as the kind of array it is."""
    if isinstance(view, DataView):
        return DataView.new(view.buffer, view.byteOffset, filled)
    return view.subarray(0, filled // view.BYTES_PER_ELEMENT)
