"""The dev session of a Worker that the official tools run, beside the local Hyperdrive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wrangler_py.console import Level
from wrangler_py.dashboard.server import Dashboard
from wrangler_py.dashboard.sources import ProjectPlace, Sources
from wrangler_py.devserver.foreground_process import ForegroundProcess, RunningProgram
from wrangler_py.devserver.listening_socket import LOOPBACK, describe_reach, open_listening_socket, port_of
from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive, serving
from wrangler_py.devserver.output import Output, count_of
from wrangler_py.devserver.query_report import QueryReport
from wrangler_py.devserver.report import Report
from wrangler_py.devserver.targets import misnamed_variables, resolve_bindings
from wrangler_py.devserver.terminal_relay import TerminalRelay
from wrangler_py.devserver.watcher import saved_files
from wrangler_py.devserver.wrangler_command import WranglerOptions
from wrangler_py.devserver.wrangler_project import WranglerProject
from wrangler_py.devserver.wrangler_remote import describe_local, local_arguments, refuse_remote_mode
from wrangler_py.errors import WranglerError
from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.open_files import allow_open_files
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.node_drivers import check_drivers
from wrangler_py.project.variables import environment_variables
from wrangler_py.proxy.options import ProxyOptions

_GRACE_S = 5.0
"""Time that wrangler gets to end before it is started again."""
_QUIET_MS = 100
"""Before what was saved is read; the Worker's code is not among it."""


def run_wrangler(
    project: WranglerProject,
    options: WranglerOptions,
    output: Output,
    *,
    state: Path,
    cwd: Path,
    proxy_port: int = 0,
    dashboard_port: int = 0,
    proxy_options: ProxyOptions | None = None,
    query_report: QueryReport | None = None,
    migrate: str | None = None,
) -> int:
    """Run the Worker on the project's wrangler until it ends; returns its exit status.

    Signals go to wrangler. Raises `WranglerError` if something keeps it from starting.
    """
    refuse_remote_mode(options.others)
    _warn_of_reach(options, output)
    options = replace(options, port=_free_port(options, output))
    files = ProjectFiles(project, options)
    for problem in () if project.tool == "pywrangler" else check_drivers(project.root, project.section):
        output.warn(problem.message)
        output.info(f"  {problem.fix}")
    for warning in misnamed_variables(project.section, files.environ()):
        output.warn(warning)
    report = Report(output, queries=Level.LOG)
    hyperdrive = LocalHyperdrive(
        root=project.root,
        state=state,
        messages=output,
        on_query=report.query,
        options=proxy_options,
        port=proxy_port,
        port_option="--proxy-port",
        leaves_summary=True,
        migrate=migrate,
    )

    async def run() -> int:
        async with contextlib.AsyncExitStack() as parts:
            sources = Sources(
                messages=output,
                served=hyperdrive,
                project=ProjectPlace(project.config_path, options.environment),
            )
            dashboard = Dashboard(sources, port=dashboard_port)
            process = ForegroundProcess(
                (*project.command, *project.arguments(options)),
                open_files=allow_open_files(),
                # Its launcher passes SIGINT and SIGTERM on and leaves what it has started behind at SIGHUP.
                hang_up=signal.SIGTERM,
                owns_all=True,
                terminal=_relay(project, hyperdrive, dashboard, output),
            )
            process.pass_signals_on()
            await parts.enter_async_context(serving(hyperdrive, files.resolve))
            await parts.enter_async_context(dashboard)
            output.info(f"Dashboard: {dashboard.url}")
            if query_report is not None:
                parts.callback(query_report.leave, hyperdrive.proxy.query_log, output)
            parts.callback(process.release)
            session = WranglerSession(files, output, report, hyperdrive, process, cwd=project.folder or cwd)
            following = asyncio.create_task(session.follow_files())
            parts.callback(following.cancel)
            return await session.run()

    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        return runner.run(run())


class ProjectFiles:
    """The config file and the variables of a project; `section` is as it was read last."""

    def __init__(self, project: WranglerProject, options: WranglerOptions) -> None:
        self.project = project
        self.options = options
        self.section = project.section

    def resolve(self) -> Sequence[ResolvedBinding]:
        """Read the files again, and resolve the bindings."""
        self.section = ConfigFile.load(self.project.config_path).section(self.options.environment)
        return resolve_bindings(self.section, self.environ())

    def environ(self) -> Mapping[str, str]:
        """The environment variables, with those of the project's files."""
        options = self.options
        return environment_variables(self.project.root, options.environment, env_files=options.env_files)

    def local_arguments(self) -> tuple[str, ...]:
        """Arguments that make wrangler leave the databases to the local Hyperdrive.

        Raises `WranglerError` if no argument can.
        """
        return local_arguments(self.section, self.options.others, tool=self.project.tool)


class WranglerSession:
    """Runs wrangler in the foreground, with `hyperdrive` beside it, until it ends."""

    def __init__(
        self,
        files: ProjectFiles,
        output: Output,
        report: Report,
        hyperdrive: LocalHyperdrive,
        process: ForegroundProcess,
        *,
        cwd: Path,
    ) -> None:
        self._files = files
        self._output = output
        self._report = report
        self._hyperdrive = hyperdrive
        self._process = process
        self._cwd = cwd
        self._given: set[str] = set()
        """The bindings whose databases wrangler knows of."""
        self._local: tuple[str, ...] = ()
        """The arguments it was given so that it leaves the databases to us."""
        self._outdated = asyncio.Event()
        """Set when there are other bindings, or other arguments."""

    async def run(self) -> int:
        """Run wrangler until it ends, and again whenever it needs other arguments; returns its exit status.

        Raises `WranglerError` if it cannot start.
        """
        process, hyperdrive, files = self._process, self._hyperdrive, self._files
        while not process.interrupted:
            self._local = files.local_arguments()
            self._given = set(hyperdrive.pools)
            self._outdated.clear()
            self._report.bindings(hyperdrive.bindings, hyperdrive.pools)
            environment = {
                **files.project.environment(os.environ, files.options),
                **hyperdrive.wrangler_variables(),
            }
            if (notice := describe_local(files.section)) is not None:
                self._output.warn(notice)
            program = await process.start(cwd=self._cwd, environment=environment, arguments=self._local)
            status = await self._wait(program)
            if status is not None:
                return status
        return 128 + signal.SIGINT

    async def follow_files(self) -> None:
        """Adopt what is saved in the config file, the variables and the schema, without end.

        wrangler reads its config file again when it changes, but finds out where the database of a binding is only
        when it starts.
        """
        project, options = self._files.project, self._files.options
        files = {project.config_path, *self._hyperdrive.database_files, *options.env_files}

        def is_followed(path: Path) -> bool:
            return path in files or (path.parent == project.root and path.name.startswith(".env"))

        folders = {path.parent for path in files}
        async for _ in saved_files(folders, wanted=is_followed, recursive=False, quiet_ms=_QUIET_MS):
            await self._update()

    async def _wait(self, program: RunningProgram) -> int | None:
        """wrangler's exit status; None if it has to be started again, for a binding it does not know yet."""
        ended = asyncio.create_task(program.wait())
        outdated = asyncio.create_task(self._outdated.wait())
        await asyncio.wait({ended, outdated}, return_when=asyncio.FIRST_COMPLETED)
        outdated.cancel()
        if not ended.done():
            await program.end(_GRACE_S)
        elif not self._process.interrupted:
            # wrangler ends when it reads of such a binding, perhaps before this process has read of it.
            await self._update()
        status = await ended
        if self._process.interrupted or not self._outdated.is_set():
            return status
        new = sorted(self._hyperdrive.pools.keys() - self._given)
        added = f", with {', '.join(f'env.{binding}' for binding in new)}" if new else ""
        self._output.info(f"Starting wrangler again{added}.")
        return None

    async def _update(self) -> None:
        hyperdrive = self._hyperdrive
        try:
            await hyperdrive.update(await asyncio.to_thread(self._files.resolve))
            await hyperdrive.apply_schema()
        except WranglerError as error:
            self._output.error(error.message, error.hint)
            self._output.info("The session keeps the previous version.")
        if hyperdrive.pools.keys() - self._given or self._must_be_local():
            self._outdated.set()

    def _must_be_local(self) -> bool:
        """Whether wrangler, as it was started, would now bypass the local Hyperdrive."""
        try:
            return bool(self._files.local_arguments()) and not self._local
        except WranglerError:  # raised again, and shown, where wrangler would be started
            return True


def _relay(
    project: WranglerProject, hyperdrive: LocalHyperdrive, dashboard: Dashboard, output: Output
) -> TerminalRelay | None:
    """The terminal with our keys in it; None where there is none."""
    if not TerminalRelay.possible():
        return None

    def clear_cache(_: TerminalRelay) -> None:
        output.info(f"Cleared {count_of(hyperdrive.proxy.clear_cache(), 'cached answer')}.")

    opening: set[asyncio.Task[None]] = set()

    def show_dashboard(_: TerminalRelay) -> None:
        opening.add(task := asyncio.create_task(dashboard.show()))
        task.add_done_callback(opening.discard)

    def stay_local(_: TerminalRelay) -> None:
        output.warn(
            "The key l is disabled: wrangler would run the Worker at Cloudflare, without the local Hyperdrive."
        )

    def show_keys() -> None:
        """wrangler has a list of its keys, with these in it; Vite shows its own only when asked."""
        if project.tool == "vite":
            output.info(
                f"  {output.style('[c]', 'bold')} clear cache  {output.style('[d]', 'bold')} open the dashboard"
            )

    keys: dict[str, Callable[[TerminalRelay], None]] = {
        "c": clear_cache,
        "C": lambda relay: relay.send(b"c"),
        "d": show_dashboard,
        "D": lambda relay: relay.send(b"d"),
    }
    if project.tool != "vite":
        keys |= {"l": stay_local, "L": stay_local}
    return TerminalRelay(keys, show_keys)


def _warn_of_reach(options: WranglerOptions, output: Output) -> None:
    if options.ip is None:
        return
    with open_listening_socket(options.ip, 0) as listener:
        reach = describe_reach(listener)
    if reach is not None:
        output.warn(f"Listening on {reach}: whoever reaches it can use this Worker and its databases.")


def _free_port(options: WranglerOptions, output: Output) -> int | None:
    """The port that was asked for, or the next free one. wrangler looks for one only if no port is given."""
    if not options.port:
        return options.port
    with open_listening_socket(options.ip or LOOPBACK, options.port) as listener:
        port = port_of(listener)
    if port != options.port:
        output.info(f"Port {options.port} is taken: listening on {port}.")
    return port
