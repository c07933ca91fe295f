"""Parts that readable and writable streams share: strategies, callbacks of sources and sinks, quiet promises."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from wrangler_py.worker.platform.arguments import is_object, not_of_type, whole_number, wrong_field
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.convert import kept_callback
from wrangler_py.worker.platform.numbers import to_number
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.values import JsProxy, JsTypeError, js_object, member

Callback = Callable[..., Any]


def callback(source: Any, name: str, of: str, *, kept: bool = True) -> Callback | None:
    """A method of an underlying source, sink or transformer; None if there is none."""
    function = member(source, name)
    if function is None:
        return None
    if not callable(function):
        raise wrong_field(name, of, "function")
    return kept_callback(function) if kept else function  # type: ignore[no-any-return]


def invoke(function: Callback | None, *args: Any) -> Awaitable[Any] | None:
    """Call a method; what is to be waited for, or None. Raises what the method raises at once."""
    if function is None:
        return None
    result = call(function, *args)
    return result if inspect.isawaitable(result) else None


def after(work: Awaitable[Any] | None, done: Callable[[], None], failed: Callable[[BaseException], None]) -> None:
    """Call `done` once the work is done, at once if there is none, or `failed` with its exception."""
    if work is None:
        done()
        return

    def settle(future: asyncio.Future[Any]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            done()
        else:
            failed(error)

    asyncio.ensure_future(work).add_done_callback(settle)


def new_future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    """Fail a future that may never be awaited: nothing is logged then."""
    if not future.done():
        future.set_exception(error)
        future.exception()


def fulfil(future: asyncio.Future[Any], value: Any = None) -> None:
    if not future.done():
        future.set_result(value)


def promise_of(future: asyncio.Future[Any]) -> JsPromise:
    """The promise of a future."""
    return JsPromise.run(future)


def rejected(error: BaseException) -> JsPromise:
    return JsPromise.rejected(error)


def type_error(message: str) -> Exception:
    error: Exception = JsTypeError.new(message)
    return error


def read_result(value: Any, done: bool) -> Any:
    return js_object({"value": value, "done": done})


class Strategy:
    """How much a queue holds."""

    __slots__ = ("high_water_mark", "size")

    def __init__(self, options: Any, default: float) -> None:
        mark = member(options, "highWaterMark")
        self.high_water_mark: float = default if mark is None else whole_number(mark)
        size = member(options, "size")
        self.size: Callback | None = None if size is None else kept_callback(size)

    def size_of(self, chunk: Any) -> float:
        return 1 if self.size is None else float(call(self.size, chunk))


def number(value: float) -> float | int:
    """A size as JavaScript shows it."""
    return int(value) if value == int(value) else value


class CountQueuingStrategy(JsProxy):
    """Counts chunks."""

    def __init__(self, init: Any = None) -> None:
        self.highWaterMark = _mark_of(init, "CountQueuingStrategy")

    @property
    def size(self) -> Callback:
        return _count


class ByteLengthQueuingStrategy(JsProxy):
    """Counts bytes."""

    def __init__(self, init: Any = None) -> None:
        self.highWaterMark = _mark_of(init, "ByteLengthQueuingStrategy")

    @property
    def size(self) -> Callback:
        return _length


def _mark_of(init: Any, of: str) -> float | int:
    if not is_object(init):
        raise not_of_type(of, 1, "QueuingStrategyInit")
    return to_number(member(init, "highWaterMark"))


def _count(_chunk: Any = None) -> int:
    return 1


def _length(chunk: Any = None) -> Any:
    return chunk.byteLength if isinstance(chunk, JsBuffer) else None
