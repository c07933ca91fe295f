"""Ends what a run has started, whatever ends the run."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wrangler_py.devserver.process_guard import ProcessGuard
from wrangler_py.worker.started_processes import end_marked, new_mark


@contextmanager
def end_with_us() -> Iterator[None]:
    """Everything that is started in the block ends with it, also at SIGTERM and SIGHUP, and when we are killed."""
    mark = new_mark()
    guard = ProcessGuard(mark)
    os.environ[mark] = "1"
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:
            signal.signal(getattr(signal, name), _end)
    try:
        yield
    finally:
        end_marked(mark)
        del os.environ[mark]
        guard.dismiss()


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: what was started is being ended
    sys.exit(128 + number)
