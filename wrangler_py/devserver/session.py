"""The dev session: the proxy in one event loop, a Worker process beside it, and a person at the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from wrangler_py.devserver.dev_options import DevOptions
from wrangler_py.devserver.listening_socket import LOOPBACK, describe_reach, open_listening_socket, port_of
from wrangler_py.devserver.output import Output
from wrangler_py.devserver.spare_process import SpareProcess
from wrangler_py.errors import WranglerError

EXIT_LIMIT_S = 2.5
"""After this time, processes that have not ended are left to their own watchdogs."""


class DevSession:
    """Runs until it is asked to stop, by `stop` or a hotkey."""

    def __init__(self, options: DevOptions, output: Output) -> None:
        self._options = options
        self._output = output
        self._stop = asyncio.Event()
        self._at_sudden_end = contextlib.ExitStack()

    async def run(self) -> None:
        """Start everything, keep it running, end everything.

        Raises `WranglerError` if it cannot start.
        """
        parts = contextlib.AsyncExitStack()
        serving = asyncio.create_task(self._serve(parts))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            stopped.cancel()
            await asyncio.gather(stopped, return_exceptions=True)
            try:
                async with asyncio.timeout(EXIT_LIMIT_S):
                    await parts.aclose()
            except TimeoutError:
                self.end_now()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    def stop(self) -> None:
        """Have `run` end everything and return."""
        if not self._stop.is_set():
            self._output.info("Stopping …")
            self._stop.set()

    def end_now(self) -> None:
        """End this process at once. The processes it started notice: Worker processes by the end of their control
        channel, the embedded PostgreSQL by its watchdog."""
        self._at_sudden_end.close()
        os._exit(130)

    async def _serve(self, parts: contextlib.AsyncExitStack) -> None:
        """Start each part and leave its end to `parts`, then serve without end."""
        options, output = self._options, self._output
        listener = parts.enter_context(open_listening_socket(options.ip, options.port))
        spare = SpareProcess(
            listener, output.worker_line if options.reload else None, interpreter_options=_debugger(options)
        )
        parts.push_async_callback(spare.close)
        # The interpreter starts while the rest is imported and the database starts.
        await spare.prepare()
        from wrangler_py.dashboard.server import Dashboard
        from wrangler_py.dashboard.sources import ProjectPlace, Sources
        from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive
        from wrangler_py.devserver.report import Report
        from wrangler_py.devserver.worker_project import read_project
        from wrangler_py.devserver.worker_service import WorkerService

        project = await read_project(options, output.info)
        self._describe(listener)
        report = Report(output)
        hyperdrive = LocalHyperdrive(
            root=project.root,
            state=options.persist_to,
            messages=output,
            on_query=report.query,
            options=options.proxy,
            port=options.proxy_port,
            port_option="--proxy-port",
            leaves_summary=True,
            migrate=options.migrate,
        )
        parts.push_async_callback(hyperdrive.close)
        if options.report is not None:
            parts.callback(options.report.leave, hyperdrive.proxy.query_log, output)
        await hyperdrive.start(project.bindings)
        place = ProjectPlace(options.config_path, options.environment)
        sources = Sources(messages=output, served=hyperdrive, project=place)
        dashboard = await parts.enter_async_context(Dashboard(sources, port=options.dashboard_port))
        service = WorkerService(
            options,
            output,
            report,
            project,
            hyperdrive,
            dashboard,
            listener=listener,
            spare=spare,
            stop=self.stop,
        )
        parts.push_async_callback(service.close)
        self._at_sudden_end.callback(service.kill)
        await service.start()
        if options.debugger_port is not None:
            output.info(f"Waiting for a debugger on {LOOPBACK}:{options.debugger_port}.")
        await service.follow_changes()

    def _describe(self, listener: socket.socket) -> None:
        if self._options.port not in (0, port_of(listener)):
            self._output.info(f"Port {self._options.port} is taken: listening on {port_of(listener)}.")
        if (reach := describe_reach(listener)) is not None:
            self._output.warn(
                f"Listening on {reach}: anyone who can connect can use this Worker and its databases, "
                "run its scheduled handler, and read the source lines and file paths on its error pages."
            )


def _debugger(options: DevOptions) -> tuple[str, ...]:
    if options.debugger_port is None:
        return ()
    import importlib.util

    if importlib.util.find_spec("debugpy") is None:
        raise WranglerError("--debugger needs debugpy.", hint="pip install debugpy")
    try:
        socket.create_server((LOOPBACK, options.debugger_port)).close()
    except OSError as error:
        raise WranglerError(
            f"Cannot wait for a debugger on {LOOPBACK}:{options.debugger_port}: {os.strerror(error.errno or 0)}.",
            hint="Choose another port with --debugger.",
        ) from None
    # Frozen modules would hide their lines from it.
    return (
        "-X",
        "frozen_modules=off",
        "-m",
        "debugpy",
        "--listen",
        f"{LOOPBACK}:{options.debugger_port}",
        "--wait-for-client",
    )
