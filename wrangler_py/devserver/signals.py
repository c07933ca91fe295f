"""The signals that end a session, on each system."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable

ENDING: tuple[signal.Signals, ...]
"""Signals by which a terminal, a supervisor or a closed window ends a program."""
if sys.platform == "win32":
    ENDING = (signal.SIGINT, signal.SIGBREAK)
else:
    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def on_signals(
    loop: asyncio.AbstractEventLoop,
    act: Callable[[signal.Signals], None],
    signals: Iterable[signal.Signals] = ENDING,
) -> None:
    """Have `act` called on `loop` for each of `signals`. One that is ignored, as SIGHUP under nohup, stays so."""
    for number in signals:
        if signal.getsignal(number) is signal.SIG_IGN:
            continue
        if sys.platform == "win32":
            signal.signal(number, lambda n, _: loop.call_soon_threadsafe(act, signal.Signals(n)))
        else:
            loop.add_signal_handler(number, act, number)
