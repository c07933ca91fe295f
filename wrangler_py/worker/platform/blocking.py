"""`run_sync`: waiting for an awaitable in code that is not async, while the event loop goes on."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from asyncio import tasks
from collections import deque
from collections.abc import Awaitable, Collection
from typing import Any, TypeVar

from wrangler_py.worker.platform.values import jsnull

_T = TypeVar("_T")

NO_SUSPENDER = (
    "Cannot stack switch because the Python entrypoint was a synchronous function. "
    "On the platform this code runs outside of a request as well"
)


class _Ready(deque[Any]):
    """The loop's queue of callbacks, until a turn of the loop has run within another one."""

    __slots__ = ()


class _SharedReady(_Ready):
    """The same queue, shared by turns that run within each other: the inner one may have emptied it."""

    __slots__ = ()

    def popleft(self) -> Any:
        return super().popleft() if self else _NOTHING


class _Nothing:
    """Looks like a callback that has been cancelled."""

    _cancelled = True


_NOTHING = _Nothing()


class _NestingLoop:
    """Base class of event loops that `run_sync` works on."""

    request_id: str | None = None
    """The request that runs on it, or the one that did."""
    cancels_tasks = False
    """Whether it runs only to end the tasks that a request has left behind."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._ready = _Ready(self._ready)  # type: ignore[has-type]

    def run_until_complete(self, future: Any) -> Any:
        """Within the running loop, where others refuse, this waits as `run_sync` does."""
        if _running_loop() is self:
            return run_sync(future)
        return super().run_until_complete(future)  # type: ignore[misc]

    def cancel_tasks(self, leftover: Collection[asyncio.Task[Any]], timeout: float) -> None:
        """Cancel tasks, and run until they have ended or `timeout` seconds have passed."""
        self.cancels_tasks = True
        try:
            for task in leftover:
                task.cancel()
            ended, _ = self.run_until_complete(asyncio.wait(leftover, timeout=timeout))
            for task in ended:
                if not task.cancelled():
                    task.exception()  # asyncio reports exceptions that nobody has asked for
        finally:
            self.cancels_tasks = False


if sys.platform == "win32":

    class RequestLoop(_NestingLoop, asyncio.ProactorEventLoop):
        """The event loop that requests run on. It is the kind that can start processes."""

else:

    class RequestLoop(_NestingLoop, asyncio.SelectorEventLoop):
        """The event loop that requests run on."""


def install() -> None:
    """Let `asyncio.run` work within a request, and `json` write null, as in Pyodide."""
    if asyncio.run is not _run:
        asyncio.run = _run
        json.JSONEncoder.default = _json_default  # type: ignore[method-assign, assignment]


_original_default = json.JSONEncoder.default


def _json_default(encoder: json.JSONEncoder, value: Any) -> Any:
    return None if value is jsnull else _original_default(encoder, value)


_original_run = asyncio.run


@functools.wraps(_original_run)
def _run(main: Any, **options: Any) -> Any:
    return run_sync(main) if isinstance(_running_loop(), _NestingLoop) else _original_run(main, **options)


def _running_loop() -> Any:
    return asyncio.events._get_running_loop()


def cancels_tasks() -> bool:
    """Whether the running loop only ends the tasks of a request that is over.

    Their errors are of no interest: the platform never resumes such tasks, so it does not see these errors.
    """
    loop = _running_loop()
    return isinstance(loop, _NestingLoop) and loop.cancels_tasks


def can_run_sync() -> bool:
    """Whether `run_sync` works here: inside a request."""
    return isinstance(_running_loop(), _NestingLoop)


def run_sync(awaitable: Awaitable[_T], /) -> _T:
    """Wait for `awaitable`. Other tasks of the loop run meanwhile. Raises RuntimeError outside of a request."""
    loop = _running_loop()
    if not isinstance(loop, _NestingLoop):
        raise RuntimeError(NO_SUSPENDER)
    loop._ready.__class__ = _SharedReady
    future = asyncio.ensure_future(awaitable)
    task = asyncio.current_task()
    if task is not None:
        tasks._leave_task(loop, task)  # type: ignore[arg-type]
    try:
        while not future.done():
            loop._run_once()  # type: ignore[attr-defined]
    finally:
        if task is not None:
            tasks._enter_task(loop, task)  # type: ignore[arg-type]
    return future.result()
