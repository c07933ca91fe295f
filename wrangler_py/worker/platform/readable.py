"""`ReadableStream`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from wrangler_py.worker.platform.arguments import is_iterable, is_object, not_of_type, options_argument, wrong_field
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.readable_controllers import (
    ReadableByteStreamController,
    ReadableStreamDefaultController,
)
from wrangler_py.worker.platform.readers import (
    LOCKED,
    ReadableStreamBYOBReader,
    ReadableStreamDefaultReader,
)
from wrangler_py.worker.platform.stream_controller import Controller
from wrangler_py.worker.platform.stream_sources import Strategy, callback, read_result, rejected, type_error
from wrangler_py.worker.platform.values import JsProxy, js_function, js_string, member


class ReadableStream(JsProxy):
    """Chunks that arrive over time."""

    __slots__ = ("__dict__", "_disturbed", "_reader", "controller", "expected_length")

    controller: Any
    """A Controller. Readers and streams of this package use it; programs get it in their source's methods."""
    expected_length: int | None
    """How many bytes it will give, if that is known."""
    _reader: Any
    _disturbed: bool

    def __init__(self, source: Any = None, strategy: Any = None) -> None:
        source = options_argument(source, "ReadableStream", 1, "UnderlyingSource")
        of = "UnderlyingSource"
        begin = callback(source, "start", of, kept=False)
        pull, cancel = callback(source, "pull", of), callback(source, "cancel", of)
        kind = member(source, "type")
        controller: Controller
        if kind is None or js_string(kind) == "":
            controller = _make(ReadableStreamDefaultController, pull, cancel, Strategy(strategy, 1))
        elif js_string(kind) == "bytes":
            allocate = member(source, "autoAllocateChunkSize")
            if allocate is not None and int(allocate) <= 0:
                raise type_error("The autoAllocateChunkSize option cannot be zero.")
            mark = Strategy(strategy, 0).high_water_mark
            size = None if allocate is None else int(allocate)
            controller = _make(ReadableByteStreamController, pull, cancel, mark, size)
        else:
            raise type_error(f'"{js_string(kind)}" is not a valid type of ReadableStream.')
        self.controller, self._reader, self._disturbed = controller, None, False
        self.expected_length = None
        controller.start(begin)

    @classmethod
    def from_(cls, source: Any = None) -> ReadableStream:
        """JavaScript's `ReadableStream.from`."""
        if not (isinstance(source, str) or hasattr(source, "__aiter__") or is_iterable(source)):
            raise not_of_type("ReadableStream", 1, "AsyncGenerator", "from")
        items = aiter(source) if hasattr(source, "__aiter__") else iter(source)

        async def pull(controller: Any) -> None:
            try:
                chunk = await anext(items) if hasattr(items, "__anext__") else next(items)
            except (StopAsyncIteration, StopIteration):
                controller.close()
            else:
                controller.add(await chunk if isinstance(chunk, Awaitable) else chunk)

        return stream_of(pull, None)

    @property
    def locked(self) -> bool:
        return self._reader is not None

    @property
    def disturbed(self) -> bool:
        """Whether it was read from or cancelled."""
        return self._disturbed

    def disturb(self) -> ReadableStream:
        """Count as read from now on."""
        self._disturbed = True
        return self

    def lock(self, reader: Any) -> None:
        """Let only this reader, or whatever else is given, read from now on; anybody with None."""
        self._reader = reader

    @js_function
    def getReader(self, options: Any = None) -> Any:
        mode = member(options_argument(options, "ReadableStream", 1, "GetReaderOptions", "getReader"), "mode")
        if mode is None:
            return ReadableStreamDefaultReader.new(self)
        if js_string(mode) != "byob":
            raise type_error("mode must be undefined or 'byob' in call to getReader().")
        return ReadableStreamBYOBReader.new(self)

    def cancel(self, reason: Any = None) -> JsPromise:
        return rejected(type_error(LOCKED)) if self.locked else self.cancel_now(reason)

    def cancel_now(self, reason: Any) -> JsPromise:
        """Cancel, locked or not."""
        self._disturbed = True
        if self.controller._state == "closed":
            return JsPromise.resolved(None)
        if self.controller._error is not None:
            return rejected(self.controller._error)
        try:
            work = self.controller.cancel(reason)
        except Exception as error:
            return rejected(error)
        if work is None:
            return JsPromise.resolved(None)

        async def cancelled() -> None:
            await work

        return JsPromise.run(cancelled())

    def detached(self) -> ReadableStream:
        """A stream that goes on where this one is. This one is locked, and counts as read."""
        other = object.__new__(ReadableStream)
        other.controller, other._reader, other._disturbed = self.controller, self._reader, False
        other.expected_length = self.expected_length
        self._reader, self._disturbed = other, True
        return other

    def take(self, *into: Any) -> Any:
        """The result of the controller's `take`, for the reader that has the lock."""
        self._disturbed = True
        return self.controller.take(*into)

    def tee(self) -> JsArray:
        if self.locked:
            raise type_error("This ReadableStream is currently locked to a reader,")
        return js_array(list(branches(self)))

    @js_function
    def pipeTo(self, target: Any = None, options: Any = None) -> JsPromise:
        from wrangler_py.worker.platform.piping import start_pipe
        from wrangler_py.worker.platform.writable import WritableStream

        if not isinstance(target, WritableStream):
            return rejected(not_of_type("ReadableStream", 1, "WritableStream", "pipeTo"))
        if self.locked:
            return rejected(type_error(LOCKED))
        if target.locked:
            return rejected(type_error("This WritableStream is currently locked to a writer"))
        return start_pipe(self, target, options)

    @js_function
    def pipeThrough(self, pair: Any = None, options: Any = None) -> Any:
        from wrangler_py.worker.platform.piping import start_pipe
        from wrangler_py.worker.platform.writable import WritableStream

        if not is_object(pair):
            raise not_of_type("ReadableStream", 1, "Transform", "pipeThrough")
        readable, writable = member(pair, "readable"), member(pair, "writable")
        if not isinstance(readable, ReadableStream):
            raise wrong_field("readable", "Transform", "ReadableStream")
        if not isinstance(writable, WritableStream):
            raise wrong_field("writable", "Transform", "WritableStream")
        if self.locked:
            raise type_error(LOCKED)
        if writable.locked:
            raise type_error("This WritableStream is currently locked to a writer.")
        start_pipe(self, writable, options).future().add_done_callback(lambda done: done.exception())
        return readable

    @js_function
    def values(self, options: Any = None) -> Any:
        return _Iterator.new(self, is_truthy(member(options, "preventCancel")))

    def __aiter__(self) -> AsyncIterator[Any]:
        iterator: _Iterator = _Iterator.new(self)
        return iterator


def _make(kind: Any, *args: Any) -> Any:
    controller = object.__new__(kind)
    controller.__init__(*args)
    return controller


class _Iterator(JsProxy):
    """An asynchronous iterator. As in Pyodide, a loop in Python that ends early leaves the stream locked."""

    js_name = "ReadableStreamAsyncIterator"

    def __init__(self, stream: Any = None, prevent_cancel: bool = False) -> None:
        self._reader = stream.getReader()
        self._prevent_cancel = prevent_cancel

    def __aiter__(self) -> _Iterator:
        return self

    async def __anext__(self) -> Any:
        result = await self.next()
        if result.done:
            raise StopAsyncIteration
        return result.value

    async def next(self, _value: Any = None) -> Any:
        try:
            result = await self._reader.read()
        except Exception:
            self._reader.releaseLock()
            raise
        if result.done:
            self._reader.releaseLock()
        return result

    def return_(self, value: Any = None) -> JsPromise:
        stream = self._reader._stream
        self._reader.releaseLock()
        if stream is not None and not self._prevent_cancel:
            stream.cancel_now(value)
        return JsPromise.resolved(read_result(value, True))


def stream_of(
    pull: Callable[[Any], Any] | None, cancel: Callable[[Any], Any] | None, high_water_mark: float = 0
) -> ReadableStream:
    """A stream of any values from this platform's own source."""
    strategy = Strategy(None, high_water_mark)
    return _bare(_make(ReadableStreamDefaultController, pull, cancel, strategy))


def byte_stream_of(
    pull: Callable[[Any], Any] | None, cancel: Callable[[Any], Any] | None, length: int | None = None
) -> ReadableStream:
    """A stream of bytes from this platform's own source, which is asked when somebody reads."""
    stream = _bare(_make(ReadableByteStreamController, pull, cancel, 0), length)
    stream.controller.read_one_at_a_time()
    return stream


def _bare(controller: Controller, length: int | None = None) -> ReadableStream:
    stream = object.__new__(ReadableStream)
    stream.controller, stream._reader, stream._disturbed = controller, None, False
    stream.expected_length = length
    controller.start(None)
    return stream


def stream_of_bytes(content: bytes) -> ReadableStream:
    """A stream of bytes that are at hand."""

    def pull(controller: ReadableByteStreamController) -> None:
        if content:
            controller.enqueue_bytes(content)
        controller.close()

    return byte_stream_of(pull, None, len(content))


def stream_of_chunks(
    chunks: AsyncIterator[bytes], cancel: Callable[[Any], Any] | None = None, length: int | None = None
) -> ReadableStream:
    """A stream of bytes that arrive."""

    async def pull(controller: ReadableByteStreamController) -> None:
        async for chunk in chunks:
            if chunk:
                if controller._state == "readable":
                    controller.enqueue_bytes(chunk)
                return
        if controller._state == "readable":
            controller.close()

    return byte_stream_of(pull, cancel, length)


def branches(stream: ReadableStream) -> tuple[ReadableStream, ReadableStream]:
    """The two streams of `tee`. Both get every chunk; what one has not read yet is kept for it."""
    of_bytes = isinstance(stream.controller, ReadableByteStreamController)
    reader = stream.disturb().getReader()
    made: list[ReadableStream] = []
    cancelled: dict[int, Any] = {}
    reading: list[Any] = []

    async def read() -> None:
        try:
            result = await reader.read()
        except Exception as error:
            for branch in made:
                branch.controller.error(error)
            return
        finally:
            reading.clear()
        for index, branch in enumerate(made):
            if index in cancelled or branch.controller._state != "readable":
                continue
            if result.done:
                branch.controller.close()
            elif of_bytes:
                branch.controller.enqueue_bytes(result.value.to_bytes())
            else:
                branch.controller.add(result.value)

    def pull(_controller: Any) -> Any:
        if not reading:
            reading.append(JsPromise.run(read()))
        return reading[0]

    def canceller(index: int) -> Callable[[Any], Any]:
        def cancel(reason: Any) -> Any:
            cancelled[index] = reason
            return reader.cancel(reason) if len(cancelled) == 2 else None  # on workerd the last reason alone

        return cancel

    for index in range(2):
        made.append(byte_stream_of(pull, canceller(index)) if of_bytes else stream_of(pull, canceller(index)))
    return made[0], made[1]


async def read_all(stream: ReadableStream) -> bytes:
    """All bytes of a stream. Raises TypeError for chunks that are none."""
    reader = stream.getReader()
    parts: list[bytes] = []
    while True:
        result = await reader.read()
        if result.done:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        if not isinstance(result.value, JsBuffer):
            error = type_error("This ReadableStream did not return bytes.")
            stream.cancel_now(error)
            raise error
        parts.append(result.value.to_bytes())


async def chunks_of(stream: ReadableStream) -> AsyncIterator[bytes]:
    """The bytes of a stream as they arrive. The stream is cancelled if the caller stops early."""
    chunks = stream.values()
    try:
        async for chunk in chunks:
            if not isinstance(chunk, JsBuffer):
                raise type_error("This ReadableStream did not return bytes.")
            yield chunk.to_bytes()
    finally:
        chunks.return_()
