"""What the server process of a test run does: serves the project's bindings on databases of the run's own."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wrangler_py.devserver.connection_environment import connection_string, connection_variables
from wrangler_py.devserver.embedded import EmbeddedPostgres, tests_state
from wrangler_py.devserver.embedded_schema import SCHEMA, SEED, run_unrecorded
from wrangler_py.devserver.listening_socket import LOOPBACK
from wrangler_py.devserver.migration import migrate
from wrangler_py.devserver.targets import resolve_bindings
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import (
    EmbeddedDatabase,
    ResolvedBinding,
    find_local_string,
    resolve_to,
)
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import Origin, PoolConfig
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING
from wrangler_py.hyperdrive.psycopg_connection import connect
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.tool_settings import read_tool_settings
from wrangler_py.project.variables import environment_variables, load_variables
from wrangler_py.proxy.conditions import parse_fault, parse_latency
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.server import Proxy
from wrangler_py.querylog.record import QueryRecord
from wrangler_py.testing.case_summary import CaseSummary, summarize_case
from wrangler_py.testing.database_series import DatabaseSeries
from wrangler_py.testing.messages import BindingFields, Rows, RunOptions, Started
from wrangler_py.testing.worker_run import WorkerRun, start_worker
from wrangler_py.worker_protocol import HyperdriveEndpoint

_STATE = tests_state(Path(".wrangler", "state"))
_EMBEDDED_SETTINGS = {
    # What a crash of the machine would cost is made anew in the next run.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "128MB",
    "max_connections": "500",  # those of every worker of pytest-xdist
}


class RunServer:
    """Each public method is a command of pytest's process, see `server.py`; `close` ends all."""

    def __init__(self) -> None:
        self._password = secrets.token_urlsafe(24)
        self._pools: dict[str, PoolConfig] = {}
        self._series: dict[tuple[str, int, str], DatabaseSeries] = {}
        self._embedded: EmbeddedPostgres | None = None
        self._proxy: Proxy | None = None
        self._worker: WorkerRun | None = None
        self._options: RunOptions | None = None
        self._lines: list[str] = []

    # --- commands ------------------------------------------------------------------------------------------

    async def start(self, options: RunOptions) -> Started:
        """Serve the bindings of the project. Raises WranglerError if something keeps it from that."""
        if "HYPERDRIVE_CONNECTION_STRING" in os.environ:
            raise WranglerError(
                "pytest was started with the connection string of another local Hyperdrive.",
                hint="Run it without `wrangler-py hyperdrive exec`: the fixtures start their own.",
            )
        self._options = options
        config = None if options.config is None else _load(options.config)
        if config is not None and options.environment not in (None, *config.environments):
            raise WranglerError(
                f"{config.path.name} has no environment {options.environment!r}.",
                hint="It is set by `hyperdrive_env` in pytest's configuration. "
                f"Environments: {', '.join(config.environments) or 'none'}",
            )
        section = None if config is None else config.section(options.environment)
        environ = environment_variables(options.root, options.environment)
        if section is None:
            bindings: Sequence[ResolvedBinding] = (_default_binding(environ),)
        else:
            bindings = resolve_bindings(section, environ)
        if not bindings:
            assert config is not None
            raise WranglerError(
                f"{config.path.name} has no Hyperdrive binding.",
                hint="Add one: wrangler-py hyperdrive bind CONFIG\n"
                f"For the embedded PostgreSQL: wrangler-py hyperdrive bind {'0' * 32}",
            )
        self._proxy = proxy = Proxy(
            password=self._password,
            password_is_random=True,
            observer=self,
            options=ProxyOptions(serves_tools=True),
        )
        await proxy.start(LOOPBACK)
        for each in bindings:
            self._pools[each.binding] = pool = await self._pool(each)
            proxy.add_pool(each.binding, pool)
        for pool in self._pools.values():
            await self._prepare(pool)
        await self.use_shared_database()
        names = {binding: pool.origin.database for binding, pool in self._pools.items()}
        return Started(
            bindings={
                binding: BindingFields(
                    connection_string=connection_string(binding, proxy.port, self._password, database),
                    host=LOOPBACK,
                    port=proxy.port,
                    user=binding,
                    password=self._password,
                    database=database,
                )
                for binding, database in names.items()
            },
            environment=connection_variables(names, proxy.port, self._password),
            vars={} if section is None else load_variables(options.root, section),
        )

    async def use_fresh_database(self) -> str:
        """Point every pool at a database as the template is; the name of the first binding's."""
        names = [
            await series.fresh(lambda origin, place=place: self._point(place, origin))  # type: ignore[misc]
            for place, series in self._series.items()
        ]
        self._running_proxy.clear_cache()
        return names[0]

    async def use_shared_database(self) -> None:
        """Point every pool at the database of the tests that ask for none."""
        for place, series in self._series.items():
            await series.shared(lambda origin, place=place: self._point(place, origin))  # type: ignore[misc]
        self._running_proxy.clear_cache()

    async def last_number(self) -> int:
        """The number of the last query that has ended."""
        return self._running_proxy.query_log.last_number

    async def records(self, after: int) -> list[QueryRecord]:
        """The queries that ended after that one."""
        return self._running_proxy.query_log.records(after)

    async def summary(self, after: int) -> CaseSummary:
        """A summary of the queries that ended after that one: those of a test."""
        return summarize_case(self._running_proxy.query_log.records(after))

    async def lines(self, after: int) -> list[str]:
        """The messages of the proxy and the lines of the Worker, without the first `after`."""
        return self._lines[after:]

    async def clear_cache(self) -> int:
        """Forget all cached answers; how many there were."""
        return self._running_proxy.clear_cache()

    async def add_latency(self, text: str, seed: int | None) -> tuple[str, ...]:
        """Turn a latency on; returns those that were on, for `set_latencies`."""
        conditions = self._running_proxy.conditions
        before = conditions.latencies
        new = parse_latency(text)
        others = [latency for latency in before if latency.binding != new.binding]
        conditions.change(latencies=[*others, new], seed=seed)
        return tuple(map(str, before))

    async def set_latencies(self, texts: tuple[str, ...]) -> None:
        """Have these latencies on, and no others."""
        self._running_proxy.conditions.change(latencies=[parse_latency(text) for text in texts])

    async def add_fault(self, text: str, seed: int | None) -> tuple[str, ...]:
        """Turn a fault on; returns those that were on, for `set_faults`."""
        conditions = self._running_proxy.conditions
        before = conditions.faults
        conditions.change(faults=[*before, parse_fault(text)], seed=seed)
        return tuple(map(str, before))

    async def set_faults(self, texts: tuple[str, ...]) -> None:
        """Have these faults on, and no others."""
        self._running_proxy.conditions.change(faults=[parse_fault(text) for text in texts])

    async def execute(self, binding: str, sql: str, parameters: Any) -> Rows:
        """Run SQL straight at the origin, past cache and pool."""
        proxy = self._running_proxy
        if binding not in proxy.pools:
            raise WranglerError(f"There is no binding {binding}.", hint=f"Bindings: {', '.join(proxy.pools)}")
        config = proxy.pools[binding].config
        return await asyncio.to_thread(_execute, config, sql, parameters)

    async def start_worker(self) -> str:
        """Start the project's Worker, unless it runs; its URL. Raises WranglerError if it cannot be loaded."""
        options = self._options
        assert options is not None
        if options.config is None:
            raise WranglerError(
                f"There is no wrangler.toml in {options.root}, so there is no Worker to start.",
                hint="Run pytest in the Worker's project, or set its config file with `hyperdrive_config` in\n"
                "pytest's configuration.",
            )
        if self._worker is None:
            endpoints = {
                binding: HyperdriveEndpoint(
                    host=LOOPBACK,
                    port=self._running_proxy.port,
                    database=pool.origin.database,
                    password=self._password,
                )
                for binding, pool in self._pools.items()
            }
            self._worker = await start_worker(
                ConfigFile.load(options.config),
                options.environment,
                self._running_proxy,
                endpoints,
                state=options.root / _STATE,
                say=self._lines.append,
            )
        return self._worker.url

    async def worker_mark(self) -> tuple[int, int]:
        """Where the next request of the Worker begins, for `worker_records`."""
        assert self._worker is not None
        return self._running_proxy.query_log.last_number, self._worker.requests_started

    async def worker_records(self, since: tuple[int, int], until: tuple[int, int] | None) -> list[QueryRecord]:
        """The queries of the Worker's requests that began between two marks, when those requests are over."""
        assert self._worker is not None
        return await self._worker.records(since, until)

    async def close(self) -> None:
        """End all, and drop the databases."""
        if self._worker is not None:
            await self._worker.close()
        if self._proxy is not None:
            await self._proxy.close()
        for series in self._series.values():
            await series.close()
        if self._embedded is not None:
            await asyncio.to_thread(self._embedded.stop)

    # --- what the proxy says -------------------------------------------------------------------------------

    wants_queries = False

    def query(self, event: QueryEvent) -> None: ...

    def notice(self, message: str) -> None:
        self._lines.append(message)

    def failure(self, binding: str, message: str, hint: str | None) -> None:
        self._lines.append(f"env.{binding}: {message}" + (f" {hint}" if hint else ""))

    # --- databases -----------------------------------------------------------------------------------------

    @property
    def _running_proxy(self) -> Proxy:
        assert self._proxy is not None, "`start` comes first"
        return self._proxy

    def _point(self, place: tuple[str, int, str], origin: Origin) -> None:
        for binding, pool in self._pools.items():
            if _place(pool.origin) == place:
                self._running_proxy.update_pool(binding, replace(pool, origin=origin))

    async def _pool(self, binding: ResolvedBinding) -> PoolConfig:
        assert self._options is not None
        match binding.database:
            case PoolConfig() as pool:
                return pool
            case EmbeddedDatabase() as database:
                if self._embedded is None:
                    state = self._options.root / _STATE
                    self._embedded = await asyncio.to_thread(EmbeddedPostgres.start, state, _EMBEDDED_SETTINGS)
                origin = await asyncio.to_thread(self._embedded.origin, database.name)
                return database.pool_config(origin, binding.config)

    async def _prepare(self, pool: PoolConfig) -> None:
        """Make the template of the database behind `pool`, unless it is there."""
        options = self._options
        assert options is not None
        place = _place(pool.origin)
        if place in self._series:
            return
        # Where copies are made from: never the database that is copied, which must have no connections.
        administrative = self._embedded.administrative_origin() if pool.embedded and self._embedded else pool.origin
        series = self._series[place] = DatabaseSeries(
            pool.origin,
            pool.tls,
            administrative,
            isolation=options.isolation,
            run=options.run,
            worker=options.worker,
        )
        pools = {binding: each for binding, each in self._pools.items() if _place(each.origin) == place}
        loop = asyncio.get_running_loop()
        command = read_tool_settings(options.root).migrate
        root = options.root

        def fill(name: str) -> None:
            origin = replace(pool.origin, database=name)
            if (root / SCHEMA).is_file():
                run_unrecorded(origin, pool.tls, root / SCHEMA)
            if command is not None:
                migration = migrate(command, pools, root, databases={pool.origin.database: name})
                asyncio.run_coroutine_threadsafe(migration, loop).result()
            if (root / SEED).is_file():
                run_unrecorded(origin, pool.tls, root / SEED)

        await series.prepare(fill)


def _place(origin: Origin) -> tuple[str, int, str]:
    return origin.host, origin.port, origin.database


def _load(path: Path) -> ConfigFile:
    if not path.exists():
        raise WranglerError(
            f"No such config file: {path}", hint="It is set by `hyperdrive_config` in pytest's configuration."
        )
    return ConfigFile.load(path)


def _default_binding(environ: Mapping[str, str]) -> ResolvedBinding:
    local = find_local_string(DEFAULT_BINDING, None, environ)
    return resolve_to(DEFAULT_BINDING, "", local, None, CertificateStore())


def _execute(config: PoolConfig, sql: str, parameters: Any) -> Rows:
    import psycopg

    try:
        with connect(config.origin, config.tls, options=config.options) as connection:
            cursor = connection.execute(sql.encode(), parameters)
            columns = tuple(each.name for each in cursor.description or ())
            return Rows(columns, cursor.fetchall() if cursor.description else [])
    except psycopg.Error as error:
        raise WranglerError(f"{sql}: {' '.join(str(error).split())}") from None
