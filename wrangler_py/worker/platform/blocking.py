"""`run_sync`: waiting for an awaitable in code that is not async, while the event loop goes on."""

from __future__ import annotations

import asyncio
from asyncio import tasks
from collections import deque
from collections.abc import Awaitable
from typing import Any, TypeVar

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


def prepare(loop: asyncio.AbstractEventLoop) -> None:
    """Make `run_sync` possible on a loop that has not started yet."""
    loop._ready = _Ready(loop._ready)  # type: ignore[attr-defined]


def can_run_sync() -> bool:
    """Whether `run_sync` works here: inside a request."""
    try:
        return isinstance(getattr(asyncio.get_running_loop(), "_ready", None), _Ready)
    except RuntimeError:
        return False


def run_sync(awaitable: Awaitable[_T], /) -> _T:
    """Wait for `awaitable`. Other tasks of the loop run meanwhile. Raises RuntimeError outside of a request."""
    try:
        loop: Any = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(NO_SUSPENDER) from None
    if not isinstance(getattr(loop, "_ready", None), _Ready):
        raise RuntimeError(NO_SUSPENDER)
    loop._ready.__class__ = _SharedReady
    future = asyncio.ensure_future(awaitable)
    task = asyncio.current_task()
    if task is not None:
        tasks._leave_task(loop, task)
    try:
        while not future.done():
            loop._run_once()
    finally:
        if task is not None:
            tasks._enter_task(loop, task)
    return future.result()
