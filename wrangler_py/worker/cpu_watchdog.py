"""Notices code that computes for a long time, as in an endless loop, to explain why a request hangs."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from wrangler_py.worker import imports

if TYPE_CHECKING:
    from wrangler_py.worker.worker import Worker

BUSY_S = 10.0
"""Time after which it is reported."""
_TICK_S = 1.0
_SHARE = 0.5
"""Share of a processor. A thread that uses less is waiting."""
_WAIT_IN = frozenset({"selectors.py", "threading.py", "queue.py", "socket.py", "ssl.py", "subprocess.py"})
"""Files of the standard library that threads wait in."""


class BusyWatch:
    """Checks once a tick, in its own thread, what other threads do."""

    def __init__(self, worker: Worker, *, tick_s: float = _TICK_S, busy_s: float = BUSY_S) -> None:
        self._worker = worker
        self._tick_s = tick_s
        self._busy_s = busy_s
        self._ticks: dict[tuple[int, int], int] = {}
        """How often in a row a thread was found in one call of the person's code: ids of both."""

    def start(self) -> None:
        threading.Thread(target=self._run, name="busy-watch", daemon=True).start()

    def _run(self) -> None:
        used = time.process_time()
        while True:
            time.sleep(self._tick_s)
            before, used = used, time.process_time()
            if used - before < _SHARE * self._tick_s:
                self._ticks.clear()
            else:
                self._look()

    def _look(self) -> None:
        found: dict[tuple[int, int], int] = {}
        for thread, frame in sys._current_frames().items():
            if Path(frame.f_code.co_filename).name in _WAIT_IN:
                continue
            own = [each for each in _outwards(frame) if self._is_own(each)]
            if own:
                call = (thread, id(own[-1]))
                found[call] = self._ticks.get(call, 0) + 1
                if found[call] == round(self._busy_s / self._tick_s):
                    self._warn(own[0])
        self._ticks = found

    def _warn(self, frame: FrameType) -> None:
        where = f"{self._worker.failures.relative(frame.f_code.co_filename)}:{frame.f_lineno}"
        self._worker.control.log(
            "warning", f"{where}: this has been computing for {self._busy_s:g} s without an end."
        )

    def _is_own(self, frame: FrameType) -> bool:
        launch = self._worker.launch
        return imports.is_own_code(Path(frame.f_code.co_filename), launch.root, launch.main)


def _outwards(frame: FrameType | None) -> list[FrameType]:
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
