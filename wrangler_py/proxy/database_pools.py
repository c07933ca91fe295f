"""The pools of a binding with --any-database: one for each database that clients ask for.

They share the limit of the config. A pool other than the config's own lives as long as a client is connected to its
database, so that an idle connection never blocks `DROP DATABASE`, and a database that was made anew has no
answers in the cache.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.pool.waiters import Waiter

SERVER_WAITS_S = 5.0
"""Time that DROP DATABASE and similar statements wait for other clients to disconnect."""
HAND_OVER_S = 0.1
"""How long a client waits before a busy pool gives up a connection for its pool, which has none."""
_DROPPED = messages.error_response(
    "57P01", "terminating connection due to administrator command", severity="FATAL", hint="The database is gone."
)


class DatabasePools:
    """`main` is the pool of the config's own database; `new_pool` makes another one."""

    def __init__(self, main: Pool, new_pool: Callable[[PoolConfig], Pool]) -> None:
        self._main = main
        self._new_pool = new_pool
        self._by_database: dict[str, Pool] = {}
        self._ending: list[Pool] = []
        self._scopes = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        self._opening_soon = False
        self._alone: frozenset[str] = frozenset()
        self._alone_until = 0.0
        main.share(self)

    def __iter__(self) -> Iterator[Pool]:
        yield self._main
        yield from self._by_database.values()

    def pool(self, database: str) -> Pool:
        """The pool of `database`, which need not exist: a connection attempt gets the server's own error, then."""
        if database == self._main.config.origin.database:
            return self._main
        pool = self._by_database.get(database)
        if pool is None:
            pool = self._by_database[database] = self._new_pool(self._config(database))
            pool.share(self)
        return pool

    def unused(self, pool: Pool) -> None:
        """`pool` has no clients any more."""
        database = pool.config.origin.database
        if self._wants_alone(pool):
            self._close_idle(pool)
        if self._by_database.get(database) is pool:
            del self._by_database[database]
            self._ending.append(pool)
            pool.end()

    def update(self, config: PoolConfig) -> None:
        """Takes on a changed config, for every database."""
        self._main.update(replace(config, cache_scope=self._main.config.cache_scope))
        for database, pool in list(self._by_database.items()):
            pool.update(self._config(database))

    async def close(self) -> None:
        for pool in [*self, *self._ending]:
            await pool.close()

    def _config(self, database: str) -> PoolConfig:
        config = self._main.config
        return replace(
            config, origin=replace(config.origin, database=database), cache_scope=str(next(self._scopes))
        )

    # --- the limit -----------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        self._ending = [pool for pool in self._ending if pool.connections or pool.opening]
        return sum(len(pool.connections) for pool in (*self, *self._ending))

    def open_for_waiters(self) -> None:
        """Pools that have fewest connections come first, and of them whose client has waited longest."""
        while hungry := self._hungry():
            pool, waiter = min(hungry, key=lambda found: (_size(found[0]), found[1].since))
            if not self._has_room() and not self._make_room():
                return
            pool.open_one(waiter)

    def _hungry(self) -> list[tuple[Pool, Waiter]]:
        """The pools that have to open a connection, and the clients that wait for it."""
        return [
            (pool, waiter) for pool in self if not pool.closed and (waiter := pool.next_to_open_for) is not None
        ]

    def _has_room(self) -> bool:
        opening: int = sum(pool.opening for pool in (*self, *self._ending))
        limit: int = self._main.config.connection_limit
        return self.connections + opening < limit

    def _make_room(self) -> bool:
        """Closes the connection that has been idle longest, if there is one: nobody who waits can use it."""
        idle = [(pool, connection) for pool in self for connection in pool.idle]
        if not idle:
            return False
        pool, longest = min(idle, key=lambda found: found[1].idle_since)
        pool.close_idle(longest)
        return True

    def gives_up(self, pool: Pool) -> bool:
        """Others get what nobody waits for here, and a pool without any connection does not wait long for one."""
        if self._wants_alone(pool):
            return True
        others = [found for found in self._hungry() if found[0] is not pool]
        if not others or self._has_room():
            return False
        now = self._loop.time()
        return not pool.waiting or any(
            not _size(other) and waiter.since + HAND_OVER_S <= now for other, waiter in others
        )

    def connection_closed(self) -> None:
        if not self._opening_soon:
            self._opening_soon = True
            self._loop.call_soon(self._open)

    def _open(self) -> None:
        self._opening_soon = False
        self.open_for_waiters()

    # --- databases that come and go ------------------------------------------------------------------------

    def needs_alone(self, databases: frozenset[str]) -> None:
        """Closes idle connections to them, unless a client is connected, as it would be at the server."""
        self._alone, self._alone_until = databases, self._loop.time() + SERVER_WAITS_S
        for pool in self:
            if self._wants_alone(pool):
                self._close_idle(pool)

    def _wants_alone(self, pool: Pool) -> bool:
        """Whether the last client's connections are in the way of a statement that waits for them to go."""
        return (
            not pool.clients
            and pool.config.origin.database in self._alone
            and self._loop.time() < self._alone_until
        )

    @staticmethod
    def _close_idle(pool: Pool) -> None:
        for connection in list(pool.idle):
            pool.close_idle(connection)

    def dropped(self, databases: frozenset[str]) -> None:
        """Closes the remaining clients, and clears the cache."""
        for pool in list(self):
            if pool.config.origin.database not in databases:
                continue
            for client in list(pool.clients):
                client.refuse(_DROPPED)
            pool.update(replace(pool.config, cache_scope=str(next(self._scopes))))
            pool.schema_changed()


def _size(pool: Pool) -> int:
    return len(pool.connections) + pool.opening
