"""One line on standard error that says where a run is; a log line each on anything but a terminal."""

from __future__ import annotations

import shutil
import sys
import time


class Progress:
    def __init__(self, expected_s: float) -> None:
        self.row = ""
        self._expected_s = expected_s
        self._started = time.monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._last = ""

    def say(self, what: str) -> None:
        left_s = self._expected_s - (time.monotonic() - self._started)
        left = f" (about {duration(left_s)} left)" if left_s > 5 else ""
        line = f"{self.row}: {what}{left}"
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)
        elif what.rpartition(" · ")[0] != self._last:
            self._last = what.rpartition(" · ")[0]
            print(line, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
