"""How many clients waited and how many connections were open, over time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.server import Proxy

INTERVAL_S = 1.0
KEPT_S = 15 * 60


class PoolSample(NamedTuple):
    """One pool at one moment, with the product's names; `time` is in Unix seconds.

    `connection_latency_ms` is the mean of the connections opened since the sample before; None if there were none.
    """

    time: float
    binding: str
    waiting_clients: int
    open_connections: int
    pool_size_maximum: int
    connection_latency_ms: float | None


class PoolHistory:
    """Looks at each pool once a second, and keeps a quarter of an hour."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._samples: dict[str, deque[PoolSample]] = {}
        self._opened: dict[str, tuple[int, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def samples(self, binding: str, after: float = 0.0) -> list[PoolSample]:
        """The samples of a pool later than `after`, oldest first."""
        return [sample for sample in self._samples.get(binding, ()) if sample.time > after]

    def latest(self) -> list[PoolSample]:
        """The last sample of each pool."""
        return [samples[-1] for samples in self._samples.values() if samples]

    def _look(self) -> None:
        now = time.time()
        for binding, pool in self._proxy.pools.items():
            kept = self._samples.setdefault(binding, deque(maxlen=round(KEPT_S / INTERVAL_S)))
            latency = self._connection_latency(binding, pool)
            size, limit = len(pool.connections), pool.config.connection_limit
            kept.append(PoolSample(now, binding, pool.waiting, size, limit, latency))
        for binding in self._samples.keys() - self._proxy.pools.keys():
            del self._samples[binding]
            self._opened.pop(binding, None)
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._look)

    def _connection_latency(self, binding: str, pool: Pool) -> float | None:
        """The mean time to open the connections that were opened since the last call."""
        latency = pool.caching.counts.connection_latency
        count, total_ms = self._opened.get(binding, (0, 0.0))
        self._opened[binding] = (latency.count, latency.total_ms)
        opened = latency.count - count
        return (latency.total_ms - total_ms) / opened if opened > 0 else None
