"""How many clients waited and how many connections were open, over time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

from wrangler_py.proxy.server import Proxy

INTERVAL_S = 1.0
KEPT_S = 15 * 60


class PoolSample(NamedTuple):
    """One pool at one moment, in the product's words; `time` is Unix seconds."""

    time: float
    binding: str
    waiting_clients: int
    open_connections: int
    pool_size_maximum: int


class PoolHistory:
    """Looks at each pool once a second, and keeps a quarter of an hour."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._samples: dict[str, deque[PoolSample]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def samples(self, binding: str, after: float = 0.0) -> list[PoolSample]:
        """Those of a pool that are younger than `after`, oldest first."""
        return [sample for sample in self._samples.get(binding, ()) if sample.time > after]

    def latest(self) -> list[PoolSample]:
        """The last one of each pool."""
        return [samples[-1] for samples in self._samples.values() if samples]

    def _look(self) -> None:
        now = time.time()
        for binding, pool in self._proxy.pools.items():
            kept = self._samples.setdefault(binding, deque(maxlen=round(KEPT_S / INTERVAL_S)))
            kept.append(PoolSample(now, binding, pool.waiting, len(pool.connections), pool.config.connection_limit))
        for binding in self._samples.keys() - self._proxy.pools.keys():
            del self._samples[binding]
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._look)
