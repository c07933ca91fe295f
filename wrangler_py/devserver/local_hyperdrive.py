"""The local Hyperdrive: the proxy with a pool for each binding, for Workers and for any client on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from wrangler_py.console import Messages
from wrangler_py.devserver import connection_environment, restart
from wrangler_py.devserver.embedded import EmbeddedEndedError
from wrangler_py.devserver.embedded_schema import SCHEMA, SEED, FileChange
from wrangler_py.devserver.listening_socket import LOOPBACK
from wrangler_py.devserver.migration import is_migrating, migrate
from wrangler_py.devserver.origins import Origins
from wrangler_py.devserver.output import count_of
from wrangler_py.devserver.pool_description import describe_changes, describe_default
from wrangler_py.devserver.session_control import SessionControl
from wrangler_py.devserver.session_summary import SummaryRecorder, write_summary
from wrangler_py.devserver.store_watch import store_changes
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.hyperdrive.execution_log import ExecutionLog
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.server import Proxy
from wrangler_py.sql.analyse import analyse
from wrangler_py.worker_protocol import HyperdriveEndpoint

_ENDS_BEFORE_BACK_OFF = 3
_END_WINDOW_S = 10.0
_BACK_OFF_MAX_S = 30.0

Resolve = Callable[[], Sequence[ResolvedBinding]]
"""Reads the bindings to serve; called again whenever a stored config has changed."""


class LocalHyperdrive:
    """Serves bindings from `start` to `close`. `serving` calls both, and follows the stored configs in between.

    A client logs in with the binding's name and `password`, a random one by default. `messages` gets what a person
    should know, such as why an origin cannot be reached; `on_query` gets each query that has ended.
    `leaves_summary`: a summary of the session is left in `state`.
    `root` is the project's folder, `state` where the embedded PostgreSQL keeps its data, `adjust` changes each
    pool after it was resolved, `port_option` is the option that chose `port` (0: any free one). `migrate` is the
    command that brings embedded databases up to date when their server was started.
    """

    def __init__(
        self,
        *,
        root: Path,
        state: Path,
        messages: Messages,
        on_query: Callable[[QueryEvent], None] | None = None,
        adjust: Callable[[PoolConfig], PoolConfig] = lambda pool: pool,
        options: ProxyOptions | None = None,
        port: int = 0,
        port_option: str = "--port",
        password: str | None = None,
        leaves_summary: bool = False,
        migrate: str | None = None,
    ) -> None:
        self.bindings: tuple[ResolvedBinding, ...] = ()
        self.pools: dict[str, PoolConfig] = {}
        self.database_files = frozenset((root / SCHEMA, root / SEED))
        """The files that `apply_schema` reads."""
        self._root = root
        self._migrate_command = None if is_migrating() else migrate
        self._left_out: set[FileChange] = set()
        self._messages = messages
        self._on_query = on_query
        self._adjust = adjust
        self._port = port
        self._port_option = port_option
        self._password = password or secrets.token_urlsafe(24)
        self._origins = Origins(state, on_crash=self._embedded_crashed, on_end=self._embedded_ended)
        self._closing = False
        self._recovery: asyncio.Task[None] | None = None
        self._ends: list[float] = []
        self._summary = (state, SummaryRecorder()) if leaves_summary else None
        self.wants_queries = on_query is not None or leaves_summary
        self._executions = ExecutionLog()
        self._executed: dict[str, float | None] = {}
        self._deleted: set[str] = set()
        self._warned: set[tuple[str, tuple[str, ...]]] = set()
        self._updating = asyncio.Lock()
        self._warm_up: asyncio.Task[object] | None = None
        self._control = SessionControl(self._asked_by_command)
        self.proxy = Proxy(
            password=self._password, password_is_random=password is None, observer=self, options=options
        )

    async def start(self, bindings: Sequence[ResolvedBinding]) -> None:
        """Serve `bindings`, on the embedded PostgreSQL if one needs it; `close` is to follow, also if this fails.

        Raises `WranglerError` if the port is taken or the embedded PostgreSQL does not start.
        """
        try:
            await self.proxy.start(LOOPBACK, self._port)
        except OSError as error:
            raise WranglerError(
                f"The local Hyperdrive cannot listen on port {self._port}: {os.strerror(error.errno or 0)}.",
                hint=f"Choose another one with {self._port_option}, or leave it out for any free one.",
            ) from None
        control = asyncio.create_task(self._start_control())
        try:
            await self.update(bindings)
        finally:
            await control
        if self._migrate_command is not None and not any(pool.embedded for pool in self.pools.values()):
            self._messages.info(
                "The migration command is not run: no binding uses the embedded PostgreSQL. "
                f"Run it yourself on your own database: {self._migrate_command}"
            )
        self.proxy.conditions.check_bindings(self.pools)
        self._say_conditions()
        self.proxy.conditions.subscribe(self._conditions_changed)

    def warm_up(self) -> None:
        """Load PostgreSQL's parser in the background: it takes a while, and the first query needs it."""
        if self._warm_up is None:
            self._warm_up = asyncio.create_task(asyncio.to_thread(analyse, "SELECT 1"))

    async def close(self) -> None:
        """End the clients, the origin connections and what was started for them; harmless when repeated."""
        self._closing = True
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        self._leave_summary()
        await self._control.close()
        await asyncio.gather(self.proxy.close(), self._origins.stop(), return_exceptions=True)

    # How clients get here

    def endpoint(self, binding: str) -> HyperdriveEndpoint:
        """Where a Worker finds `binding`; its user name is the binding's, a dot and the request's id."""
        return HyperdriveEndpoint(
            host=LOOPBACK,
            port=self.proxy.port,
            database=self.pools[binding].origin.database,
            password=self._password,
        )

    def connection_string(self, binding: str) -> str:
        """What a client of `binding` connects with; the password in it is the proxy's, not the origin's."""
        database = self.pools[binding].origin.database
        return connection_environment.connection_string(binding, self.proxy.port, self._password, database)

    def wrangler_variables(self) -> dict[str, str]:
        """The variables that tell `wrangler dev` of local databases, the deprecated ones included."""
        strings = {binding: self.connection_string(binding) for binding in self.pools}
        return connection_environment.wrangler_variables(strings)

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited` with the connection in every form programs look for: the first binding's, and wrangler's
        variables for each."""
        return connection_environment.with_connection(inherited, self.connection_variables())

    def connection_variables(self) -> dict[str, str]:
        """The variables that `environment` adds."""
        databases = {binding: pool.origin.database for binding, pool in self.pools.items()}
        return connection_environment.connection_variables(databases, self.proxy.port, self._password)

    # What other commands ask of it

    async def _start_control(self) -> None:
        try:
            await self._control.start()
        except OSError as error:
            self._messages.warn(f"Other commands cannot reach this session: {error.strerror or error}.")

    def _asked_by_command(self, request: Mapping[str, object]) -> Mapping[str, object]:
        restarted, answer = restart.answer(request, self.bindings, self._root)
        for binding in restarted:
            self.proxy.restart(binding)
            self._messages.info(f"{binding} was restarted: its origin connections are closed.")
        return answer

    # What changes while it runs

    async def update(self, bindings: Sequence[ResolvedBinding]) -> None:
        """Serve `bindings` as they are now, and report what has changed.

        A binding that was removed is `unbound`, and is served until `remove`. One whose config was deleted stays as
        it was.
        Raises `WranglerError`, with nothing changed, if a binding has nothing to connect to.
        """
        async with self._updating:
            bindings = [self._unless_deleted(each) for each in bindings]
            pools = await self._resolve(bindings)
            reasons = {each.binding: describe_default(each) for each in bindings}
            for each in bindings:
                self._warn_of_ignored(each)
            for binding, pool in pools.items():
                before = self.pools.get(binding)
                if binding not in self.proxy.pools:
                    self.proxy.add_pool(binding, pool)
                elif pool != before:
                    self.proxy.update_pool(binding, pool)
                if before is not None and (changes := describe_changes(before, pool)):
                    self._messages.info(f"{binding} has changed: {', '.join(changes)}.")
                    if pool.embedded and not before.embedded and (reason := reasons[binding]) is not None:
                        self._messages.info(reason)
                if before is not None and pool.origin != before.origin:
                    self.proxy.clear_cache()
            self.bindings, self.pools = tuple(bindings), pools
            self._executed = self._last_executed()

    @property
    def unbound(self) -> set[str]:
        """The bindings that are still served although `update` removed them."""
        return self.proxy.pools.keys() - self.pools.keys()

    async def remove(self, binding: str) -> None:
        """End the clients of `binding`, unless it has been taken up again."""
        if binding in self.unbound:
            await self.proxy.remove_pool(binding)

    async def apply_schema(self) -> None:
        """Bring the embedded databases up to date with the project's files, and forget cached answers if it did.

        Raises `WranglerError` for an error in a file, MigrationError if the migration command fails.
        """
        try:
            changes = await self._origins.prepare(self.bindings, self._root, self._migrate)
        except EmbeddedEndedError:
            await self.update(self.bindings)  # which starts it again
            changes = await self._origins.prepare(self.bindings, self._root, self._migrate)
        if any(change.action != "left out" for change in changes):
            self.proxy.changed_elsewhere()
        for change in changes:
            if change not in self._left_out:
                self._messages.info(str(change))
        self._left_out = {change for change in changes if change.action == "left out"}

    async def _migrate(self) -> None:
        if self._migrate_command is not None:
            pools = {binding: pool for binding, pool in self.pools.items() if pool.embedded}
            self._messages.info(f"Running: {self._migrate_command}")
            await migrate(self._migrate_command, pools, self._root)
            self.proxy.changed_elsewhere()

    async def config_changes(self) -> AsyncIterator[None]:
        """Once each time another command has changed a stored config, without end: `update` is to follow.

        Meanwhile the cache is cleared whenever `hyperdrive execute` has changed data.
        """
        async for change in store_changes():
            if change == "configs":
                yield
            elif (executed := self._last_executed()) != self._executed:
                self._executed = executed
                if answers := self.proxy.changed_elsewhere():
                    self._messages.info(
                        f"Cleared {count_of(answers, 'cached answer')}: another command has changed data."
                    )

    async def follow(self, resolve: Resolve) -> None:
        """Take on every change of the stored configs, without end."""
        async for _ in self.config_changes():
            try:
                await self.update(await asyncio.to_thread(resolve))
            except WranglerError as error:
                self._messages.warn(f"{error.message} The session keeps the previous version.")

    # What the proxy reports

    def query_counts(self) -> dict[str, dict[str, int]]:
        """How many queries had each cache status, by binding; those without a query are left out."""
        return {
            binding: {str(status): count for status, count in pool.caching.counts.by_status.items()}
            for binding, pool in self.proxy.pools.items()
            if pool.caching.counts.by_status
        }

    def _leave_summary(self) -> None:
        """Leave what was seen in the state folder, once and if there was something."""
        counts = {binding: pool.caching.counts for binding, pool in self.proxy.pools.items()}
        if self._summary is not None and any(each.by_status for each in counts.values()):
            state, recorder = self._summary
            self._summary = None
            self.wants_queries = self._on_query is not None
            write_summary(state, recorder.summary(counts, self.proxy.requests.most_connections))

    def query(self, event: QueryEvent) -> None:
        if self._summary is not None:
            self._summary[1].query(event)
        if self._on_query is not None:
            self._on_query(event)

    def notice(self, message: str) -> None:
        self._messages.warn(message)

    def _say_conditions(self) -> None:
        for line in self.proxy.conditions.describe():
            self._messages.warn(line)

    def _conditions_changed(self) -> None:
        if self.proxy.conditions.are_on:
            self._say_conditions()
        else:
            self._messages.info("Latency and faults are off.")

    def failure(self, binding: str, message: str, hint: str | None) -> None:
        self._messages.error(f"env.{binding}: {message}", hint)

    # When the embedded PostgreSQL dies

    def _embedded_crashed(self, what: str) -> None:
        self._messages.warn(f"The embedded PostgreSQL closed all its connections and recovers: {what}.")

    def _embedded_ended(self) -> None:
        if not self._closing and (self._recovery is None or self._recovery.done()):
            self._recovery = asyncio.create_task(self._restart_embedded())

    async def _restart_embedded(self) -> None:
        """Start it again: at once, but after longer and longer times if it doesn't stay."""
        now = asyncio.get_running_loop().time()
        self._ends = [moment for moment in self._ends if now - moment < _END_WINDOW_S] + [now]
        attempts = len(self._ends)
        why = "The embedded PostgreSQL has ended: its processes were killed, or crashed."
        if attempts < _ENDS_BEFORE_BACK_OFF:
            self._messages.warn(f"{why} It is started again.")
        else:
            await self._back_off(attempts, why, None)
        while True:
            try:
                await self._origins.let_go_of_ended()
                await self.update(self.bindings)
                await self.apply_schema()
            except WranglerError as error:
                attempts += 1
                await self._back_off(attempts, error.message, error.hint)
            else:
                if not self._origins.embedded_has_ended:
                    return
                attempts += 1
                await self._back_off(attempts, why, None)

    async def _back_off(self, attempts: int, why: str, hint: str | None) -> None:
        delay = min(2.0 ** (attempts - 1), _BACK_OFF_MAX_S)
        self._messages.error(f"{why} Next start in {delay:.0f} s.", hint)
        await asyncio.sleep(delay)

    async def _resolve(self, bindings: Sequence[ResolvedBinding]) -> dict[str, PoolConfig]:
        resolved = await self._origins.pools(bindings)
        return {binding: self._adjust(pool) for binding, pool in resolved.items()}

    def _warn_of_ignored(self, binding: ResolvedBinding) -> None:
        """Name, once, the parameters of a local connection string that have no effect."""
        names = binding.ignored_parameters
        if names and (binding.binding, names) not in self._warned:
            self._warned.add((binding.binding, names))
            self._messages.warn(
                f"env.{binding.binding}: these parameters of the connection string ({binding.source}) have no "
                f"effect: {', '.join(names)}"
            )

    def _unless_deleted(self, now: ResolvedBinding) -> ResolvedBinding:
        """`now`, or what was there before if all that has happened is that its config was deleted."""
        if now.config is not None:
            self._deleted.discard(now.id)
        for before in self.bindings:
            if before.binding == now.binding and before.id == now.id and before.config and not now.config:
                if now.id not in self._deleted:
                    self._deleted.add(now.id)
                    self._messages.warn(
                        f"The config {before.config.name} of {now.binding} was deleted. "
                        "It stays in use until this session ends."
                    )
                return before
        return now

    def _last_executed(self) -> dict[str, float | None]:
        try:
            return {binding: self._executions.last(pool.origin) for binding, pool in self.pools.items()}
        except WranglerError:
            return {}  # the next use of the config store reports the error


@contextlib.asynccontextmanager
async def serving(hyperdrive: LocalHyperdrive, resolve: Resolve) -> AsyncIterator[LocalHyperdrive]:
    """Serve what `resolve` gives while the block runs, the project's schema applied, and follow the configs.

    Raises `WranglerError` if it cannot start, or for an error in the schema.
    """
    bindings = resolve()
    try:
        await hyperdrive.start(bindings)
        hyperdrive.warm_up()
        await hyperdrive.apply_schema()
        following = asyncio.create_task(hyperdrive.follow(resolve))
        try:
            yield hyperdrive
        finally:
            following.cancel()
    finally:
        await hyperdrive.close()
