"""`pyodide.ffi`: conversions and proxies.

No language border has to be crossed here, so a proxy is what it stands for.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable
from typing import Any, TypeVar

from wrangler_py.worker.sdk.js._buffers import JsBuffer
from wrangler_py.worker.sdk.js._values import JsArray, JsException, JsMap, JsObject, JsProxy, to_js

_T = TypeVar("_T")

ConversionError = TypeError
jsnull = None

__all__ = [
    "ConversionError",
    "JsArray",
    "JsBuffer",
    "JsException",
    "JsMap",
    "JsObject",
    "JsProxy",
    "can_run_sync",
    "create_once_callable",
    "create_proxy",
    "destroy_proxies",
    "jsnull",
    "run_sync",
    "to_js",
]


class _Proxy:
    """A Python object handed to JavaScript: behaves as the object, and can be destroyed."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def destroy(self) -> None:
        """Nothing to release here."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._target(*arguments, **keywords)

    def __await__(self) -> Any:
        return self._target.__await__()

    def __repr__(self) -> str:
        return repr(self._target)


def create_proxy(obj: Any, /, *, capture_this: bool = False, roundtrip: bool = True) -> Any:
    """Give a Python object to JavaScript for longer than a call."""
    return _Proxy(obj)


def create_once_callable(obj: Any, /) -> Any:
    """A function that JavaScript may call once."""
    return _Proxy(obj)


def destroy_proxies(proxies: Any, /) -> None:
    """Release what `to_js` made. Nothing to do here."""


def can_run_sync() -> bool:
    """Whether `run_sync` works: it does."""
    return True


def run_sync(awaitable: Awaitable[_T], /) -> _T:
    """Wait for an awaitable in code that is not async. It runs on an event loop of its own meanwhile."""
    context = contextvars.copy_context()
    outcome: list[_T] = []
    failure: list[BaseException] = []

    async def wait() -> _T:
        return await awaitable

    def run() -> None:
        try:
            outcome.append(context.run(asyncio.run, wait()))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name=f"{threading.current_thread().name}-run-sync")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
