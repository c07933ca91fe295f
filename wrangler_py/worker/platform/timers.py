"""Timers, microtasks and `scheduler`."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.aborting import AbortSignal
from wrangler_py.worker.platform.arguments import MISSING, not_of_type, options_argument
from wrangler_py.worker.platform.borrowed import kept, readable
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.conversions import js_typeof
from wrangler_py.worker.platform.convert import kept_callback
from wrangler_py.worker.platform.global_scope import invocation_in_request
from wrangler_py.worker.platform.numbers import to_integer
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.values import (
    JsException,
    JsProxy,
    JsTypeError,
    js_function,
    js_string,
    jsnull,
    member,
)

_LONGEST_MS: Final = 2**31 - 1
_ids = itertools.count(1)
_running: dict[int, asyncio.Handle] = {}
_tasks: set[asyncio.Future[Any]] = set()
"""Tasks of asynchronous callbacks: the loop itself keeps no task alive."""


class Timeout(JsProxy):
    """What `setTimeout` and `setInterval` return where the timers are those of Node.js."""

    illegal_constructor = True

    _number: int

    @classmethod
    def of(cls, number: int) -> Timeout:
        """The object for a timer."""
        timeout = object.__new__(cls)
        timeout._number = number
        return timeout

    def ref(self) -> Timeout:
        return self

    unref = ref

    def hasRef(self) -> bool:
        return True

    def close(self) -> Timeout:
        _forget(self._number)
        return self

    def valueOf(self) -> int:
        return self._number

    def toString(self) -> str:
        return "[object Object]"


class Immediate(Timeout):
    """What `setImmediate` returns."""


def _shown(timer: int) -> Any:
    return Timeout.of(timer) if settings.has_node_timers else timer


def _forget(timer: Any) -> None:
    handle = _running.pop(timer, None) if isinstance(timer, int) else None
    if handle is not None:
        handle.cancel()


def _checked(callback: Any, name: str) -> Callable[..., Any]:
    invocation_in_request()
    if not callable(callback) and settings.has_node_timers:
        raise JsTypeError.new(f'The "callback" argument must be of type function. Received {_received(callback)}')
    if not callable(callback):
        raise not_callable(name)
    return kept_callback(callback)  # type: ignore[no-any-return]


def _received(value: Any) -> str:
    """A value in an error of Node.js."""
    if value is None or value is jsnull:
        return js_string(value)
    if isinstance(value, str):
        return f"type string ('{value}')"
    if isinstance(value, bool | int | float):
        return f"type {js_typeof(value)} ({js_string(value)})"
    return f"an instance of {value.constructor.name if isinstance(value, JsProxy) else 'Object'}"


def _passed(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments for a callback, which is called after the call that they came with."""
    return tuple(map(kept, args))


def not_callable(name: str) -> Exception:
    return not_of_type("ServiceWorkerGlobalScope", 1, "function", name)


def _run(callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
    result = callback(*map(readable, args)) if args else call(callback)
    if inspect.isawaitable(result):
        task = asyncio.ensure_future(result)
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


def _delay(milliseconds: Any) -> float:
    """Seconds for what JavaScript makes a number of; 0 for what is none."""
    return max(0, min(to_integer(milliseconds), _LONGEST_MS)) / 1000


def setTimeout(callback: Any = None, delay: Any = 0, *args: Any) -> Any:
    called, passed = _checked(callback, "setTimeout"), _passed(args)
    timer = next(_ids)

    def fire() -> None:
        _running.pop(timer, None)
        _run(called, passed)

    _running[timer] = asyncio.get_running_loop().call_later(_delay(delay), fire)
    return _shown(timer)


def setInterval(callback: Any = None, delay: Any = 0, *args: Any) -> Any:
    called, passed = _checked(callback, "setInterval"), _passed(args)
    timer = next(_ids)
    loop = asyncio.get_running_loop()
    # As V8 does: no interval is shorter than a millisecond.
    pause = max(0.001, _delay(delay))

    def fire() -> None:
        _running[timer] = loop.call_later(pause, fire)
        _run(called, passed)

    _running[timer] = loop.call_later(pause, fire)
    return _shown(timer)


def setImmediate(callback: Any = None, *args: Any) -> Immediate:
    """Call back once what runs now is done. There is one with `nodejs_compat` only."""
    called, passed = _checked(callback, "setImmediate"), _passed(args)
    timer = next(_ids)

    def fire() -> None:
        _running.pop(timer, None)
        _run(called, passed)

    _running[timer] = asyncio.get_running_loop().call_soon(fire)
    made: Any = Immediate.of(timer)
    return made  # type: ignore[no-any-return]


def clearImmediate(immediate: Any = None) -> None:
    if isinstance(immediate, Immediate):
        immediate.close()


def clearTimeout(timer: Any = MISSING) -> None:
    _clear(timer, "clearTimeout")


def clearInterval(timer: Any = MISSING) -> None:
    _clear(timer, "clearInterval")


def _clear(timer: Any, method: str) -> None:
    if timer is MISSING and not settings.has_node_timers:
        raise not_of_type("ServiceWorkerGlobalScope", 1, "Number", method)
    _forget(timer.valueOf() if isinstance(timer, Timeout) else timer)


def queueMicrotask(callback: Any = None) -> None:
    if not callable(callback):
        raise not_callable("queueMicrotask")
    asyncio.get_running_loop().call_soon(_run, kept_callback(callback), ())


class Scheduler(JsProxy):
    """`scheduler`."""

    @js_function
    def wait(self, delay: Any = MISSING, options: Any = None) -> JsPromise:
        if delay is MISSING:
            raise not_of_type("Scheduler", 1, "number", "wait")
        signal = member(options_argument(options, "Scheduler", 2, "WaitOptions", "wait"), "signal")

        async def wait() -> None:
            if not isinstance(signal, AbortSignal):
                await asyncio.sleep(_delay(delay))
                return
            aborted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            forget = signal.follow(aborted.set_result)
            try:
                if not signal.aborted:
                    await asyncio.wait([aborted], timeout=_delay(delay))
            finally:
                forget()
            if signal.aborted:
                reason = signal.reason
                raise reason if isinstance(reason, JsException) else JsException.new(reason)

        return JsPromise.run(wait())


scheduler = Scheduler.new()
