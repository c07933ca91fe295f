"""The dev session of a Worker that the official tools run, beside the local Hyperdrive."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wrangler_py.console import Level
from wrangler_py.devserver.foreground_process import ForegroundProcess
from wrangler_py.devserver.listening_socket import LOOPBACK, describe_reach, open_listening_socket, port_of
from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive, serving
from wrangler_py.devserver.output import Output, count_of
from wrangler_py.devserver.report import Report
from wrangler_py.devserver.targets import misnamed_variables, resolve_bindings
from wrangler_py.devserver.terminal_relay import TerminalRelay
from wrangler_py.devserver.watcher import saved_files
from wrangler_py.devserver.wrangler_command import WranglerOptions
from wrangler_py.devserver.wrangler_project import WranglerProject
from wrangler_py.devserver.wrangler_remote import describe_local, local_arguments, refuse_remote_mode
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.open_files import allow_open_files
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.node_drivers import check_drivers
from wrangler_py.project.variables import environment_variables
from wrangler_py.proxy.event_loop import new_event_loop_factory
from wrangler_py.proxy.options import ProxyOptions

_GRACE_S = 5.0
"""How long wrangler may take to end before it is started again."""
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
    proxy_options: ProxyOptions | None = None,
    migrate: str | None = None,
) -> int:
    """Run the Worker on the project's wrangler until it ends; returns its exit status.

    Signals go to wrangler. Raises `WranglerError` if something keeps it from starting.
    """
    session = WranglerSession(
        project,
        options,
        output,
        state=state,
        cwd=cwd,
        proxy_port=proxy_port,
        proxy_options=proxy_options,
        migrate=migrate,
    )
    for problem in () if project.tool == "pywrangler" else check_drivers(project.root, project.section):
        output.warn(problem.message)
        output.info(f"  {problem.fix}")
    for warning in misnamed_variables(project.section, session.environ()):
        output.warn(warning)
    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        return runner.run(session.run())


class WranglerSession:
    """wrangler in the foreground, and the local Hyperdrive beside it until it ends."""

    def __init__(
        self,
        project: WranglerProject,
        options: WranglerOptions,
        output: Output,
        *,
        state: Path,
        cwd: Path,
        proxy_port: int,
        proxy_options: ProxyOptions | None,
        migrate: str | None,
    ) -> None:
        refuse_remote_mode(options.others)
        _warn_of_reach(options, output)
        options = replace(options, port=_free_port(options, output))
        self._project = project
        self._options = options
        self._output = output
        self._relay = TerminalRelay(self._keys(), self._show_keys) if TerminalRelay.possible() else None
        self._process = ForegroundProcess(
            (*project.command, *project.arguments(options)),
            open_files=allow_open_files(),
            # Its launcher passes SIGINT and SIGTERM on and leaves what it has started behind at SIGHUP.
            hang_up=signal.SIGTERM,
            owns_all=True,
            terminal=self._relay,
        )
        self._given: set[str] = set()
        """The bindings whose databases wrangler was told of."""
        self._outdated = asyncio.Event()
        """Set when there are others, or other arguments."""
        self._local: tuple[str, ...] = ()
        """What wrangler was told so that it leaves the databases to us."""
        self._section = project.section
        self._cwd = cwd
        self._report = Report(output, queries=Level.LOG)
        self._hyperdrive = LocalHyperdrive(
            root=project.root,
            state=state,
            messages=output,
            on_query=self._report.query,
            options=proxy_options,
            port=proxy_port,
            port_option="--proxy-port",
            leaves_summary=True,
            migrate=migrate,
        )

    async def run(self) -> int:
        """Start everything; returns wrangler's exit status. Raises `WranglerError` if something cannot start."""
        process = self._process
        process.pass_signals_on()
        async with serving(self._hyperdrive, self._resolve) as hyperdrive:
            following = asyncio.create_task(self._follow_files())
            try:
                while not process.interrupted:
                    self._local = self._local_arguments()
                    self._given = set(hyperdrive.pools)
                    self._outdated.clear()
                    self._report.bindings(hyperdrive.bindings, hyperdrive.pools)
                    environment = {
                        **self._project.environment(os.environ, self._options),
                        **hyperdrive.wrangler_variables(),
                    }
                    if (notice := describe_local(self._section)) is not None:
                        self._output.warn(notice)
                    await process.start(
                        cwd=self._project.folder or self._cwd, environment=environment, arguments=self._local
                    )
                    status = await self._wait()
                    if status is not None:
                        return status
                return 128 + signal.SIGINT
            finally:
                following.cancel()
                process.release()

    # Keys that are not passed on

    def _keys(self) -> dict[str, Callable[[], None]]:
        keys = {"c": self._clear_cache, "C": lambda: self._pass_on(b"c")}
        if self._project.tool != "vite":
            keys |= {"l": self._stay_local, "L": self._stay_local}
        return keys

    def _show_keys(self) -> None:
        """wrangler has a list of its keys, with this one in it; Vite shows its own only when asked."""
        if self._project.tool == "vite":
            self._output.info(f"  {self._output.style('[c]', 'bold')} clear cache")

    def _clear_cache(self) -> None:
        self._output.info(f"Cleared {count_of(self._hyperdrive.proxy.clear_cache(), 'cached answer')}.")

    def _stay_local(self) -> None:
        self._output.warn(
            "The key l is not passed on: it has wrangler run the Worker at Cloudflare, past the local Hyperdrive."
        )

    def _pass_on(self, key: bytes) -> None:
        if self._relay is not None:
            self._relay.send(key)

    async def _wait(self) -> int | None:
        """wrangler's exit status; None if it is to be started again, for a binding it has not been told of."""
        ended = asyncio.create_task(self._process.wait())
        outdated = asyncio.create_task(self._outdated.wait())
        await asyncio.wait({ended, outdated}, return_when=asyncio.FIRST_COMPLETED)
        outdated.cancel()
        if not ended.done():
            await self._process.end(_GRACE_S)
        elif not self._process.interrupted:
            await self._update()  # wrangler ends by itself when it reads of such a binding, perhaps before we do
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
            await hyperdrive.update(await asyncio.to_thread(self._resolve))
            await hyperdrive.apply_schema()
        except WranglerError as error:
            self._output.error(error.message, error.hint)
            self._output.info("What was read before goes on being used.")
        if hyperdrive.pools.keys() - self._given or self._must_be_local():
            self._outdated.set()

    def _must_be_local(self) -> bool:
        """Whether wrangler, as it was started, would now go past the local Hyperdrive."""
        try:
            return bool(self._local_arguments()) and not self._local
        except WranglerError:  # raised again, and shown, where wrangler would be started
            return True

    def _local_arguments(self) -> tuple[str, ...]:
        return local_arguments(self._section, self._options.others, tool=self._project.tool)

    def _resolve(self) -> Sequence[ResolvedBinding]:
        section = ConfigFile.load(self._project.config_path).section(self._options.environment)
        self._section = section
        return resolve_bindings(section, self.environ())

    def environ(self) -> Mapping[str, str]:
        """The environment variables, with those of the project's files."""
        options = self._options
        return environment_variables(self._project.root, options.environment, env_files=options.env_files)

    async def _follow_files(self) -> None:
        """Take on what is saved in the config file, the variables and the schema, without end.

        wrangler reads its config file again by itself, but learns only when it starts where the database of a
        binding is.
        """
        project = self._project
        files = {project.config_path, *self._hyperdrive.database_files, *self._options.env_files}

        def is_followed(path: Path) -> bool:
            return path in files or (path.parent == project.root and path.name.startswith(".env"))

        folders = {path.parent for path in files}
        async for _ in saved_files(folders, wanted=is_followed, recursive=False, quiet_ms=_QUIET_MS):
            await self._update()


def _warn_of_reach(options: WranglerOptions, output: Output) -> None:
    if options.ip is None:
        return
    with open_listening_socket(options.ip, 0) as listener:
        reach = describe_reach(listener)
    if reach is not None:
        output.warn(f"Listening on {reach}: whoever reaches it can use this Worker and its databases.")


def _free_port(options: WranglerOptions, output: Output) -> int | None:
    """The port that was asked for, or the next free one: wrangler itself looks for one only if none was."""
    if not options.port:
        return options.port
    with open_listening_socket(options.ip or LOOPBACK, options.port) as listener:
        port = port_of(listener)
    if port != options.port:
        output.info(f"Port {options.port} is taken: listening on {port}.")
    return port
