"""The dev session of a JavaScript or TypeScript Worker: the project's wrangler beside the local Hyperdrive."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wrangler_py.devserver.foreground_process import ForegroundProcess
from wrangler_py.devserver.listening_socket import LOOPBACK, open_listening_socket, port_of
from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive, serving
from wrangler_py.devserver.output import Level, Output
from wrangler_py.devserver.report import Report
from wrangler_py.devserver.targets import resolve_bindings
from wrangler_py.devserver.watcher import saved_files
from wrangler_py.devserver.wrangler_command import (
    QUIET,
    WranglerOptions,
    dev_arguments,
    find_wrangler,
    node_environment,
    pages_arguments,
    wrangler_version,
)
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.local import ResolvedBinding
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.node_drivers import check_drivers
from wrangler_py.project.section import Section
from wrangler_py.project.variables import environment_variables
from wrangler_py.proxy.event_loop import new_event_loop_factory
from wrangler_py.proxy.options import ProxyOptions

LEGACY_NODE_COMPAT_HINT = (
    "`wrangler-py node-compat enable` puts the compatibility flag nodejs_compat in its place.\n"
    "`wrangler-py dev --fix` does so and goes on."
)
_QUIET_MS = 100
"""Before what was saved is read; the Worker's code is not among it."""


@dataclass(frozen=True, slots=True)
class WranglerProject:
    """A project that wrangler runs, as its config file says; `wrangler` is the one found for it."""

    root: Path
    config_path: Path
    section: Section
    wrangler: str

    @property
    def is_pages(self) -> bool:
        return self.section.pages_build_output_dir is not None and self.section.main is None

    def node_compat_refusal(self) -> WranglerError | None:
        """Why this project's `node_compat = true` keeps it from running, with the way out; None if it does not."""
        if not self.section.node_compat:
            return None
        if self.is_pages:
            message = "Pages does not support `node_compat = true`, the legacy way that node-postgres once needed."
        elif wrangler_version(self.root) >= 4:
            message = "The config file has `node_compat = true`, which wrangler 4 refuses."
        else:
            return None
        return WranglerError(message, hint=LEGACY_NODE_COMPAT_HINT)


def find_project(config: ConfigFile, environment: str | None) -> WranglerProject:
    """The project of `config`, with its wrangler. Raises `WranglerError` if that is not installed."""
    root = config.root.resolve()
    return WranglerProject(root, config.path.resolve(), config.section(environment), find_wrangler(root))


def run_wrangler(
    project: WranglerProject,
    options: WranglerOptions,
    output: Output,
    *,
    state: Path,
    cwd: Path,
    proxy_port: int = 0,
    proxy_options: ProxyOptions | None = None,
) -> int:
    """Run the Worker on the project's wrangler until it ends; returns its exit status.

    Signals go to wrangler. Raises `WranglerError` if something keeps it from starting.
    """
    session = WranglerSession(
        project, options, output, state=state, cwd=cwd, proxy_port=proxy_port, proxy_options=proxy_options
    )
    for problem in check_drivers(project.root, project.section):
        output.warn(problem.message)
        output.info(f"  {problem.fix}")
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
    ) -> None:
        options = replace(options, port=_free_port(options, output))
        arguments = pages_arguments(options) if project.is_pages else dev_arguments(options)
        self._command = (project.wrangler, *arguments)
        self._project = project
        self._options = options
        self._output = output
        self._cwd = cwd
        self._report = Report(output, queries=Level.LOG)
        self._hyperdrive = LocalHyperdrive(
            root=project.root,
            state=state,
            say=output.info,
            warn=output.warn,
            fail=output.error,
            on_query=self._report.query,
            options=proxy_options,
            port=proxy_port,
            port_option="--proxy-port",
        )

    async def run(self) -> int:
        """Start everything; returns wrangler's exit status. Raises `WranglerError` if something cannot start."""
        process = ForegroundProcess(self._command)
        process.pass_signals_on()
        async with serving(self._hyperdrive, self._resolve) as hyperdrive:
            if process.interrupted:
                return 128 + signal.SIGINT
            self._report.bindings(hyperdrive.bindings, hyperdrive.pools)
            environment = {**QUIET, **node_environment(os.environ), **hyperdrive.wrangler_variables()}
            await process.start(cwd=self._cwd, environment=environment)
            following = asyncio.create_task(self._follow_files(set(hyperdrive.pools)))
            try:
                return await process.wait()
            finally:
                following.cancel()

    def _resolve(self) -> Sequence[ResolvedBinding]:
        project, options = self._project, self._options
        section = ConfigFile.load(project.config_path).section(options.environment)
        environ = environment_variables(project.root, options.environment, env_files=options.env_files)
        return resolve_bindings(section, environ)

    async def _follow_files(self, known: set[str]) -> None:
        """Take on what is saved in the config file, the variables and the schema, without end.

        wrangler reads its config file again by itself, but has no database for other bindings than those `known`
        when it started.
        """
        project, hyperdrive, output = self._project, self._hyperdrive, self._output
        files = {project.config_path, hyperdrive.schema, *self._options.env_files}

        def is_followed(path: Path) -> bool:
            return path in files or (path.parent == project.root and path.name.startswith(".env"))

        folders = {path.parent for path in files}
        async for _ in saved_files(folders, wanted=is_followed, recursive=False, quiet_ms=_QUIET_MS):
            try:
                await hyperdrive.update(await asyncio.to_thread(self._resolve))
                await hyperdrive.apply_schema()
            except WranglerError as error:
                output.error(error.message, error.hint)
                output.info("What was read before goes on being used.")
            for binding in sorted(hyperdrive.pools.keys() - known):
                output.warn(
                    f"env.{binding} is new, and not behind the local Hyperdrive yet:"
                    " wrangler learns of that only when it starts."
                )
                output.info("  End this session, and start `wrangler-py dev` again.")
                known.add(binding)


def _free_port(options: WranglerOptions, output: Output) -> int | None:
    """The port that was asked for, or the next free one: wrangler itself looks for one only if none was."""
    if not options.port:
        return options.port
    with open_listening_socket(options.ip or LOOPBACK, options.port) as listener:
        port = port_of(listener)
    if port != options.port:
        output.info(f"Port {options.port} is taken: listening on {port}.")
    return port
