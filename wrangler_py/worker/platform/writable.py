"""`WritableStream`, its writer and controller."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from wrangler_py.worker.platform.arguments import not_of_type, options_argument
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.promise import JsPromise, as_exception
from wrangler_py.worker.platform.stream_sources import (
    Callback,
    Strategy,
    after,
    callback,
    fail,
    fulfil,
    invoke,
    new_future,
    number,
    promise_of,
    rejected,
    type_error,
)
from wrangler_py.worker.platform.typed_arrays import uint8_array
from wrangler_py.worker.platform.values import JsProxy, jsnull

_RELEASED = "This WritableStream writer has been released."
_LOCKED = "This WritableStream is currently locked to a writer."
_CLOSED = "This WritableStream has been closed."
NOT_BYTES = (
    "This TransformStream is being used as a byte stream, but received an object of "
    "non-ArrayBuffer/ArrayBufferView type on its writable side."
)


class WritableStream(JsProxy):
    """Takes chunks, one after the other."""

    _writer: WritableStreamDefaultWriter | None

    def __init__(self, sink: Any = None, strategy: Any = None) -> None:
        sink = options_argument(sink, "WritableStream", 1, "UnderlyingSink")
        of = "UnderlyingSink"
        begin = callback(sink, "start", of, kept=False)
        write, close, abort = (callback(sink, name, of) for name in ("write", "close", "abort"))
        self._writer = None
        self.controller = make_controller(write, close, abort, Strategy(strategy, 1))
        self.controller.start(begin)

    @property
    def locked(self) -> bool:
        return self._writer is not None

    def getWriter(self) -> WritableStreamDefaultWriter:
        writer: WritableStreamDefaultWriter = WritableStreamDefaultWriter.new(self)
        return writer

    def lock(self, writer: WritableStreamDefaultWriter | None) -> None:
        """Let only this writer write from now on; anybody with None."""
        self._writer = writer

    def close(self) -> JsPromise:
        return rejected(type_error(_LOCKED)) if self.locked else self.controller.add_close()

    def abort(self, reason: Any = None) -> JsPromise:
        return rejected(type_error(_LOCKED)) if self.locked else self.controller.abort(reason)


class WritableStreamDefaultWriter(JsProxy):
    """Writes to a stream that it has locked."""

    _stream: WritableStream | None

    def __init__(self, stream: Any = None) -> None:
        if not isinstance(stream, WritableStream):
            raise not_of_type("WritableStreamDefaultWriter", 1, "WritableStream")
        if stream.locked:
            raise type_error(_LOCKED)
        self._stream = stream
        stream.lock(self)

    @property
    def desiredSize(self) -> Any:
        if self._stream is None:
            raise type_error(_RELEASED)
        return self._stream.controller.desired_size()

    @property
    def ready(self) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(_RELEASED))
        return self._stream.controller.ready()

    @property
    def closed(self) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(_RELEASED))
        return promise_of(self._stream.controller.closed())

    def write(self, chunk: Any = None) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(_RELEASED))
        return self._stream.controller.add(chunk)

    def close(self) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(_RELEASED))
        return self._stream.controller.add_close()

    def abort(self, reason: Any = None) -> JsPromise:
        if self._stream is None:
            return rejected(type_error(_RELEASED))
        return self._stream.controller.abort(reason)

    def releaseLock(self) -> None:
        if self._stream is not None:
            self._stream.lock(None)
            self._stream = None


_CLOSE: Any = object()


class WritableStreamDefaultController(JsProxy):
    """The queue between a stream's writers and its sink."""

    illegal_constructor = True

    def __init__(
        self,
        write: Callback | None,
        close: Callback | None,
        abort: Callback | None,
        strategy: Strategy,
        of_bytes: bool = False,
    ) -> None:
        from wrangler_py.worker.platform.aborting import make_signal

        self._write, self._close, self._abort, self._strategy = write, close, abort, strategy
        self._of_bytes = of_bytes
        self._state = "writable"
        self._error: BaseException | None = None
        self._queue: deque[tuple[Any, float, asyncio.Future[Any]]] = deque()
        self._total = 0.0
        self._started = self._busy = False
        self._closed: asyncio.Future[Any] | None = None
        self._ready: asyncio.Future[Any] | None = None
        self.signal = make_signal()

    # For the sink.

    def error(self, reason: Any = None) -> None:
        self.fail(as_exception(reason))

    # For the stream and its writer.

    def start(self, begin: Callback | None) -> None:
        try:
            work = invoke(begin, self)
        except Exception as error:
            self.fail(error)
            return
        after(work, self._begin, self.fail)

    def _begin(self) -> None:
        self._started = True
        self._advance()

    def desired_size(self) -> Any:
        if self._state == "errored":
            return jsnull
        return 0 if self._state == "closed" else number(self._strategy.high_water_mark - self._total)

    @property
    def _full(self) -> bool:
        return self._total >= self._strategy.high_water_mark

    def ready(self) -> JsPromise:
        if self._error is not None:
            return rejected(self._error)
        if not self._full or self._state != "writable":
            return JsPromise.resolved(None)
        if self._ready is None:
            self._ready = new_future()
        return promise_of(self._ready)

    def closed(self) -> asyncio.Future[Any]:
        if self._closed is None:
            self._closed = new_future()
            if self._state == "closed":
                fulfil(self._closed)
            elif self._error is not None:
                fail(self._closed, self._error)
        return self._closed

    def add(self, chunk: Any) -> JsPromise:
        if self._error is not None:
            return rejected(self._error)
        if self._state != "writable":
            return rejected(type_error(_CLOSED))
        if self._of_bytes and not isinstance(chunk, JsBuffer):
            if not isinstance(chunk, str):
                return rejected(type_error(NOT_BYTES))
            chunk = uint8_array(bytearray(chunk.encode()))
        try:
            size = self._strategy.size_of(chunk)
        except Exception as error:
            self.fail(error)
            return rejected(error)
        future = new_future()
        self._queue.append((chunk, size, future))
        self._total += size
        self._advance()
        return _outcome(future)

    def add_close(self) -> JsPromise:
        if self._error is not None:
            return rejected(self._error)
        if self._state != "writable":
            return rejected(type_error(_CLOSED))
        self._state = "closing"
        future = new_future()
        self._queue.append((_CLOSE, 0, future))
        if self._ready is not None:
            fulfil(self._ready)
        self._advance()
        return _outcome(future)

    def abort(self, reason: Any) -> JsPromise:
        if self._state in {"closed", "errored"}:
            return JsPromise.resolved(None)
        abort = self._abort
        self.signal._abort(reason)
        self.fail(as_exception(reason))
        try:
            work = invoke(abort, reason)
        except Exception as error:
            return rejected(error)
        if work is None:
            return JsPromise.resolved(None)

        async def aborted() -> None:
            await work

        return JsPromise.run(aborted())

    def fail(self, error: BaseException) -> None:
        """End with an error. Writes that wait get it, too."""
        if self._state in {"closed", "errored"}:
            return
        self._state, self._error = "errored", error
        for _, _, future in self._queue:
            fail(future, error)
        self._queue.clear()
        self._total = 0
        self._write = self._close = self._abort = None
        for waiting in (self._closed, self._ready):
            if waiting is not None:
                fail(waiting, error)

    def _advance(self) -> None:
        if self._queue and self._started and not self._busy and self._error is None:
            chunk, size, future = self._queue[0]
            self._busy = True
            try:
                work = invoke(self._close) if chunk is _CLOSE else invoke(self._write, chunk, self)
            except Exception as error:
                self._busy = False
                self._queue.popleft()
                fail(future, error)
                self.fail(error)
                return

            def done(chunk: Any = chunk, size: float = size, future: asyncio.Future[Any] = future) -> None:
                self._written(chunk, size, future)
                self._advance()

            def failed(error: BaseException, future: asyncio.Future[Any] = future) -> None:
                self._busy = False
                fail(future, error)
                self.fail(error)

            if work is None:
                # The writer goes on first, as it does where this is a promise.
                asyncio.get_running_loop().call_soon(done)
            else:
                after(work, done, failed)

    def _written(self, chunk: Any, size: float, future: asyncio.Future[Any]) -> None:
        self._busy = False
        fulfil(future)
        if self._error is not None:
            return
        if self._queue:
            self._queue.popleft()
        self._total -= size
        if chunk is _CLOSE:
            self._state = "closed"
            if self._closed is not None:
                fulfil(self._closed)
        elif self._ready is not None and not self._full:
            fulfil(self._ready)
            self._ready = None


def _outcome(future: asyncio.Future[Any]) -> JsPromise:
    """The promise of a write. Nothing is logged if the program doesn't wait for it: the stream keeps the error."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return promise_of(future)


def make_controller(
    write: Callback | None,
    close: Callback | None,
    abort: Callback | None,
    strategy: Strategy,
    of_bytes: bool = False,
) -> WritableStreamDefaultController:
    controller = object.__new__(WritableStreamDefaultController)
    controller.__init__(write, close, abort, strategy, of_bytes)  # type: ignore[misc]
    return controller


def writable_of(
    write: Callback,
    close: Callback | None = None,
    abort: Callback | None = None,
    high_water_mark: float = 1,
    *,
    of_bytes: bool = False,
) -> WritableStream:
    """A stream into this platform's own sink. One of bytes refuses other chunks and goes on."""
    stream = object.__new__(WritableStream)
    stream._writer = None
    stream.controller = make_controller(write, close, abort, Strategy(None, high_water_mark), of_bytes)
    stream.controller.start(None)
    return stream
