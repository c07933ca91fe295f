"""The functions and small objects of the JavaScript global scope."""

from __future__ import annotations

import asyncio
import base64
import inspect
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wrangler_py.worker.sdk.js._values import JsProxy
from wrangler_py.worker.sdk.workers._current import current_invocation


class Console(JsProxy):
    """`console`: prints, `warn` and `error` to standard error."""

    def log(self, *values: Any) -> None:
        print(*values, flush=True)

    info = debug = log

    def error(self, *values: Any) -> None:
        print(*values, file=sys.stderr, flush=True)

    warn = error


console = Console()


class Date(JsProxy):
    """A point in time, in ms since 1970."""

    def __init__(self, ms: float) -> None:
        self._ms = int(ms)

    @classmethod
    def new(cls, when: Any = None) -> Date:
        if when is None:
            return cls(time.time() * 1000)
        if isinstance(when, str):
            moment = datetime.fromisoformat(when)
            return cls((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        return cls(when)

    @staticmethod
    def now() -> int:
        return int(time.time() * 1000)

    def getTime(self) -> int:
        return self._ms

    valueOf = getTime

    def toISOString(self) -> str:
        moment = datetime.fromtimestamp(self._ms / 1000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{self._ms % 1000:03d}Z"

    __str__ = toISOString


class Performance(JsProxy):
    """`performance.now()`: ms since the Worker was loaded."""

    _started = time.perf_counter()

    def now(self) -> float:
        return (time.perf_counter() - self._started) * 1000


performance = Performance()


def atob(data: str) -> str:
    return base64.b64decode(data).decode("latin-1")


def btoa(data: str) -> str:
    return base64.b64encode(data.encode("latin-1")).decode()


def setTimeout(callback: Callable[..., Any], delay_ms: float = 0, *arguments: Any) -> asyncio.TimerHandle:
    """Call back later, if the request still runs then."""

    def fire() -> None:
        result = callback(*arguments)
        if inspect.isawaitable(result):
            current_invocation("setTimeout").wait_until(result)

    return asyncio.get_running_loop().call_later(delay_ms / 1000, fire)


def clearTimeout(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def queueMicrotask(callback: Callable[[], Any]) -> None:
    asyncio.get_running_loop().call_soon(callback)
