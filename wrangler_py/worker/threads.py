"""Threads that run requests: each has its own event loop and one request at a time.

A handler that blocks, in a synchronous database driver for one, holds up its own request and no other.
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from wrangler_py.worker.platform.blocking import RequestLoop
from wrangler_py.worker.unawaited_work import track_origins

Work = Callable[[], Coroutine[Any, Any, None]]

LIMIT = 200
"""Most requests that run at once; more wait their turn."""
IDLE_S = 10.0
"""A thread without a request for this long ends."""
LEFTOVER_S = 5.0
"""How long tasks that a handler left behind may take to notice that they are cancelled."""
TO_THREAD = "to-thread"
"""The beginning of the names of threads behind `asyncio.to_thread`."""
TO_THREAD_LIMIT = 64
"""Most threads behind `asyncio.to_thread`, for all requests together."""


class RequestThreads:
    """A pool of request threads: grows on demand, shrinks when idle, first come first served when full.

    `on_tasks_left` is told which tasks a request left behind, before they are cancelled, and `on_error` of errors
    that only the event loop has met; it returns whether it has reported them.
    """

    def __init__(
        self,
        *,
        limit: int = LIMIT,
        idle_s: float = IDLE_S,
        on_tasks_left: Callable[[Iterable[asyncio.Task[Any]]], None] = lambda tasks: None,
        on_error: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], bool] = lambda loop, context: False,
    ) -> None:
        self.idle_s = idle_s
        self.on_error = on_error
        self.on_tasks_left = on_tasks_left
        # One queue for all: a thread that is done takes the next work without going to sleep in between.
        self.queue: SimpleQueue[Work] = SimpleQueue()
        self._limit = limit
        self._lock = threading.Lock()
        self._count = 0
        self._unfinished = 0
        self.executor = _SharedExecutor(TO_THREAD_LIMIT, thread_name_prefix=TO_THREAD)

    def submit(self, work: Work) -> None:
        """Run `work()` on a thread of its own, at once or when one gets free."""
        with self._lock:
            self._unfinished += 1
            number = self._count + 1
            must_grow = self._count < min(self._unfinished, self._limit)
            self._count += must_grow
        if must_grow:
            _RequestThread(self, number).start()
        self.queue.put(work)

    def finished(self) -> None:
        """Take note that a thread has done its work."""
        with self._lock:
            self._unfinished -= 1

    def retire(self) -> bool:
        """Let an idle thread end. False: it is needed for work that was submitted at this very moment."""
        with self._lock:
            if self._count <= self._unfinished:
                return False
            self._count -= 1
            return True


class _SharedExecutor(ThreadPoolExecutor):
    """That of all request threads: an event loop that is closed would shut its own down."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Goes on; its threads end with the process."""


class _RequestThread(threading.Thread):
    """Takes work from the pool's queue, one after another.

    Its event loop goes on running between two of them, blocked: to start and stop it takes longer than the rest.
    """

    def __init__(self, pool: RequestThreads, number: int) -> None:
        super().__init__(name=f"request-{number}", daemon=True)
        self._pool = pool
        self._loop = _new_event_loop()
        self._context = contextvars.Context()
        self._task: asyncio.Task[None] | None = None
        self._spawned = False
        self._retired = False

    def run(self) -> None:
        loop = self._loop
        loop.set_default_executor(self._pool.executor)
        loop.set_task_factory(self._make_task)
        loop.set_exception_handler(self._handle_error)
        asyncio.set_event_loop(loop)
        track_origins()
        loop.call_soon(self._take_work)
        try:
            while not self._retired:
                self._run_loop()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _run_loop(self) -> None:
        """Run the loop until it is stopped: by this thread, or by the Worker's code, which changes nothing then."""
        try:
            self._loop.run_forever()
        except BaseException:  # SystemExit in a callback of the Worker's, for one
            traceback.print_exc()
        if self._task is None and not self._retired:
            self._end_leftover()
            self._pool.finished()
            self._loop.call_soon(self._take_work)

    def _handle_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self._pool.on_error(loop, context):
            loop.default_exception_handler(context)

    def _make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        self._spawned = True
        return asyncio.Task(coroutine, loop=loop, **options)

    def _take_work(self) -> None:
        """Wait for work and begin it, or end the thread when there has been none for long."""
        while True:
            try:
                work = self._pool.queue.get(timeout=self._pool.idle_s)
                break
            except Empty:
                if self._pool.retire():
                    self._retired = True
                    self._loop.stop()
                    return
        self._spawned = False
        self._task = asyncio.Task(self._perform(work), loop=self._loop, context=contextvars.Context())

    async def _perform(self, work: Work) -> None:
        try:
            await work()
        except BaseException:
            # An exchange answers for every exception of the Worker's code: this one is ours. The thread goes on.
            traceback.print_exc()
        finally:
            # In a callback of its own, which waits for the next work without holding on to anything of this one.
            self._loop.call_soon(self._work_ended, context=self._context)

    def _work_ended(self) -> None:
        self._task = None
        if self._spawned and asyncio.all_tasks(self._loop):
            self._loop.stop()
        else:
            self._pool.finished()
            self._take_work()

    def _end_leftover(self) -> None:
        """Cancel the tasks that the work has left behind."""
        leftover = asyncio.all_tasks(self._loop)
        if leftover:
            self._pool.on_tasks_left(leftover)
            self._loop.cancel_tasks(leftover, LEFTOVER_S)


class _Selector(selectors.DefaultSelector):
    """Saves a system call where nobody waits for anything, which is most of the time in most requests."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # The loop's own pipe is always there, but it only ends a wait.
        if timeout == 0 and len(self.get_map()) == 1:
            return []
        return super().select(timeout)


def _new_event_loop() -> RequestLoop:
    if sys.platform == "win32":
        return RequestLoop()
    return RequestLoop(_Selector())
