"""Threads that run requests: each has its own event loop and one request at a time.

A handler that blocks, in a synchronous database driver for one, holds up its own request and no other.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]

LIMIT = 200
"""Most requests that run at once; more wait their turn."""
IDLE_S = 10.0
"""A thread without a request for this long ends."""
LEFTOVER_S = 5.0
"""How long tasks that a handler left behind may take to notice that they are cancelled."""
TO_THREAD_LIMIT = 64
"""Most threads behind `asyncio.to_thread`, for all requests together."""


class RequestThreads:
    """A pool of request threads: grows on demand, shrinks when idle, first come first served when full."""

    def __init__(self, *, limit: int = LIMIT, idle_s: float = IDLE_S) -> None:
        self.idle_s = idle_s
        self._limit = limit
        self._lock = threading.Lock()
        self._idle: list[_RequestThread] = []
        self._waiting: deque[Work] = deque()
        self._count = 0
        self.executor = ThreadPoolExecutor(TO_THREAD_LIMIT, thread_name_prefix="to-thread")

    def submit(self, work: Work) -> None:
        """Run `work()` on a thread of its own, at once or when one gets free."""
        with self._lock:
            if self._idle:
                thread = self._idle.pop()
            elif self._count < self._limit:
                self._count += 1
                thread = _RequestThread(self, self._count)
                thread.start()
            else:
                self._waiting.append(work)
                return
        thread.inbox.put(work)

    def _next(self, thread: _RequestThread) -> Work | None:
        """Give a thread that is done its next work; None: it is idle now."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(thread)
            return None

    def _retire(self, thread: _RequestThread) -> bool:
        """Let an idle thread end. False: it was given work at this very moment."""
        with self._lock:
            if thread not in self._idle:
                return False
            self._idle.remove(thread)
            self._count -= 1
            return True


class _RequestThread(threading.Thread):
    def __init__(self, pool: RequestThreads, number: int) -> None:
        super().__init__(name=f"request-{number}", daemon=True)
        self._pool = pool
        self.inbox: SimpleQueue[Work] = SimpleQueue()
        self._spawned = False

    def run(self) -> None:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(self._pool.executor)
        loop.set_task_factory(self._make_task)
        asyncio.set_event_loop(loop)
        try:
            while True:
                try:
                    work: Work | None = self.inbox.get(timeout=self._pool.idle_s)
                except Empty:
                    if self._pool._retire(self):
                        return
                    continue
                while work is not None:
                    self._perform(loop, work)
                    work = None
                    work = self._pool._next(self)
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        self._spawned = True
        return asyncio.Task(coroutine, loop=loop, **options)

    def _perform(self, loop: asyncio.AbstractEventLoop, work: Work) -> None:
        self._spawned = False
        try:
            loop.run_until_complete(asyncio.Task(work(), loop=loop, context=contextvars.Context()))
        except BaseException:
            # An exchange answers for every exception of the person's code: this one is ours. The thread goes on.
            traceback.print_exc()
        if self._spawned:
            leftover = asyncio.all_tasks(loop)
            if leftover:
                for task in leftover:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(leftover, timeout=LEFTOVER_S))
