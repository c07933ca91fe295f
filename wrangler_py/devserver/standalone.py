"""The local Hyperdrive without a Worker: which databases it serves, and runs of it beside a command or alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from wrangler_py.console import Messages
from wrangler_py.dashboard.server import Dashboard
from wrangler_py.dashboard.sources import ProjectPlace, Sources
from wrangler_py.devserver.foreground_process import ForegroundProcess
from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive, Resolve, serving
from wrangler_py.devserver.pool_description import describe_default
from wrangler_py.devserver.query_lines import describe_counts, describe_query
from wrangler_py.devserver.query_report import QueryReport
from wrangler_py.devserver.signals import on_signals
from wrangler_py.errors import WranglerError
from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.hyperdrive.config import Caching, PoolConfig
from wrangler_py.hyperdrive.connection_string import check_identifier, check_text
from wrangler_py.open_files import allow_open_files
from wrangler_py.proxy.options import ProxyOptions

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneOptions:
    """One run. None means as the config says, port 0 any free port, and no password a random one.

    There is a dashboard if `dashboard_port` is not None; it binds configs in the config file of `project`.

    `database` is one of the same server, `pool_size` a number of origin connections. Raises `WranglerError` for a
    password or a database that cannot be one.
    """

    root: Path
    state: Path
    port: int = 0
    password: str | None = None
    database: str | None = None
    pool_size: int | None = None
    caching_disabled: bool = False
    log_queries: bool = False
    dashboard_port: int | None = None
    project: ProjectPlace | None = None
    report: QueryReport | None = None
    migrate: str | None = None
    proxy: ProxyOptions = field(default_factory=ProxyOptions)

    def __post_init__(self) -> None:
        if self.password is not None and not check_text(self.password, "password"):
            raise WranglerError("The password is empty.", hint="Leave --password out for a random one.")
        if self.database is not None:
            check_identifier(self.database, "database")

    def adjust(self, pool: PoolConfig) -> PoolConfig:
        """`pool` as these options want it."""
        origin = pool.origin if self.database is None else replace(pool.origin, database=self.database)
        return replace(
            pool,
            origin=origin,
            caching=Caching(disabled=True) if self.caching_disabled else pool.caching,
            connection_limit=self.pool_size or pool.connection_limit,
        )


def serve_as(bindings: Sequence[ResolvedBinding], user: str) -> list[ResolvedBinding]:
    """The one of `bindings`, for clients that log in as `user`. Raises `WranglerError` if there are several."""
    if len(bindings) > 1:
        names = ", ".join(each.binding for each in bindings)
        raise WranglerError(
            "A user name selects one database, but the project has several bindings.",
            hint=f"Name one of them: {names}",
        )
    if "." in user or not user:
        raise WranglerError(
            f"{user!r} cannot be the user name: a dot separates the name from a Worker's request.",
            hint="Choose one without a dot.",
        )
    return [replace(bindings[0], binding=check_identifier(user, "user"))]


def serve(
    resolve: Resolve,
    options: StandaloneOptions,
    *,
    ready: Callable[[LocalHyperdrive, str | None], None],
    messages: Messages,
) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP; `ready` is called when clients can connect, with the dashboard's URL.
    What was asked is counted at the end.

    Raises `WranglerError` if it cannot start.
    """

    allow_open_files()

    async def until_signal() -> None:
        async with (
            serving(_hyperdrive(options, messages), resolve) as hyperdrive,
            _dashboard(hyperdrive, options, messages) as url,
        ):
            ready(hyperdrive, url)
            try:
                await asyncio.Event().wait()
            finally:
                for binding, counts in hyperdrive.query_counts().items():
                    messages.info(f"{binding}: {describe_counts(counts)}")
                _write_report(options, hyperdrive)

    async def work() -> None:
        task = asyncio.create_task(until_signal())

        def end(_: signal.Signals) -> None:
            if not task.cancelling():
                task.cancel()

        on_signals(asyncio.get_running_loop(), end)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    _run(work())


def run_command(
    command: Sequence[str],
    resolve: Resolve,
    options: StandaloneOptions,
    *,
    cwd: Path,
    messages: Messages,
) -> int:
    """Run `command` with the connection in its environment; returns its exit status, 128 + n for a signal n.

    Signals that reach this process are passed on. Raises `WranglerError` if the command cannot be started,
    with the exit status a shell gives.
    """

    limits = allow_open_files()

    async def while_command_runs() -> int:
        process = ForegroundProcess(command, open_files=limits)
        process.pass_signals_on()
        async with (
            serving(_hyperdrive(options, messages), resolve) as hyperdrive,
            _dashboard(hyperdrive, options, messages) as url,
        ):
            if url is not None:
                messages.info(f"Dashboard: {url}")
            if process.interrupted:
                return 128 + signal.SIGINT
            for binding in hyperdrive.bindings:
                if (reason := describe_default(binding)) is not None:
                    messages.info(reason)
            if len(hyperdrive.bindings) > 1:
                messages.info(
                    f"DATABASE_URL and the like are for env.{hyperdrive.bindings[0].binding}, the first binding; "
                    "for another: wrangler-py hyperdrive exec BINDING -- …"
                )
            status = 0
            try:
                program = await process.start(cwd=cwd, environment=hyperdrive.environment(os.environ))
                status = await program.wait()
            except BaseException:
                _write_report(options, hyperdrive, instead_of_raising=messages)
                raise
            _write_report(options, hyperdrive, instead_of_raising=messages if status else None)
            return status

    return _run(while_command_runs())


def _write_report(
    options: StandaloneOptions, hyperdrive: LocalHyperdrive, *, instead_of_raising: Messages | None = None
) -> None:
    """Raises `WranglerError` if it cannot be written, or says so where there is another failure to report."""
    if options.report is None:
        return
    if instead_of_raising is None:
        options.report.write(hyperdrive.proxy.query_log)
    else:
        options.report.leave(hyperdrive.proxy.query_log, instead_of_raising)


def _hyperdrive(
    options: StandaloneOptions,
    messages: Messages,
) -> LocalHyperdrive:
    return LocalHyperdrive(
        root=options.root,
        state=options.state,
        messages=messages,
        on_query=(lambda event: messages.info(describe_query(event))) if options.log_queries else None,
        adjust=options.adjust,
        options=options.proxy,
        port=options.port,
        password=options.password,
        migrate=options.migrate,
    )


@contextlib.asynccontextmanager
async def _dashboard(
    hyperdrive: LocalHyperdrive, options: StandaloneOptions, messages: Messages
) -> AsyncIterator[str | None]:
    """Serve the dashboard while the block runs; gives its URL, None without a dashboard."""
    if options.dashboard_port is None:
        yield None
        return
    sources = Sources(messages=messages, served=hyperdrive, project=options.project)
    async with Dashboard(sources, port=options.dashboard_port) as dashboard:
        yield dashboard.url


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        return runner.run(work)
