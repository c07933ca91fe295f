"""Serves the Worker of a dev session: passes its events on, reloads it when files change, handles the hotkeys."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrangler_py.devserver.dev_options import DevOptions
from wrangler_py.devserver.hotkeys import Hotkeys
from wrangler_py.devserver.listening_socket import url_of
from wrangler_py.devserver.migration import MigrationError
from wrangler_py.devserver.output import Output, count_of
from wrangler_py.devserver.report import Report
from wrangler_py.devserver.spare_process import SpareProcess
from wrangler_py.devserver.supervisor import Supervisor
from wrangler_py.devserver.worker_launch import make_launch
from wrangler_py.devserver.worker_process import RequestCutOff, WorkerEvent
from wrangler_py.devserver.worker_project import WorkerProject, is_project_file, read_project, saved_at
from wrangler_py.errors import WranglerError
from wrangler_py.worker_protocol import (
    HandlerException,
    Launch,
    LoadError,
    Log,
    Ready,
    RequestDone,
    RequestStarted,
)

if TYPE_CHECKING:
    from wrangler_py.dashboard.server import Dashboard
    from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive

DRAIN_AT_EXIT_S = 0.8
"""Time that requests in flight get after Ctrl-C."""

_HOTKEYS = (
    ("b", "open a browser"),
    ("d", "open the dashboard"),
    ("c", "clear cache"),
    ("r", "restart"),
    ("x", "quit"),
    ("?", "help"),
)


class WorkerService:
    """Serves `project` on the socket `listener` with the databases of `hyperdrive`, from `start` to `close`.

    The first process is the `spare` one. `stop` ends the session.
    """

    def __init__(
        self,
        options: DevOptions,
        output: Output,
        report: Report,
        project: WorkerProject,
        hyperdrive: LocalHyperdrive,
        dashboard: Dashboard,
        *,
        listener: socket.socket,
        spare: SpareProcess,
        stop: Callable[[], None],
    ) -> None:
        self._options = options
        self._output = output
        self._report = report
        self._project = project
        self._hyperdrive = hyperdrive
        self._dashboard = dashboard
        self._url = url_of(listener)
        self._stop = stop
        self._supervisor = Supervisor(listener, output, spare, launch=self._launch, on_event=self._worker_event)
        self._hotkeys = Hotkeys(self._key_typed)
        self._reading_project = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._announced = False
        self._closing = False
        self._reloading_since: float | None = None
        self._built: dict[Path, int | None] = {}
        """When each input of the build command was saved last, as the command left them."""

    async def start(self) -> None:
        """Apply the schema, and launch the Worker."""
        self._built = await asyncio.to_thread(self._project.build_inputs)
        await self._apply_schema()
        await self._supervisor.replace()
        # The Worker loads meanwhile. Its events are shown after this.
        self._report.project(self._project, self._hyperdrive.pools)

    async def follow_changes(self) -> None:
        """Reload the Worker whenever its files or configs change, without end."""
        self._in_background(self._follow_configs())
        options = self._options
        if not options.reload:
            await asyncio.Event().wait()
        from wrangler_py.devserver.watcher import Watcher

        watcher = Watcher(
            self._project.root,
            self._project.sources,
            files=frozenset(options.env_files),
            ignored=frozenset({options.persist_to}),
        )
        async for burst in watcher.bursts():
            await self._saved(burst)

    async def close(self) -> None:
        """Give the terminal back, and end the Worker processes; requests in flight get a moment."""
        self._closing = True
        self._hotkeys.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._supervisor.stop(DRAIN_AT_EXIT_S)

    def kill(self) -> None:
        """End the Worker and all it started at once, without waiting for their end."""
        self._hotkeys.restore()
        self._supervisor.kill_with_started()

    # The Worker process

    def _launch(self, generation: int) -> Launch:
        self._hyperdrive.proxy.name_request(f"{generation}-0", "the Worker's global scope")
        return self._launch_of(generation)

    def _launch_of(self, generation: int) -> Launch:
        hyperdrive = self._hyperdrive
        endpoints = {binding: hyperdrive.endpoint(binding) for binding in hyperdrive.pools}
        return make_launch(
            self._project, self._options, endpoints, url=self._url, generation=generation, color=self._output.color
        )

    def _worker_event(self, event: WorkerEvent) -> None:
        proxy = self._hyperdrive.proxy
        match event:
            case RequestStarted():
                proxy.name_request(event.id, f"{event.method} {event.path}")
            case RequestDone():
                self._report.request(event, proxy.end_request(event.id))
                self._close_global_clients(int(event.id.partition("-")[0]))
            case RequestCutOff():
                self._report.cut_off(event)
                proxy.end_request(event.id)
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

    def _close_global_clients(self, generation: int) -> None:
        """Close the clients of the global scope: the next request finds them closed, as in production.

        Nobody can tell which request uses one, so they stay open while any request is in flight.
        """
        if not self._supervisor.has_requests(generation):
            self._hyperdrive.proxy.close_global_clients(f"{generation}-0")

    def _loaded(self) -> None:
        """A generation now answers requests, with the Worker or with a page that shows its error."""
        self._close_global_clients(self._supervisor.generation)
        if self._closing:
            return
        self._hyperdrive.warm_up()  # not earlier: the start of the Worker's process needs the CPU
        if not self._announced:
            self._announced = True
            self._output.info(f"Ready on {self._output.style(self._url, 'bold')}")
            self._output.info(f"Dashboard: {self._dashboard.url}")
            if self._options.reload and Hotkeys.possible():
                self._hotkeys.open()
                self._show_hotkeys()
        elif self._reloading_since is not None:
            took = (time.perf_counter() - self._reloading_since) * 1000
            self._output.info(f"Reloaded in {took:.0f} ms")
            self._reloading_since = None

    # Changes while it runs

    async def _saved(self, burst: set[Path]) -> None:
        project = self._project
        if self._hyperdrive.database_files & burst:
            await self._apply_schema()
        has_to_build = any(project.has_to_build(path) and self._built.get(path) != saved_at(path) for path in burst)
        project_changed = any(is_project_file(path, project, self._options) for path in burst)
        if has_to_build or project_changed:
            if now := await self._read_project_again(builds=True):
                await self._reload(afresh=now.main != project.main)
        elif any(path.suffix == ".py" for path in burst):
            await self._reload()

    async def _follow_configs(self) -> None:
        """`hyperdrive update` in another terminal: reload only if the change concerns this Worker."""
        async for _ in self._hyperdrive.config_changes():
            before = self._launch_of(0)
            if await self._read_project_again() and self._launch_of(0) != before:
                await self._reload()

    async def _read_project_again(self, *, builds: bool = False) -> WorkerProject | None:
        """Adopt what the project's files and the stored configs say now, after the build command if `builds`.

        Returns None, and shows the reason, if something is wrong with them.
        """
        hyperdrive = self._hyperdrive
        async with self._reading_project:
            before = hyperdrive.pools
            try:
                try:
                    project = await read_project(self._options, self._output.info, builds=builds)
                finally:
                    if builds:
                        self._built = await asyncio.to_thread(self._project.build_inputs)
                await hyperdrive.update(project.bindings)
            except WranglerError as error:
                self._output.error(error.message, error.hint)
                self._output.info("The session keeps the previous version.")
                return None
            self._project = project
            if hyperdrive.pools != before:
                await self._apply_schema()
            if hyperdrive.pools.keys() != before.keys():
                self._report.project(project, hyperdrive.pools)
            return project

    async def _reload(self, *, afresh: bool = False) -> None:
        self._reloading_since = time.perf_counter()
        left = await self._supervisor.replace(afresh=afresh)
        for binding in self._hyperdrive.unbound:
            self._in_background(self._remove(binding, left))

    async def _remove(self, binding: str, left: asyncio.Task[None] | None) -> None:
        """Remove a pool when the requests of the old code, which may still need it, have ended."""
        if left is not None:
            await asyncio.wait({left})
        await self._hyperdrive.remove(binding)

    async def _apply_schema(self) -> None:
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
            case "d":
                self._in_background(self._dashboard.show())
            case "c":
                self._output.info(f"Cleared {count_of(self._hyperdrive.proxy.clear_cache(), 'cached answer')}.")
            case "r":
                self._in_background(self._restart())
            case "x":
                self._stop()
            case "?" | "h":
                self._show_hotkeys()

    async def _open_browser(self) -> None:
        import webbrowser

        if not await asyncio.to_thread(webbrowser.open, self._url):
            self._output.info(f"No browser was found. The address is {self._url}")

    async def _restart(self) -> None:
        """For when a reload is not enough, such as after `pip install --upgrade`."""
        await self._reload(afresh=True)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
