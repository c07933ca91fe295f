"""The origin connections of one config: opens them up to a limit, and serves clients first come, first served."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from wrangler_py.cache.store import CacheStore
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy import failures
from wrangler_py.proxy.conditions import Conditions
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.observer import Observer
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.connection_owner import ConnectionOwner
from wrangler_py.proxy.origin.internal_query import run_on
from wrangler_py.proxy.origin.write_queue import WriteQueue
from wrangler_py.proxy.pool.accounting import Accounting
from wrangler_py.proxy.pool.background_tasks import BackgroundTasks
from wrangler_py.proxy.pool.caching import Caching, WrittenByDatabase
from wrangler_py.proxy.pool.client_settings import ClientSettings, Rows, StartingClient
from wrangler_py.proxy.pool.deadlocks import DeadlockWatch
from wrangler_py.proxy.pool.notices import Notices
from wrangler_py.proxy.pool.opener import Opener, same_origin
from wrangler_py.proxy.pool.shared_limit import SharedLimit
from wrangler_py.proxy.pool.snapshot import PoolSnapshot, take_snapshot
from wrangler_py.proxy.pool.time_limits import TimeLimits
from wrangler_py.proxy.pool.waiters import User, Waiter, Waiters, fits
from wrangler_py.proxy.worker_requests import Requests
from wrangler_py.querylog.counts import ConfigCounts
from wrangler_py.querylog.log import QueryLog
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.effects import DatabasesNeeded, Notice, QueryRefused
from wrangler_py.session.query_run import QueryRun
from wrangler_py.session.settings import SessionSettings, SettingsKey
from wrangler_py.session.shared import SharedState

_monotonic: Final = time.monotonic
TICK_S: Final = 1.0
_NO_SUCH_DATABASE = "3D000"
CLOSE_UNLIKELY_S: Final = 0.005
"""A connection that has been idle for longer is looked at before it is used: the origin may have closed it. Sooner
than that, it might as well be closed during the query."""
NEWS_GRACE_S: Final = 0.01
RESTART_GRACE_S: Final = 1.0
"""Time that running queries get after a restart."""


class PoolClient(Protocol):
    """A client, as its pool sees it."""

    session: ClientSession

    def parameters_changed(self, changes: Mapping[str, str]) -> None:
        """The origin's defaults are now `changes`."""

    def refuse(self, response: bytes) -> None:
        """Tells the client why, where that is possible, and closes."""


class Pool(ConnectionOwner[OriginConnection]):
    """Everything that the clients of one binding share.

    A connection serves clients with the settings that it was opened with; one makes room for another if it has to.
    `told_once` are messages that any pool has given; `counts` are those of the config, for one of several pools.
    """

    def __init__(
        self,
        binding: str,
        config: PoolConfig,
        options: ProxyOptions,
        store: CacheStore,
        written: WrittenByDatabase,
        requests: Requests,
        observer: Observer | None,
        told_once: set[str],
        query_log: QueryLog,
        conditions: Conditions,
        counts: ConfigCounts | None = None,
    ) -> None:
        self.binding = binding
        self.config = config
        self.options = options
        self.requests = requests
        self.query_log = query_log
        self.conditions = conditions
        self.shared = SharedState(
            binding,
            allow_unsupported=options.allow_unsupported,
            max_prepared_statements=options.max_prepared_statements,
        )
        self.stored_code = self.shared.stored_code
        self.connections: set[OriginConnection] = set()
        self.clients: set[PoolClient] = set()
        self.closed = False
        self._notices = Notices(binding, observer, requests, told_once)
        self.notice_once = self._notices.notice_once
        self._settings = ClientSettings()
        self._counts = counts or ConfigCounts(query_log.settle)
        query_log.count_with(binding, self._counts)
        self.caching = Caching(self, store, written, self._counts)
        self.accounting = Accounting(binding, query_log, observer, self.caching, self)
        self._tasks = BackgroundTasks()
        self._time_limits = TimeLimits(self, self._tasks)
        self.cancel = self._time_limits.cancel
        self._opener = Opener(self, self._tasks)
        self._deadlocks = DeadlockWatch(self)
        self._ended = False
        self._limit: SharedLimit[Pool] | None = None
        self._new: OriginConnection | None = None
        """The connection that was opened last, until it is free for the first time."""
        self._connection_numbers = itertools.count(1)
        self._idle: dict[OriginConnection, None] = {}
        """The one that has been idle longest first."""
        self._waiters = Waiters()
        self.writes = WriteQueue(self._waiters)
        self._loop = asyncio.get_running_loop()
        self._ticker: asyncio.TimerHandle | None = None

    @property
    def baseline(self) -> SessionSettings:
        """The settings of a connection without requested settings; None before one has been opened."""
        return self._settings.baseline

    # --- checkout and release ------------------------------------------------------------------------------

    def checkout(self, client: User) -> OriginConnection | None:
        """A connection at once, or None: then `client.granted` or `client.origin_unavailable` follows."""
        connection = self._take(client)
        if connection is None:
            self._waiters.add(client, _monotonic(), self.options.pool_wait_timeout_s)
            self.writes.activate()
            self._tick()
            self._deadlocks.somebody_waits()
            self.open_for_waiters()
        return connection

    def _take(self, client: User) -> OriginConnection | None:
        """An idle connection, if nobody waits for one: the one that `client` used last, or another."""
        if self._waiters.queue:
            return None
        idle = self._idle
        while True:
            connection = client.last_origin
            if connection in idle and connection.was_used_by(client):
                del idle[connection]
            else:
                connection = self._take_other(client)
                if connection is None:
                    return None
            if connection.closed:
                connection.leaves_idle()
            elif _monotonic() - connection.idle_since > CLOSE_UNLIKELY_S and connection.has_news:
                # Perhaps it was closed at the other end: let the event loop read before it is used.
                connection.leaves_idle()
                self._loop.call_later(NEWS_GRACE_S, self._available_again, connection)
            else:
                connection.is_taken_by(client)
                if self._ticker is None:
                    self._tick()
                return connection

    def _take_other(self, client: User) -> OriginConnection | None:
        """The most recently used connection with the settings of `client`."""
        idle = self._idle
        for connection in reversed(idle):
            if fits(connection, client, self._settings.baseline):
                del idle[connection]
                return connection
        return None

    def available(self, connection: OriginConnection) -> None:
        """`connection` is clean and nobody's."""
        limit = self._limit
        if (
            connection.closed
            or connection.retired
            or self.closed
            or self._ended
            or (len(self.connections) if limit is None else limit.connections) > self.config.connection_limit
            or (limit is not None and self._gives_up(connection))
        ):
            self._discard(connection)
            return
        client = None
        if self._waiters.queue:
            client = self._waiters.take_for(
                connection, self._settings.baseline, self._opener.opening, connection.answered_at
            )
        if client is not None:
            connection.is_taken_by(client)
            client.granted(connection)
            return
        connection.becomes_idle()
        self._idle[connection] = None
        if self._waiters.queue:  # for connections with other settings
            self.open_for_waiters()

    def replace(self, connection: OriginConnection) -> None:
        """Closes a connection that can't be used any more, and opens another one."""
        self._discard(connection)
        if not (self.closed or self._ended or self._waiters or connection.retired):
            self._opener.start(connection.session.settings)
        self.open_for_waiters()

    def _available_again(self, connection: OriginConnection) -> None:
        if not (connection.closed or connection.idle or connection.client or connection.stream.queue):
            self.available(connection)

    def not_idle(self, connection: OriginConnection) -> None:
        """`connection`, which waits for its next use, is not to be used for now."""
        if connection.idle:
            connection.leaves_idle()
            del self._idle[connection]

    def withdraw(self, client: User) -> None:
        """`client` no longer waits."""
        self._waiters.remove(client)

    # --- opening and losing connections --------------------------------------------------------------------

    def open_for_waiters(self) -> None:
        """Opens connections for those who wait and for whom none is being opened yet, as far as the limit goes."""
        if self._limit is not None:
            self._limit.open_for_waiters()
            return
        if self.closed or not (self._waiters.queue and (self._idle or self._has_room)):
            return
        for waiter in self._waiters.unserved(self._opener.opening):
            if not self._has_room and not self._make_room():
                return
            self.open_one(waiter)

    @property
    def opening(self) -> int:
        """How many connections are being opened."""
        return self._opener.opening.total()

    @property
    def _has_room(self) -> bool:
        room = self.config.connection_limit - len(self.connections)
        return room > 0 and self.opening < room

    def _make_room(self) -> bool:
        """Closes the connection that has been idle longest, if there is one: nobody who waits has its settings."""
        if not self._idle:
            return False
        self._discard(next(iter(self._idle)))
        return True

    def opened(self, connection: OriginConnection, settings: SessionSettings | None, took_s: float) -> None:
        """`connection` is ready; it was opened with `settings`."""
        self._counts.add_connection(took_s)
        self._notices.connected()
        self._new = connection
        self.connections.add(connection)
        settings = self._settings.of_connection(settings, connection.stream.parameters)
        connection.join(self, settings, next(self._connection_numbers))
        self.reports_defaults(connection, at_start=True)
        connection.settle()

    def could_not_open(self, key: SettingsKey, error: OriginUnavailable) -> None:
        """Those who wait for a connection with such settings, of which none is open, have nothing to wait for."""
        if not any(connection.session.settings.key == key for connection in self.connections):
            failed = self._waiters.take_all_of(key)
            if not self.connections or failed:
                self._report(error)
            for waiter in failed:
                if waiter.client.waiting:
                    waiter.client.origin_unavailable(error)
        if self._limit is not None:
            self._limit.connection_closed()

    def _report(self, error: OriginUnavailable) -> None:
        if not (self.config.cache_scope and error.sqlstate == _NO_SUCH_DATABASE):
            self._notices.cannot_connect(error)  # else a client asked for a database that the config doesn't name

    def connection_lost(self, connection: OriginConnection) -> None:
        self.connections.discard(connection)
        self.shared.forget_process_id(connection.process_id)
        self.not_idle(connection)
        if self._limit is not None:
            self._limit.connection_closed()
        elif not self.closed:
            self.open_for_waiters()

    def _discard(self, connection: OriginConnection) -> None:
        self.not_idle(connection)
        self.connections.discard(connection)
        connection.close()
        if self._limit is not None:
            self._limit.connection_closed()

    # --- beside other pools --------------------------------------------------------------------------------

    def share(self, limit: SharedLimit[Pool]) -> None:
        """Has the connections count towards `limit` from now on."""
        self._limit = limit

    @property
    def waiting_users(self) -> list[User]:
        """The clients that wait for a connection, the first come first."""
        return self._waiters.users

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return len(self._waiters)

    @property
    def next_to_open_for(self) -> Waiter | None:
        """The client that has waited longest, among those for whom no connection is being opened."""
        return next(self._waiters.unserved(self._opener.opening), None)

    def open_one(self, waiter: Waiter) -> None:
        """Opens a connection as `waiter` wants it."""
        self._opener.start(waiter.client.settings or self.baseline)

    @property
    def idle(self) -> Sequence[OriginConnection]:
        """The idle connections, the one that has been idle longest first."""
        return list(self._idle)

    def close_idle(self, connection: OriginConnection) -> None:
        self._discard(connection)

    def _gives_up(self, connection: OriginConnection) -> bool:
        """Whether another pool gets the place of `connection`, which is free, and has been of use here."""
        is_new = connection is self._new
        self._new = None
        return self._limit is not None and not (is_new and self._waiters) and self._limit.gives_up(self)

    def _connections_in_all(self) -> int:
        return len(self.connections) if self._limit is None else self._limit.connections

    def dropped(self, databases: frozenset[str]) -> None:
        """These databases are gone."""
        if self._limit is not None:
            self._limit.dropped(databases)

    # --- what clients do to each other ---------------------------------------------------------------------

    def schema_changed(self) -> None:
        """Something ran, here or elsewhere, that may make plans stale or give queries other effects."""
        self.shared.schema_changed()
        self.caching.schema_changed()

    def group_ended(self, connection: OriginConnection, sent_group: SentGroup, status: int) -> None:
        self.accounting.group_ended(connection, sent_group, status)

    def say_rolled_back(self, writes: list[QueryRun]) -> None:
        self._notices.rolled_back(writes)

    def notice(self, message: str) -> None:
        """Tells the observer: see `Notices.notice`."""
        self._notices.notice(message)

    def code_was_made_elsewhere(self) -> None:
        """Code in the database may have prepared statements in any session, while it was trusted."""
        for connection in self.connections:
            connection.session.leave_dirty(drop_statements=True)

    def carry_out(self, session: ClientSession) -> None:
        """Does what the messages of a client lead to outside of its session."""
        for effect in session.take_effects():
            if isinstance(effect, Notice):
                if effect.once:
                    self.notice_once(effect.text)
                else:
                    self.notice(effect.text)
            elif isinstance(effect, QueryRefused):
                self.accounting.query_refused(session, effect.sql, effect.response)
            elif isinstance(effect, DatabasesNeeded):
                if self._limit is not None:
                    self._limit.needs_alone(effect.databases)
            else:
                self.caching.schema_changed()

    @property
    def pinned(self) -> int:
        """How many clients keep their origin connection."""
        return sum(client.session.pinned for client in self.clients)

    def snapshot(self) -> PoolSnapshot:
        """Its state now."""
        return take_snapshot(
            self.binding,
            self.config,
            self.connections,
            self.requests,
            waiting=self.waiting,
            clients=len(self.clients),
            opening=self.opening,
        )

    # --- settings ------------------------------------------------------------------------------------------

    async def settings_for(self, client: StartingClient, requested: dict[str, str]) -> SessionSettings:
        """The session settings of a client that asks for `requested`: see `ClientSettings.settings_for`."""
        return await self._settings.settings_for(client, requested, self.run)

    async def run(self, connection: OriginConnection, sql: str) -> Rows:
        """Runs the proxy's own `sql`: see `internal_query.run_on`."""
        return await run_on(connection, sql, self.config)

    def defaults_changed(self) -> None:
        """The default settings have changed: replaces the connections, and forgets what relied on the old ones."""
        self.stored_code.defaults_noted()
        self.drain()
        self._settings.defaults_changed()
        self.schema_changed()

    def reports_defaults(self, connection: OriginConnection, *, at_start: bool = False) -> None:
        """`connection` has reported the origin's defaults. Tells the clients what has changed.

        `at_start`: the connection is new. Older ones keep the defaults of the time when they were opened.
        """
        parameters = connection.stream.parameters
        changes = self._settings.defaults_are(connection.session.settings, parameters, at_start=at_start)
        if changes:
            if at_start:
                self.drain(keep=connection)
            self.schema_changed()  # constants in statements were read under the old ones
            for client in self.clients:
                client.parameters_changed(changes)

    # --- time ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._ticker is None and not self.closed:
            self._ticker = self._loop.call_later(TICK_S, self._tock)

    def _tock(self) -> None:
        """Once a second while there is anything to watch: waits, statements and idle times that last too long."""
        self._ticker = None
        now = _monotonic()
        for client in self._waiters.take_overdue(now):
            client.origin_unavailable(self._why_none())
        for connection in list(self.connections):
            self._time_limits.check(connection, now)
        self.stored_code.grow_old()
        while self._idle and now - next(iter(self._idle)).idle_since > self.options.idle_timeout_s:
            self._discard(next(iter(self._idle)))
        if self._opener.unavailable is not None and not self.opening:
            self.open_for_waiters()
        if self.connections or self._waiters:
            self._tick()

    def _why_none(self) -> OriginUnavailable:
        """The error for a client that has waited in vain."""
        limit = self.config.connection_limit
        unavailable = self._opener.unavailable
        if unavailable is not None and self._connections_in_all() < limit:
            return unavailable
        return failures.pool_exhausted(limit, self.options.pool_wait_timeout_s)

    def round_trip_s(self) -> float:
        """How much longer the next round trip to the origin takes than it has to."""
        return self.conditions.round_trip_s(self.binding)

    def conditions_changed(self) -> None:
        """The distance may be another one; faults are looked up with each query."""
        if self.conditions.latency_of(self.binding) is not None:
            for connection in self.connections:
                connection.be_distant(self.round_trip_s)

    # --- life ----------------------------------------------------------------------------------------------

    def update(self, config: PoolConfig) -> None:
        """Takes on a changed config; connections to another origin are closed as they become free."""
        elsewhere = not same_origin(config, self.config)
        self.config = config
        self.caching.config_changed()
        if elsewhere:
            self.drain()
            self._opener.origin_changed()
            self._settings.forget()
            self.schema_changed()
        while self._idle and self._connections_in_all() > config.connection_limit:
            self._discard(next(iter(self._idle)))
        self.open_for_waiters()

    def end(self) -> None:
        """Closes each connection as it becomes free: no client will come any more."""
        self._ended = True
        self.drain()

    def drain(self, *, keep: OriginConnection | None = None) -> None:
        """Closes each open connection, except `keep`, as it becomes free."""
        for connection in list(self.connections):
            if connection is keep:
                continue
            if connection.idle:
                self._discard(connection)
            else:
                connection.retire()

    def restart(self) -> None:
        """Closes every origin connection: those in use when their query ends or, at the latest, soon. Queries under
        way may fail, then; later ones get new connections."""
        before = list(self.connections)
        self.drain()
        self._loop.call_later(RESTART_GRACE_S, self._abort_all, before)

    def _abort_all(self, connections: list[OriginConnection]) -> None:
        for connection in connections:
            if not connection.closed:
                if connection.stream.queue:  # or the origin goes on with it
                    self.cancel(connection)
                connection.abort()

    async def close(self) -> None:
        self.closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        for connection in list(self.connections):
            connection.close()
        await self._tasks.stop()
