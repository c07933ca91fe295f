"""Opens the origin connections of a pool."""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.proxy import failures
from wrangler_py.proxy.conditions import ROUND_TRIPS_TO_CONNECT
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin.connect import connect
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.pool.background_tasks import BackgroundTasks
from wrangler_py.session.settings import SessionSettings, SettingsKey


class OpeningPool(Protocol):
    """The pool, as its opener sees it."""

    config: PoolConfig
    options: ProxyOptions
    closed: bool

    def round_trip_s(self) -> float: ...
    def opened(self, connection: OriginConnection, settings: SessionSettings | None, took_s: float) -> None:
        """`connection` is ready; it was opened with `settings`."""

    def could_not_open(self, key: SettingsKey, error: OriginUnavailable) -> None:
        """No connection with such settings can be opened."""

    def open_for_waiters(self) -> None: ...


class Opener:
    """`opening` counts the connections that are being opened, by their settings.

    `unavailable` says why the last connection could not be opened; those that are open go on being used.
    """

    def __init__(self, pool: OpeningPool, tasks: BackgroundTasks) -> None:
        self._pool = pool
        self._tasks = tasks
        self.opening: Counter[SettingsKey] = Counter()
        self.unavailable: OriginUnavailable | None = None

    def start(self, settings: SessionSettings | None) -> None:
        """Opens a connection with `settings`, None for one without any."""
        self.opening[settings.key if settings is not None else frozenset()] += 1
        self._tasks.start(self._open(settings))

    def origin_changed(self) -> None:
        """The pool has another origin now: nobody waits any more for connections that are being opened."""
        self.opening = Counter()
        self.unavailable = None

    async def _open(self, settings: SessionSettings | None) -> None:
        pool = self._pool
        config, opening = pool.config, self.opening
        key = settings.key if settings is not None else frozenset()
        began = time.monotonic()
        try:
            distance_s = ROUND_TRIPS_TO_CONNECT * pool.round_trip_s()
            values = settings.values if settings else {}
            connection = await connect(config, pool.options.connect_timeout_s, values, distance_s)
        except OriginUnavailable as error:
            opening[key] -= 1
            if opening is self.opening:  # else the pool has another origin now
                self.unavailable = error
                pool.could_not_open(key, error)
            return
        except BaseException as error:
            opening[key] -= 1
            if isinstance(error, Exception) and opening is self.opening:
                pool.could_not_open(key, failures.internal_error())
            raise
        opening[key] -= 1
        if pool.closed or opening is not self.opening:
            connection.close()
            return
        self.unavailable = None
        if distance_s or pool.round_trip_s():
            connection.be_distant(pool.round_trip_s, distance_s)
        pool.opened(connection, settings, time.monotonic() - began)


def same_origin(one: PoolConfig, other: PoolConfig) -> bool:
    """Whether two configs lead to the same database in the same way."""
    return (one.origin, one.tls, one.options) == (other.origin, other.tls, other.options)
