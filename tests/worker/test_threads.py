from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from wrangler_py.worker.threads import RequestThreads, Work

PATIENCE_S = 5.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def work(do: Callable[[], object]) -> Work:
    async def run() -> None:
        do()

    return run


def test_work_that_blocks_holds_up_no_other() -> None:
    threads = RequestThreads()
    together = threading.Barrier(21)
    for _ in range(20):
        threads.submit(work(lambda: together.wait(PATIENCE_S)))
    together.wait(PATIENCE_S)


def test_threads_are_used_again() -> None:
    threads = RequestThreads()
    ran: list[threading.Thread] = []
    for number in range(1, 101):
        threads.submit(work(lambda: ran.append(threading.current_thread())))
        wait_until(lambda number=number: len(ran) == number)  # type: ignore[misc]
    assert len(set(ran)) < 50


def test_first_come_first_served_when_full() -> None:
    threads = RequestThreads(limit=1)
    go = threading.Event()
    done: list[int] = []
    threads.submit(work(lambda: go.wait(PATIENCE_S)))
    for number in range(5):
        threads.submit(work(lambda number=number: done.append(number)))  # type: ignore[misc]
    go.set()
    wait_until(lambda: len(done) == 5)
    assert done == [0, 1, 2, 3, 4]


def test_idle_threads_end_and_new_ones_start() -> None:
    threads = RequestThreads(idle_s=0.02)
    ran: list[threading.Thread] = []
    threads.submit(work(lambda: ran.append(threading.current_thread())))
    wait_until(lambda: bool(ran) and not ran[0].is_alive())
    threads.submit(work(lambda: ran.append(threading.current_thread())))
    wait_until(lambda: len(ran) == 2)


def test_to_thread_survives_the_end_of_idle_threads() -> None:
    threads = RequestThreads(idle_s=0.02)
    ran: list[threading.Thread] = []

    async def run() -> None:
        await asyncio.to_thread(time.time)
        ran.append(threading.current_thread())

    for number in range(1, 4):
        threads.submit(run)
        wait_until(lambda number=number: len(ran) == number and not ran[-1].is_alive())  # type: ignore[misc]


def test_work_that_fails_leaves_the_thread_in_use() -> None:
    threads = RequestThreads(limit=1)
    done = threading.Event()
    threads.submit(work(lambda: 1 / 0))
    threads.submit(work(done.set))
    assert done.wait(PATIENCE_S)
