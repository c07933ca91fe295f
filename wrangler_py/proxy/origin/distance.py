"""A transport to an origin that is far away: data arrives a round trip after it is written.

The whole round trip is added on the way there, so that an answer comes as late as over a real link, and data that
is sent together arrives together. Timers do the waiting.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

MAX_UNDER_WAY_BYTES = 1_048_576
"""The writer pauses while more than this is under way."""


class Writer(Protocol):
    """Whoever writes to the transport."""

    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class DistantTransport(asyncio.Transport):
    """Writes to `transport` after a delay; `round_trip_s` gives the delay of data that is written now."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        protocol: Writer,
        round_trip_s: Callable[[], float],
        cost_s: float = 0.0,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._transport = transport
        self._protocol = protocol
        self._round_trip_s = round_trip_s
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._last_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._cost_s = cost_s
        self._has_paused = False

    def take_cost(self) -> float:
        """How many seconds the distance has cost since the last call."""
        cost, self._cost_s = self._cost_s, 0.0
        return cost

    def write(self, data: Any) -> None:
        now = time.monotonic()
        due = now + self._round_trip_s()
        if self._last_due > due:
            due = self._last_due
        if due <= now and not self._under_way:
            self._transport.write(data)
            return
        self._cost_s += due - max(now, self._last_due)
        self._last_due = due
        self._under_way.append((due, bytes(data)))
        self._bytes += len(data)
        if self._timer is None:
            self._arrive_at(due)
        if self._bytes > MAX_UNDER_WAY_BYTES and not self._has_paused:
            self._has_paused = True
            self._protocol.pause_writing()

    def _arrive_at(self, due: float) -> None:
        # uvloop counts whole milliseconds, so the timer may be early nonetheless; `_arrive` sets another one then.
        wait_ms = math.ceil((due - time.monotonic()) * 1000)
        self._timer = self._loop.call_later(max(0, wait_ms) / 1000, self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        under_way = self._under_way
        now = time.monotonic()
        arrived = []
        while under_way and under_way[0][0] <= now:
            arrived.append(under_way.popleft()[1])
        if under_way:
            self._arrive_at(under_way[0][0])
        self._deliver(b"".join(arrived))

    def _deliver(self, data: bytes) -> None:
        self._bytes -= len(data)
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if self._has_paused and self._bytes <= MAX_UNDER_WAY_BYTES // 2:
            self._has_paused = False
            self._protocol.resume_writing()

    def _stop(self) -> bytes:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        data = b"".join(data for _, data in self._under_way)
        self._under_way.clear()
        return data

    def close(self) -> None:
        """Delivers the data that is under way at once, and closes."""
        self._deliver(self._stop())
        self._transport.close()

    def abort(self) -> None:
        self._stop()
        self._transport.abort()

    # --- as the transport itself ---------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._bytes + self._transport.get_write_buffer_size()
