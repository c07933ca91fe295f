"""The origin connections of one config: opened up to a limit, handed out first come first served."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from wrangler_py.cache.counts import ConfigCounts
from wrangler_py.cache.store import CacheStore
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.client_startup import Refused
from wrangler_py.proxy import failures
from wrangler_py.proxy.accounting import Accounting
from wrangler_py.proxy.caching import Caching, WrittenByDatabase
from wrangler_py.proxy.conditions import ROUND_TRIPS_TO_CONNECT, Conditions
from wrangler_py.proxy.connect import cancel, connect
from wrangler_py.proxy.deadlocks import DeadlockWatch
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.observer import Observer
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin import Collector, OriginConnection
from wrangler_py.proxy.shared_limit import SharedLimit
from wrangler_py.proxy.snapshot import PoolSnapshot, take_snapshot
from wrangler_py.proxy.worker_requests import Requests
from wrangler_py.querylog.log import QueryLog
from wrangler_py.session.settings import APPLICATION_NAME, SessionSettings, probe
from wrangler_py.session.sql_text import SQLTexts
from wrangler_py.session.statements import Statements
from wrangler_py.session.stored_code import StoredCode

if TYPE_CHECKING:
    from wrangler_py.pgwire.outstanding_requests import SentGroup
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.connection_user import ConnectionUser
    from wrangler_py.proxy.login import Login
    from wrangler_py.proxy.query_run import QueryRun

MAX_KNOWN_SETTINGS = 1_000
"""Distinct sets of session settings remembered per pool."""
TICK_S = 1.0
_NO_SUCH_DATABASE = "3D000"
SWITCH_AFTER_S = 0.05
"""A client that has waited so long is served before others for whose settings a connection is there already."""
NEWS_GRACE_S = 0.01
RESTART_GRACE_S = 1.0
"""How long what is under way may go on after a restart."""


class Waiter:
    """A client that waits for a connection."""

    __slots__ = ("client", "deadline", "since")

    def __init__(self, client: ConnectionUser, since: float, timeout_s: float) -> None:
        self.client = client
        self.since = since
        self.deadline = since + timeout_s


class Pool:
    """All that clients of one binding share.

    `baseline` are the settings of a connection for which nobody asked for any, known once one has been opened.
    A connection serves clients with the settings it was opened with; one makes room for another if it has to.
    `said` is what people were told once, by any pool; `counts` are those of the config, for one of several pools.
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
        said: set[str],
        query_log: QueryLog,
        conditions: Conditions,
        counts: ConfigCounts | None = None,
    ) -> None:
        self.binding = binding
        self.config = config
        self.options = options
        self.requests = requests
        self.observer = observer
        self.query_log = query_log
        self.conditions = conditions
        self.texts = SQLTexts()
        self.statements = Statements(self.texts)
        self.connections: set[OriginConnection] = set()
        self.caching = Caching(self, store, written, counts or ConfigCounts())
        self.stored_code = StoredCode()
        self.accounting = Accounting(self)
        self.baseline: SessionSettings = None  # type: ignore[assignment]  # set by the first connection
        self.closed = False
        self.reset_was_refused = False
        """The origin does not take the whole reset; DISCARD ALL takes its place, which drops statements, too."""
        self._ended = False
        self.clients: set[ClientSession] = set()
        self.pinned = 0
        self.process_ids: dict[int, int] = {}
        """For those of the origin, the one that the client which listens or notifies there knows as its own."""
        self._said = said
        self._shared: SharedLimit | None = None
        self._new: OriginConnection | None = None
        """The connection that was opened last, until it is free for the first time."""
        self._connection_numbers = itertools.count(1)
        self._deadlocks = DeadlockWatch(self)
        self._failures: set[str] = set()
        self._idle: dict[OriginConnection, None] = {}
        """The one that has been idle longest first."""
        self._waiters: deque[Waiter] = deque()
        self._opening: Counter[frozenset[tuple[str, str]]] = Counter()
        """How many connections are being opened, by settings."""
        self._unavailable: OriginUnavailable | None = None
        """Why the last connection could not be opened; those that are open go on being used."""
        self._known_settings: OrderedDict[frozenset[tuple[str, str]], SessionSettings] = OrderedDict()
        self._interned: dict[frozenset[tuple[str, str]], SessionSettings] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._ticker: asyncio.TimerHandle | None = None

    # --- checkout and release ------------------------------------------------------------------------------

    def checkout(self, client: ConnectionUser) -> OriginConnection | None:
        """A connection at once, or None: then `client.granted` or `client.origin_unavailable` follows."""
        connection = self.take(client)
        if connection is None:
            self.wait(client)
        return connection

    def wait(self, client: ConnectionUser) -> None:
        """There is no connection for `client` now: `client.granted` or `client.origin_unavailable` follows."""
        now = self._loop.time()
        client.starts_waiting(now)
        self._waiters.append(Waiter(client, now, self.options.pool_wait_timeout_s))
        self._tick()
        self._deadlocks.somebody_waits()
        self.open_for_waiters()

    def take(self, client: ConnectionUser) -> OriginConnection | None:
        """An idle connection, if there is one and nobody waits for it."""
        if self._waiters:
            return None
        while True:
            connection = self._take_idle(client)
            if connection is None:
                return None
            connection.idle = False
            if connection.closed:
                continue
            if self._loop.time() > connection.idle_since and connection.has_news:
                # Perhaps it was closed at the other end: let the event loop read before it is used.
                self._loop.call_later(NEWS_GRACE_S, self._available_again, connection)
                continue
            connection.client = client
            self._tick()
            return connection

    def put_back(self, connection: OriginConnection) -> None:
        """It was taken, and not used."""
        connection.client = None
        self.available(connection)

    def _take_idle(self, client: ConnectionUser) -> OriginConnection | None:
        """A connection with the settings of `client`: the one it used last, or the most recently used one."""
        idle = self._idle
        last = client.last_origin
        if last in idle and last.was_used_by(client):
            del idle[last]
            return last
        for connection in reversed(idle):
            if self._fits(connection, client):
                del idle[connection]
                return connection
        return None

    def _fits(self, connection: OriginConnection, client: ConnectionUser) -> bool:
        wanted = client.settings or self.baseline
        settings = connection.session.settings
        return settings is wanted or (wanted is not None and settings.key == wanted.key)

    def available(self, connection: OriginConnection) -> None:
        """`connection` is clean and nobody's."""
        if (
            connection.closed
            or connection.retired
            or self.closed
            or self._ended
            or self._connections_in_all() > self.config.connection_limit
            or (self._shared is not None and self._gives_up(connection))
        ):
            self._discard(connection)
            return
        client = self._next_waiter(connection)
        if client is not None:
            connection.client = client
            client.granted(connection)
            return
        connection.idle = True
        connection.idle_since = self._loop.time()
        self._idle[connection] = None
        if self._waiters:  # for connections with other settings
            self.open_for_waiters()

    def _next_waiter(self, connection: OriginConnection) -> ConnectionUser | None:
        """Who gets `connection`: the first who waits for its settings, unless others have waited for too long."""
        waiters = self._waiters
        while waiters and not waiters[0].client.waiting:
            waiters.popleft()
        if not waiters:
            return None
        if self._fits(connection, waiters[0].client):
            return waiters.popleft().client
        overdue = self._loop.time() - waiters[0].since > SWITCH_AFTER_S
        if overdue and not self._opening[self._key(waiters[0].client)]:
            return None
        for position, waiter in enumerate(waiters):
            if waiter.client.waiting and self._fits(connection, waiter.client):
                del waiters[position]
                return waiter.client
        return None

    def replace(self, connection: OriginConnection) -> None:
        """Closes a connection that nobody can use any more, and opens another in its place."""
        self._discard(connection)
        if not (self.closed or self._ended or self._waiters or connection.retired):
            self._start_opening(connection.session.settings)
        self.open_for_waiters()

    def _available_again(self, connection: OriginConnection) -> None:
        if not (connection.closed or connection.idle or connection.client or connection.stream.queue):
            self.available(connection)

    def not_idle(self, connection: OriginConnection) -> None:
        """`connection`, which waits for its next use, is not to be used for now."""
        if connection.idle:
            connection.idle = False
            del self._idle[connection]

    def withdraw(self, client: ConnectionUser) -> None:
        """`client` no longer waits."""
        for waiter in self._waiters:
            if waiter.client is client:
                self._waiters.remove(waiter)
                return

    # --- opening and losing connections --------------------------------------------------------------------

    def open_for_waiters(self) -> None:
        """Opens connections for those who wait and for whom none is being opened yet, as far as the limit goes."""
        if self._shared is not None:
            self._shared.open_for_waiters()
            return
        if self.closed or (not self._room and not self._idle):
            return
        opening = self._opening.copy()
        for waiter in self._waiters:
            key = self._key(waiter.client)
            if opening[key] > 0:
                opening[key] -= 1
            elif self._room or self._make_room():
                self._start_opening(waiter.client.settings or self.baseline)
            else:
                return

    @property
    def opening(self) -> int:
        """How many connections are being opened."""
        return self._opening.total()

    @property
    def _room(self) -> int:
        return max(0, self.config.connection_limit - len(self.connections) - self.opening)

    def _make_room(self) -> bool:
        """Closes the connection that has been idle longest, if there is one: nobody who waits has its settings."""
        if not self._idle:
            return False
        self._discard(next(iter(self._idle)))
        return True

    def _key(self, client: ConnectionUser) -> frozenset[tuple[str, str]]:
        return client.settings.key if client.settings is not None else frozenset()

    def _start_opening(self, settings: SessionSettings | None) -> None:
        self._opening[settings.key if settings is not None else frozenset()] += 1
        self._spawn(self._open(settings))

    async def _open(self, settings: SessionSettings | None) -> None:
        config, opening = self.config, self._opening
        key = settings.key if settings is not None else frozenset()
        began = self._loop.time()
        try:
            distance_s = ROUND_TRIPS_TO_CONNECT * self.round_trip_s()
            values = settings.values if settings else {}
            connection = await connect(config, self.options.connect_timeout_s, values, distance_s)
        except OriginUnavailable as error:
            opening[key] -= 1
            if opening is self._opening:  # else another origin has taken the place of this one
                self._unavailable = error
                self._fail_waiters(key, error)
            if self._shared is not None:
                self._shared.connection_closed()
            return
        except BaseException as error:
            opening[key] -= 1
            if isinstance(error, Exception) and opening is self._opening:
                self._fail_waiters(key, failures.internal_error())
            raise
        opening[key] -= 1
        if self.closed or opening is not self._opening:
            connection.close()
            self.open_for_waiters()
            return
        self._unavailable = None
        self.caching.counts.connection_latency.add((self._loop.time() - began) * 1000)
        self._add(connection, settings)
        if distance_s:
            connection.be_distant(self.round_trip_s, distance_s)
        connection.settle()

    def _add(self, connection: OriginConnection, settings: SessionSettings | None) -> None:
        self._failures.clear()
        self._new = connection
        self.connections.add(connection)
        if settings is None or not settings.values:
            if self.baseline is None:
                self.baseline = SessionSettings({}, dict(connection.stream.parameters))
                self._interned[frozenset()] = self.baseline
            settings = self.baseline
        connection.join(self, settings, next(self._connection_numbers))

    def _fail_waiters(self, key: frozenset[tuple[str, str]], error: OriginUnavailable) -> None:
        """Who waits for a connection with such settings, of which none is open, has nothing to wait for."""
        if any(connection.session.settings.key == key for connection in self.connections):
            return
        failed = [waiter for waiter in self._waiters if self._key(waiter.client) == key]
        if not self.connections or failed:
            self._say_failed(error)
        self._waiters = deque(waiter for waiter in self._waiters if self._key(waiter.client) != key)
        for waiter in failed:
            if waiter.client.waiting:
                waiter.client.origin_unavailable(error)

    def connection_lost(self, connection: OriginConnection) -> None:
        self.connections.discard(connection)
        self.process_ids.pop(connection.process_id, None)
        self.not_idle(connection)
        if self._shared is not None:
            self._shared.connection_closed()
        elif not self.closed:
            self.open_for_waiters()

    def code_was_made_elsewhere(self) -> None:
        """Code in the database may have prepared statements in any session, while it was trusted."""
        for connection in self.connections:
            connection.session.leave_dirty(drop_statements=True)

    def reset_refused(self) -> None:
        """The origin has answered a reset with an error."""
        self.reset_was_refused = True

    def _discard(self, connection: OriginConnection) -> None:
        self.not_idle(connection)
        self.connections.discard(connection)
        connection.close()
        if self._shared is not None:
            self._shared.connection_closed()

    # --- beside other pools --------------------------------------------------------------------------------

    def share(self, limit: SharedLimit) -> None:
        """Has the connections count towards `limit` from now on."""
        self._shared = limit

    @property
    def waiting_users(self) -> list[ConnectionUser]:
        """Who waits for a connection, the first come first."""
        return [waiter.client for waiter in self._waiters if waiter.client.waiting]

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return len(self._waiters)

    @property
    def next_to_open_for(self) -> Waiter | None:
        """Whoever has waited longest of those for whom no connection is being opened."""
        opening = self._opening.copy()
        for waiter in self._waiters:
            key = self._key(waiter.client)
            if not opening[key]:
                return waiter
            opening[key] -= 1
        return None

    def open_one(self, waiter: Waiter) -> None:
        """Opens a connection as `waiter` wants it."""
        self._start_opening(waiter.client.settings or self.baseline)

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
        return self._shared is not None and not (is_new and self._waiters) and self._shared.gives_up(self)

    def _connections_in_all(self) -> int:
        return len(self.connections) if self._shared is None else self._shared.connections

    def needs_alone(self, databases: frozenset[str]) -> None:
        """A statement is about to run that fails if anyone else is connected to these databases."""
        if self._shared is not None:
            self._shared.needs_alone(databases)

    def dropped(self, databases: frozenset[str]) -> None:
        """These databases are gone."""
        if self._shared is not None:
            self._shared.dropped(databases)

    # --- what is known of the schema -----------------------------------------------------------------------

    def schema_changed(self) -> None:
        """Something was run, here or elsewhere, that may make plans stale and have queries do other things."""
        self.statements.forget_all()
        self.stored_code.forget()
        self.caching.schema_changed()

    # --- what people are told ------------------------------------------------------------------------------

    def notice(self, message: str) -> None:
        """Says something to the person."""
        if self.observer is not None:
            self.observer.notice(message)

    def notice_once(self, message: str) -> None:
        """Says something to the person the first time only."""
        if message not in self._said:
            self._said.add(message)
            self.notice(message)

    def say_rolled_back(self, writes: list[QueryRun]) -> None:
        """Someone has left without a COMMIT for these: often they only forgot it."""
        request = writes[-1].request
        who = (self.requests.label(request.id) if request else None) or "a client"
        tables = ", ".join(sorted({table for run in writes for table in run.text.facts.tables_written}))
        if tables:
            self.notice(
                f"{self.binding}: {who} left a transaction open: what it wrote to {tables} is rolled back; "
                "commit it, or connect with autocommit"
            )

    def _say_failed(self, error: OriginUnavailable) -> None:
        """Each kind of failure once, until a connection is had again: drivers often leave the hint out."""
        message = str(error)
        if self.config.cache_scope and error.sqlstate == _NO_SUCH_DATABASE:
            return  # the config doesn't name it: a client asked for it
        if self.observer is not None and message not in self._failures:
            self._failures.add(message)
            self.observer.failure(self.binding, message, error.hint)

    def snapshot(self) -> PoolSnapshot:
        """What it looks like now."""
        return take_snapshot(self)

    # --- distance ------------------------------------------------------------------------------------------

    def round_trip_s(self) -> float:
        """How much longer the next round trip to the origin takes than it does."""
        return self.conditions.round_trip_s(self.binding)

    def conditions_changed(self) -> None:
        """The distance may be another one; faults are looked up with each query."""
        if self.conditions.latency_of(self.binding) is not None:
            for connection in self.connections:
                connection.be_distant(self.round_trip_s)

    # --- settings ------------------------------------------------------------------------------------------

    async def settings_for(self, client: Login, requested: dict[str, str]) -> SessionSettings:
        """The session settings of a client that asks for `requested` at start-up.

        The origin is asked only the first time. Raises OriginUnavailable, and Refused with the server's own words
        for a setting it doesn't take.
        """
        requested = {name: value for name, value in requested.items() if name != "application_name"}
        key = frozenset(requested.items())
        known = self._known_settings.get(key)
        if known is not None:
            self._known_settings.move_to_end(key)
            return known
        if not requested and self.baseline is not None:
            return self.baseline
        while True:
            connection = await client.wait_for_origin()
            try:
                known = await self._probe(connection, requested) if requested else self.baseline
            finally:
                current = not connection.retired
                if connection.client is client:
                    connection.release()
            if current:
                break
        if not requested:
            return known
        self._known_settings[key] = known
        if len(self._known_settings) > MAX_KNOWN_SETTINGS:
            self._known_settings.popitem(last=False)
        return known

    async def _probe(self, connection: OriginConnection, requested: dict[str, str]) -> SessionSettings:
        connection.session.leave_dirty()  # also if the client goes away meanwhile
        rows = await self.run(connection, probe(requested))
        assert rows
        before, now = rows[0][0::2], rows[0][1::2]
        values = {
            name: value or "" for name, old, value in zip(requested, before, now, strict=True) if old != value
        }
        if not values:
            return self.baseline
        interned = frozenset(values.items())
        known = self._interned.get(interned)
        if known is None:
            parameters = {**connection.stream.parameters, "application_name": APPLICATION_NAME}
            known = self._interned[interned] = SessionSettings(values, parameters)
        return known

    def defaults_are(self, parameters: dict[str, str]) -> None:
        """What a connection without settings of its own reports. Tells the clients when the origin's defaults
        have been changed meanwhile."""
        changes = {name: value for name, value in parameters.items() if self.baseline.parameters.get(name) != value}
        if not changes:
            return
        for settings in {self.baseline, *self._interned.values()}:
            for name, value in changes.items():
                if name.lower() not in settings.values:
                    settings.parameters[name] = value
        for client in self.clients:
            client.parameters_changed(changes)

    async def run(self, connection: OriginConnection, sql: str) -> list[list[str | None]]:
        """Runs the proxy's own `sql` on a connection it holds and gives the rows of its last result.

        Raises Refused with the server's own error, OriginUnavailable when the connection is lost meanwhile.
        """
        collector = Collector()
        ended: asyncio.Future[SentGroup] = self._loop.create_future()

        def done(sent_group: SentGroup) -> None:
            if not ended.done():
                ended.set_result(sent_group)

        connection.run(sql, done, collector)
        sent_group = await ended
        if sent_group.error == b"":
            raise failures.connection_attempt_failed(self.config, "connection_lost")
        if sent_group.error is not None:
            fields = messages.parse_report(sent_group.error[5:])
            raise Refused(fields.get("C", "XX000"), fields.get("M", ""), fields.get("H"))
        return messages.text_rows(collector.data)

    # --- time ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._ticker is None and not self.closed:
            self._ticker = self._loop.call_later(TICK_S, self._tock)

    def _tock(self) -> None:
        """Once a second while there is anything to watch: waits, statements and idle times that last too long."""
        self._ticker = None
        now = self._loop.time()
        while self._waiters and self._waiters[0].deadline <= now:
            client = self._waiters.popleft().client
            if client.waiting:
                client.origin_unavailable(self._why_none())
        for connection in list(self.connections):
            self._watch(connection, now)
        self.stored_code.grow_old()
        while self._idle and now - next(iter(self._idle)).idle_since > self.options.idle_timeout_s:
            self._discard(next(iter(self._idle)))
        if self._unavailable is not None and not self.opening:
            self.open_for_waiters()
        if self.connections or self._waiters:
            self._tick()

    def _why_none(self) -> OriginUnavailable:
        """Why someone has waited in vain."""
        limit = self.config.connection_limit
        if self._unavailable is not None and self._connections_in_all() < limit:
            return self._unavailable
        return failures.pool_exhausted(limit, self.options.pool_wait_timeout_s)

    def _watch(self, connection: OriginConnection, now: float) -> None:
        queue = connection.stream.queue
        if not queue:
            connection.cancelled_at = None
            return
        client = connection.client
        if client is not None and client.write_paused and now - queue[0].sent_at > TICK_S:
            self.caching.overtake(queue[0])
        if connection.abandoned_at is not None:
            too_long = now - connection.abandoned_at > self.options.abandoned_grace_s
        else:
            too_long = queue[0].is_running and now - queue[0].sent_at > self.options.statement_timeout_s
        if not too_long:
            connection.cancelled_at = None
        elif connection.cancelled_at is None:
            connection.cancelled_at = now
            if connection.abandoned_at is None:
                self._say_too_long(queue[0])
            self.cancel(connection)
        elif now - connection.cancelled_at > self.options.cancelled_grace_s:
            connection.abort()

    def _say_too_long(self, sent_group: SentGroup) -> None:
        limit = self.options.statement_timeout_s
        sent_group.report_cancel_as(failures.statement_limit(limit))
        self.notice(f"a statement on {self.binding} ran longer than {limit:g} s and is cancelled")

    def cancel(self, connection: OriginConnection) -> asyncio.Future[None]:
        """Cancels what `connection` is running at the origin; done when the origin has passed that on."""
        connection.cancel_begins()
        return self._spawn(self._cancel(connection))

    async def _cancel(self, connection: OriginConnection) -> None:
        try:
            if latency := self.conditions.latency_of(self.binding):  # it must not be there before the query
                await asyncio.sleep(2 * latency.longest_ms / 1000)
            await cancel(connection, connection.config, self.options.connect_timeout_s)
        finally:
            connection.cancel_ended()

    # --- life ----------------------------------------------------------------------------------------------

    def update(self, config: PoolConfig) -> None:
        """Takes on a changed config; connections to another origin are closed as they become free."""
        elsewhere = not _same_origin(config, self.config)
        self.config = config
        self.caching.config_changed()
        if elsewhere:
            self.drain()
            self._known_settings.clear()
            self._interned.clear()
            self.schema_changed()
            self.baseline = None  # type: ignore[assignment]
            self._opening = Counter()  # those that are being opened lead to the old origin: nobody waits for them
            self._unavailable = None
        while self._idle and self._connections_in_all() > config.connection_limit:
            self._discard(next(iter(self._idle)))
        self.open_for_waiters()

    def end(self) -> None:
        """Closes each connection as it becomes free: no client will come any more."""
        self._ended = True
        self.drain()

    def drain(self) -> None:
        """Closes each connection that is open as it becomes free."""
        for connection in list(self.connections):
            if connection.idle:
                self._discard(connection)
            else:
                connection.retired = True

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
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Future[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _same_origin(one: PoolConfig, other: PoolConfig) -> bool:
    return (one.origin, one.tls, one.options) == (other.origin, other.tls, other.options)
