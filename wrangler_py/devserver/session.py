"""The dev session: one event loop with the proxy in it, a worker process beside it, and a person in front."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrangler_py.devserver.control import (
    Event,
    HandlerException,
    LoadError,
    Log,
    Ready,
    RequestCutOff,
    RequestDone,
    RequestStarted,
)
from wrangler_py.devserver.hotkeys import Hotkeys
from wrangler_py.devserver.listening_socket import LOOPBACK, describe_reach, open_listening_socket, port_of, url_of
from wrangler_py.devserver.migration import MigrationError
from wrangler_py.devserver.options import DevOptions
from wrangler_py.devserver.output import Output, count_of
from wrangler_py.devserver.report import Report
from wrangler_py.devserver.supervisor import Supervisor
from wrangler_py.devserver.worker_project import WorkerProject, is_project_file, read_project
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive

DRAIN_AT_EXIT_S = 0.8
"""How long requests under way may go on after Ctrl-C."""
EXIT_LIMIT_S = 2.5
"""After this long, what has not ended is left to its own watchdog."""

_HOTKEYS = (("b", "open a browser"), ("c", "clear cache"), ("r", "restart"), ("x", "quit"), ("?", "help"))


class DevSession:
    """Runs until it is asked to stop, by `stop` or a hotkey."""

    def __init__(self, options: DevOptions, output: Output) -> None:
        self._options = options
        self._output = output
        self._report = Report(output)
        self._stop = asyncio.Event()
        self._hotkeys = Hotkeys(self._key_typed)
        self._project: WorkerProject | None = None
        self._hyperdrive: LocalHyperdrive | None = None
        self._reading_project = asyncio.Lock()
        self._under_way: set[str] = set()
        self._supervisor: Supervisor | None = None
        self._url = ""
        self._announced = False
        self._reloading_since: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start everything, keep it going, end everything.

        Raises `WranglerError` if it cannot start.
        """
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, stopped, *self._tasks):
                task.cancel()
            await asyncio.gather(stopped, *self._tasks, return_exceptions=True)
            self._hotkeys.close()
            try:
                async with asyncio.timeout(EXIT_LIMIT_S):
                    await self._end()
            except TimeoutError:
                self.end_now()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    def stop(self) -> None:
        """Have `run` end everything and return."""
        if not self._stop.is_set():
            self._output.info("Stopping …")
            self._stop.set()

    def end_now(self) -> None:
        """End this process at once. What it started notices: worker processes by the end of their control
        channel, the embedded PostgreSQL by its watchdog."""
        self._hotkeys.restore()
        if self._supervisor is not None:
            self._supervisor.kill_with_started()
        os._exit(130)

    # Start and end

    async def _work(self) -> None:
        options = self._options
        project = self._project = await asyncio.to_thread(read_project, options)
        listener = open_listening_socket(options.ip, options.port)
        self._url = url_of(listener)
        if options.port not in (0, port_of(listener)):
            self._output.info(f"Port {options.port} is taken: listening on {port_of(listener)}.")
        if (reach := describe_reach(listener)) is not None:
            self._output.warn(
                f"Listening on {reach}: whoever reaches it can use this Worker and its databases, "
                "run its scheduled handler, and read the source lines and file paths on its error pages."
            )
        self._supervisor = Supervisor(
            listener,
            self._output,
            launch=self._launch_message,
            on_event=self._worker_event,
            own_terminal=not options.reload,
            interpreter_options=_debugger(options),
        )
        # The interpreter starts while the rest is imported and the database starts.
        await self._supervisor.prepare()
        from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive

        hyperdrive = self._hyperdrive = LocalHyperdrive(
            root=project.root,
            state=options.persist_to,
            messages=self._output,
            on_query=self._report.query,
            options=options.proxy,
            port=options.proxy_port,
            port_option="--proxy-port",
            leaves_summary=True,
            migrate=options.migrate,
        )
        await hyperdrive.start(project.bindings)
        await self._apply_schema()
        await self._supervisor.replace()
        # The Worker loads meanwhile; what it says is heard, and shown, after this.
        self._report.project(project, hyperdrive.pools)
        if options.debugger_port is not None:
            self._output.info(f"Waiting for a debugger on {LOOPBACK}:{options.debugger_port}.")
        self._in_background(self._follow_configs(hyperdrive))
        if options.reload:
            from wrangler_py.devserver.watcher import Watcher

            watcher = Watcher(
                project.root,
                project.sources,
                files=frozenset(options.env_files),
                ignored=frozenset({options.persist_to}),
            )
            async for burst in watcher.bursts():
                await self._saved(burst)
        await self._stop.wait()

    async def _end(self) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop(DRAIN_AT_EXIT_S)
        if self._hyperdrive is not None:
            await self._hyperdrive.close()

    # The worker process

    def _launch_message(self, generation: int) -> Mapping[str, Any]:
        project, options, hyperdrive = self._project, self._options, self._hyperdrive
        assert project is not None
        assert hyperdrive is not None
        section = project.section
        hyperdrive.proxy.name_request(f"{generation}-0", "the Worker's global scope")
        return {
            "main": str(project.main or options.config_path),
            "has_worker": project.main is not None,
            "root": str(project.root),
            "generation": generation,
            "vars": dict(project.variables),
            "hyperdrive": {binding: hyperdrive.endpoint(binding) for binding in hyperdrive.pools},
            "unavailable": dict(section.other_bindings),
            "assets": project.assets
            and project.assets.launch_message(section.compatibility_flags, section.compatibility_date),
            "flags": list(section.compatibility_flags),
            "compatibility_date": section.compatibility_date,
            "origin": self._url,
            "allowed_hosts": list(options.allowed_hosts),
            "allow_global_clients": options.proxy.allow_global_clients,
            "test_scheduled": options.test_scheduled,
            "strict": options.strict,
            "color": self._output.color,
        }

    def _worker_event(self, event: Event) -> None:
        assert self._hyperdrive is not None
        match event:
            case RequestStarted():
                self._under_way.add(event.id)
                self._hyperdrive.proxy.name_request(event.id, f"{event.method} {event.path}")
            case RequestDone():
                self._under_way.discard(event.id)
                self._report.request(event, self._hyperdrive.proxy.end_request(event.id))
                self._close_global_clients(event.id.partition("-")[0])
            case RequestCutOff():
                self._under_way.discard(event.id)
                self._report.cut_off(event)
                self._hyperdrive.proxy.end_request(event.id)
            case HandlerException():
                self._report.exception(event)
            case LoadError():
                self._report.load_error(event)
                self._reloading_since = None
                self._loaded()
            case Log():
                self._report.log(event)
            case Ready():
                self._loaded()

    def _close_global_clients(self, generation: str) -> None:
        """A client that the global scope keeps is stale in the next request, as in production.

        Nobody can tell whose it is, so it lasts until no request is under way.
        """
        assert self._hyperdrive is not None
        if not any(request.startswith(f"{generation}-") for request in self._under_way):
            self._hyperdrive.proxy.close_global_clients(f"{generation}-0")

    def _loaded(self) -> None:
        """A generation answers now: with the Worker, or with what is wrong with it."""
        assert self._supervisor is not None
        self._close_global_clients(str(self._supervisor.generation))
        if self._stop.is_set():
            return
        if not self._announced:
            self._announced = True
            self._output.info(f"Ready on {self._output.style(self._url, 'bold')}")
            if self._options.reload and Hotkeys.possible():
                self._hotkeys.open()
                self._show_hotkeys()
        elif self._reloading_since is not None:
            took = (time.perf_counter() - self._reloading_since) * 1000
            self._output.info(f"Reloaded in {took:.0f} ms")
            self._reloading_since = None

    # What changes while it runs

    async def _saved(self, burst: set[Path]) -> None:
        project = self._project
        assert project is not None
        assert self._hyperdrive is not None
        if self._hyperdrive.database_files & burst:
            await self._apply_schema()
        project_changed = any(is_project_file(path, project, self._options) for path in burst)
        if project_changed and (now := await self._read_project_again()):
            await self._reload(afresh=now.main != project.main)
        elif any(path.suffix == ".py" for path in burst):
            await self._reload()

    async def _follow_configs(self, hyperdrive: LocalHyperdrive) -> None:
        """`hyperdrive update` in another terminal: the Worker is told only what concerns it."""
        async for _ in hyperdrive.config_changes():
            before = self._launch_message(0)
            if await self._read_project_again() and self._launch_message(0) != before:
                await self._reload()

    async def _read_project_again(self) -> WorkerProject | None:
        """Go by what the project's files and the stored configs say now; None, with the reason shown, if something
        is wrong with them."""
        hyperdrive = self._hyperdrive
        assert hyperdrive is not None
        async with self._reading_project:
            before = hyperdrive.pools
            try:
                project = await asyncio.to_thread(read_project, self._options)
                await hyperdrive.update(project.bindings)
            except WranglerError as error:
                self._output.error(error.message, error.hint)
                self._output.info("What was read before goes on running.")
                return None
            self._project = project
            if hyperdrive.pools != before:
                await self._apply_schema()
            if hyperdrive.pools.keys() != before.keys():
                self._report.project(project, hyperdrive.pools)
            return project

    async def _reload(self, *, afresh: bool = False) -> None:
        assert self._supervisor is not None
        assert self._hyperdrive is not None
        self._reloading_since = time.perf_counter()
        left = await self._supervisor.replace(afresh=afresh)
        for binding in self._hyperdrive.unbound:
            self._in_background(self._remove(binding, left))

    async def _remove(self, binding: str, left: asyncio.Task[None] | None) -> None:
        """Requests of the old code may still need the pool: it goes after them."""
        assert self._hyperdrive is not None
        if left is not None:
            await asyncio.wait({left})
        await self._hyperdrive.remove(binding)

    async def _apply_schema(self) -> None:
        assert self._hyperdrive is not None
        try:
            await self._hyperdrive.apply_schema()
        except MigrationError:
            raise
        except WranglerError as error:
            self._output.error(error.message, error.hint)

    # Hotkeys

    def _show_hotkeys(self) -> None:
        keys = [f"{self._output.style(f'[{key}]', 'bold')} {meaning}" for key, meaning in _HOTKEYS]
        self._output.info("  ".join(keys))

    def _key_typed(self, key: str) -> None:
        match key.lower():
            case "b":
                self._in_background(self._open_browser())
            case "c":
                if self._hyperdrive is not None:
                    answers = self._hyperdrive.proxy.clear_cache()
                    self._output.info(f"Cleared {count_of(answers, 'cached answer')}.")
            case "r":
                self._in_background(self._restart())
            case "x":
                self.stop()
            case "?" | "h":
                self._show_hotkeys()

    async def _open_browser(self) -> None:
        import webbrowser

        if not await asyncio.to_thread(webbrowser.open, self._url):
            self._output.info(f"No browser was found. The address is {self._url}")

    async def _restart(self) -> None:
        """The person's way out when a reload is not enough, after `pip install --upgrade` for one."""
        await self._reload(afresh=True)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


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
