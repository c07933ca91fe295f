"""Promises."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import traceback
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any

from wrangler_py.worker.platform.arrays import JsArray, items_of, js_array
from wrangler_py.worker.platform.borrowed import AFTER_CALL, AFTER_ITERATION, holding, is_python, kept, readable
from wrangler_py.worker.platform.callbacks import call, callback, described, iterable, iterate
from wrangler_py.worker.platform.convert import unwrap
from wrangler_py.worker.platform.values import (
    JsException,
    JsObject,
    JsProxy,
    JsTypeError,
    js_object,
    js_string,
    member,
)


class AggregateError(JsException):
    """Several errors in one."""

    js_name = "AggregateError"

    def __init__(self, errors: Any = None, message: Any = None, options: Any = None) -> None:
        super().__init__(message, options)
        self.errors = js_array(list(iterate(errors)))


AggregateError.__module__ = "pyodide.ffi"
AggregateError.__name__ = AggregateError.__qualname__ = "JsException"  # Python sees one class of errors


def _of_each(method: Callable[[Any, list[JsPromise]], JsPromise]) -> Any:
    """A class method that gets a promise for each value that JavaScript iterates over."""

    @functools.wraps(method)
    def combine(cls: Any, values: Any = None) -> JsPromise:
        try:
            promises = _each(iterable(values))
        except JsException as error:
            return JsPromise.rejected(error)
        return method(cls, promises)

    return classmethod(combine)


class JsPromise(JsProxy):
    """A Promise. Python awaits it as often as it likes; its work goes on by itself.

    A promise that is settled from the start (`resolved`, `rejected`) needs no event loop.
    """

    js_name = "Promise"
    __hash__ = object.__hash__  # type: ignore[assignment]
    __slots__ = ("__dict__", "_error", "_future", "_value")

    _future: asyncio.Future[Any] | None
    _value: Any
    _error: BaseException | None
    _from_new = False
    """Whether `Promise.new` made it. Pyodide gives Python a future of every other promise."""

    def __init__(self, executor: Any = None) -> None:
        if not callable(executor):
            raise JsTypeError.new(f"Promise resolver {js_string(executor)} is not a function")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._future, self._value, self._error = future, None, None
        self._from_new = True

        def resolve(value: Any = None) -> None:
            if future.done():
                return
            if is_python(value):
                if inspect.iscoroutine(value):
                    value.close()
                future.set_exception(JsException.new(AFTER_CALL))
            elif inspect.isawaitable(unwrap(value)):
                _follow(value, future)
            else:
                future.set_result(value)

        def reject(reason: Any = None) -> None:
            if not future.done():
                future.set_exception(as_exception(reason))

        try:
            executor(resolve, reject)
        except Exception as error:
            reject(python_error(error))

    @classmethod
    def run(cls, work: Awaitable[Any]) -> JsPromise:
        """The promise of work that starts at once."""
        promise = object.__new__(JsPromise)
        promise._future, promise._value, promise._error = asyncio.ensure_future(work), None, None
        return promise

    @classmethod
    def resolved(cls, value: Any = None) -> JsPromise:
        promise = object.__new__(JsPromise)
        promise._future, promise._value, promise._error = None, value, None
        return promise

    @classmethod
    def rejected(cls, error: BaseException) -> JsPromise:
        promise = object.__new__(JsPromise)
        promise._future, promise._value, promise._error = None, None, error
        return promise

    @classmethod
    def resolve(cls, value: Any = None) -> JsPromise:
        """JavaScript's `Promise.resolve`."""
        if isinstance(value, JsPromise):
            return value
        if isinstance(value, JsObject) and callable(member(value, "then")):
            made: JsPromise = cls.new(value.then)
            return made
        return cls.run(_as_javascript(value)) if inspect.isawaitable(unwrap(value)) else cls.resolved(value)

    @classmethod
    def reject(cls, reason: Any = None) -> JsPromise:
        return cls.rejected(as_exception(reason))

    @_of_each
    def all(cls, promises: list[JsPromise]) -> JsPromise:
        async def gather() -> Any:
            values = await asyncio.gather(*(promise.future() for promise in promises))
            return js_array(holding(list(values)))

        return cls.run(gather())

    @_of_each
    def allSettled(cls, promises: list[JsPromise]) -> JsPromise:
        async def outcome(promise: JsPromise) -> Any:
            try:
                return js_object({"status": "fulfilled", "value": await promise})
            except Exception as error:
                return js_object({"status": "rejected", "reason": reason_of(error)})

        async def gather() -> Any:
            return js_array([await outcome(promise) for promise in promises])

        return cls.run(gather())

    @_of_each
    def race(cls, promises: list[JsPromise]) -> JsPromise:
        async def first() -> Any:
            futures = _competing(promises)
            if not futures:
                await asyncio.get_running_loop().create_future()  # nothing ever settles it
            done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            return readable(next(future for future in futures if future in done).result())

        return cls.run(first())

    @_of_each
    def any(cls, promises: list[JsPromise]) -> JsPromise:
        async def first() -> Any:
            futures = _competing(promises)
            for next_done in asyncio.as_completed(futures):
                with contextlib.suppress(Exception):
                    return await next_done
            errors = [reason_of(error) for future in futures if (error := future.exception()) is not None]
            raise AggregateError.new(js_array(errors), "All promises were rejected")

        return cls.run(first())

    @classmethod
    def try_(cls, function: Any = None, *args: Any) -> JsPromise:
        """JavaScript's `Promise.try`."""
        if not callable(function):
            return cls.rejected(JsTypeError.new(f"{described(function)} is not a function"))
        try:
            return cls.resolve(function(*args))
        except Exception as error:
            return cls.rejected(python_error(error))

    @classmethod
    def withResolvers(cls) -> Any:
        parts: dict[str, Any] = {}
        parts["promise"] = cls.new(lambda resolve, reject: parts.update(resolve=resolve, reject=reject))
        return js_object(parts)

    def future(self) -> asyncio.Future[Any]:
        """A future of the running loop with the promise's outcome."""
        if self._future is None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            if self._error is not None:
                future.set_exception(self._error)
            else:
                future.set_result(self._value)
            self._future = future
        return self._future

    def __await__(self) -> Generator[Any, None, Any]:
        if self._future is None:
            if self._error is not None:
                raise self._error
            return self._value
        # Whoever gives up waiting does not end the work.
        return (yield from asyncio.shield(self._future).__await__())

    def then(self, on_fulfilled: Any = None, on_rejected: Any = None) -> JsPromise:
        async def chain() -> Any:
            try:
                value = await self
            except Exception as error:
                if not callable(on_rejected):
                    raise
                value = on_rejected(reason_of(error))
            else:
                if callable(on_fulfilled):
                    value = on_fulfilled(value)
            while inspect.isawaitable(value):
                value = await value
            return value

        return JsPromise.run(chain())

    def catch(self, on_rejected: Any = None) -> JsPromise:
        return self.then(None, on_rejected)

    def finally_(self, on_finally: Any = None) -> JsPromise:
        async def chain() -> Any:
            try:
                return await self
            finally:
                value = on_finally() if callable(on_finally) else None
                if inspect.isawaitable(value):
                    await value

        return JsPromise.run(chain())


def _each(values: Iterable[Any]) -> list[JsPromise]:
    """A promise for each value.

    Pyodide destroys the proxies of a list's values once it has iterated, before an awaitable settles. It does not
    keep track of an iterator's.
    """
    if isinstance(values, JsProxy | Iterator):
        return [JsPromise.resolve(value) for value in values]
    return [
        JsPromise.run(_destroyed()) if _is_future(value) else JsPromise.resolve(kept(value, AFTER_ITERATION))
        for value in values
    ]


def _competing(promises: Iterable[JsPromise]) -> list[asyncio.Future[Any]]:
    """Their futures, of which one may fail and nobody asks: asyncio would log its exception."""
    futures = [promise.future() for promise in promises]
    for future in futures:
        future.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return futures


async def _destroyed() -> None:
    raise JsException.new(AFTER_ITERATION)


def _is_future(value: Any) -> bool:
    """Whether a value is one of Python's awaitables in Pyodide."""
    return not value._from_new if isinstance(value, JsPromise) else inspect.isawaitable(value)


async def _as_javascript(awaitable: Awaitable[Any]) -> Any:
    """The result of a Python awaitable for JavaScript, which sees exceptions as PythonErrors."""
    try:
        return await awaitable
    except Exception as error:
        raise python_error(error) from error


def _follow(awaitable: Awaitable[Any], future: asyncio.Future[Any]) -> None:
    def settle(done: asyncio.Future[Any]) -> None:
        if future.done():
            return
        if done.cancelled():
            future.cancel()
        elif (error := done.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    asyncio.ensure_future(awaitable).add_done_callback(settle)


def python_error(error: BaseException) -> BaseException:
    """The error that JavaScript gets for a Python exception. Python code that awaits the promise gets it, too."""
    made: Any = JsException.new("".join(traceback.format_exception(error)))
    made.name, made.type = "PythonError", type(error).__name__
    made.__cause__ = error
    return made  # type: ignore[no-any-return]


def as_exception(reason: Any) -> BaseException:
    """An exception for a reason: a value that a promise is rejected with, or that is thrown."""
    if isinstance(reason, BaseException):
        return reason
    error: Any = JsException.new(js_string(reason))
    error.name, error.thrown = "", reason
    return error  # type: ignore[no-any-return]


def reason_of(error: BaseException) -> Any:
    """The value that was thrown in JavaScript, which need not be an error."""
    return vars(error).get("thrown", error)


async def _collected(source: Any, function: Any) -> JsArray:
    if hasattr(source, "__aiter__"):
        items = [item async for item in source]
    else:
        items = [await JsPromise.resolve(item) for item in items_of(source)]
    if function is None:
        return js_array(items)
    called = callback(function)
    return js_array([await JsPromise.resolve(call(called, item, index)) for index, item in enumerate(items)])


def _array_from_async(source: Any = None, function: Any = None) -> JsPromise:
    """JavaScript's `Array.fromAsync`. It is here because promises are made of arrays."""
    return JsPromise.run(_collected(source, function))


JsArray.fromAsync = staticmethod(_array_from_async)  # type: ignore[attr-defined]
