"""The project's Worker in a test run: started as `dev` starts it, on a free port, without reload."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from wrangler_py.devserver.connection_environment import connection_string, wrangler_variables
from wrangler_py.devserver.dev_options import DevOptions
from wrangler_py.devserver.listening_socket import LOOPBACK, open_listening_socket, port_of, url_of
from wrangler_py.devserver.process_guard import ProcessGuard
from wrangler_py.devserver.worker_launch import make_launch
from wrangler_py.devserver.worker_process import RequestCutOff, WorkerProcess
from wrangler_py.devserver.worker_project import is_for_wrangler, read_project
from wrangler_py.devserver.wrangler_command import WranglerOptions
from wrangler_py.devserver.wrangler_project import WranglerProject, find_project
from wrangler_py.devserver.wrangler_remote import local_arguments
from wrangler_py.errors import WranglerError
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.proxy.server import Proxy
from wrangler_py.querylog.record import QueryRecord
from wrangler_py.worker.started_processes import end_marked, new_mark
from wrangler_py.worker_protocol import (
    HandlerException,
    HyperdriveEndpoint,
    LoadError,
    Log,
    Ready,
    RequestDone,
    RequestStarted,
)

Say = Callable[[str], None]
"""Gets each line that the Worker prints, and messages about the Worker."""
Mark = tuple[int, int]
"""A place in time: the number of the last query, and how many requests had started."""

_REQUEST_END_S = 10.0
"""How long the end of a request is waited for, after its answer."""
_DRAIN_S = 0.8
_READY = re.compile(r"Ready on (https?://\S+)|Local:\s+(https?://\S+?)/?\s*$")
_BUILD_FAILED = re.compile(r"\[ERROR\] Build failed")
"""wrangler then waits for the file to be saved again."""
_QUIET_S = 1.0
"""wrangler's message about a failed build is complete when nothing follows it for so long."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_START_S = 120.0
_LAST_LINES = 30


class WorkerRun(Protocol):
    """A Worker that runs."""

    @property
    def url(self) -> str: ...
    @property
    def requests_started(self) -> int:
        """How many requests have started, as far as that can be told."""
        ...

    async def records(self, since: Mark, until: Mark | None) -> list[QueryRecord]:
        """The queries of the requests that started between two marks, when those requests are over."""
        ...

    async def close(self) -> None: ...


async def start_worker(
    config: ConfigFile,
    environment: str | None,
    proxy: Proxy,
    endpoints: Mapping[str, HyperdriveEndpoint],
    *,
    state: Path,
    say: Say,
) -> WorkerRun:
    """Start the Worker of `config`. Raises WranglerError if it cannot be loaded."""
    run: PythonWorker | WranglerWorker
    if is_for_wrangler(config, environment, None):
        run = WranglerWorker(find_project(config, environment, None), environment, proxy, endpoints, say)
    else:
        options = DevOptions(
            config_path=config.path.resolve(), persist_to=state, environment=environment, port=0, reload=False
        )
        run = PythonWorker(options, proxy, endpoints, say)
    try:
        await run.start()
    except BaseException:
        await run.close()
        raise
    return run


class PythonWorker:
    """A Worker on our own host; its process is replaced if it dies."""

    def __init__(
        self, options: DevOptions, proxy: Proxy, endpoints: Mapping[str, HyperdriveEndpoint], say: Say
    ) -> None:
        self._options = options
        self._proxy = proxy
        self._endpoints = endpoints
        self._say = say
        self._listener = open_listening_socket(options.ip, options.port)
        self.url = url_of(self._listener)
        self._process: WorkerProcess | None = None
        self._serving: asyncio.Task[None] | None = None
        self._loaded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Condition()
        self._requests: list[str] = []
        self._in_flight: set[str] = set()
        self._closing = False

    @property
    def requests_started(self) -> int:
        return len(self._requests)

    async def start(self) -> None:
        """Load the Worker. Raises WranglerError if it cannot be loaded."""
        self._serving = asyncio.create_task(self._serve())
        await asyncio.wait({self._serving, self._loaded}, return_when=asyncio.FIRST_COMPLETED)
        if self._loaded.done():
            self._loaded.result()
        else:
            await self._serving

    async def records(self, since: Mark, until: Mark | None) -> list[QueryRecord]:
        ids = set(self._requests[since[1] : None if until is None else until[1]])
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REQUEST_END_S):
                    await self._changed.wait_for(lambda: not ids & self._in_flight)
        return [record for record in self._proxy.query_log.records(since[0]) if record.request_id in ids]

    async def close(self) -> None:
        self._closing = True
        if self._process is not None:
            self._process.drain()
        if self._serving is not None:
            await asyncio.wait({self._serving}, timeout=_DRAIN_S)
            if self._process is not None:
                self._process.kill()
            await asyncio.gather(self._serving, return_exceptions=True)
        if self._loaded.done() and not self._loaded.cancelled():
            self._loaded.exception()  # nobody may have asked for it
        self._listener.close()

    async def _serve(self) -> None:
        project = await read_project(self._options, self._say)
        generation = 0
        while not self._closing:
            generation += 1
            process = self._process = await WorkerProcess.start(self._listener, self._say)
            self._proxy.name_request(f"{generation}-0", "the Worker's global scope")
            process.launch(
                make_launch(project, self._options, self._endpoints, url=self.url, generation=generation)
            )
            async for event in process.events():
                await self._handle(event, process)
            status = await process.wait()
            if not self._loaded.done():
                self._loaded.set_exception(
                    WranglerError(f"The Worker's process ended while it was loading, with status {status}.")
                )
            if not process.loaded:
                return
            if not self._closing:
                self._say(f"The Worker's process ended by itself, with status {status}. Starting it again.")

    async def _handle(self, event: object, process: WorkerProcess) -> None:
        match event:
            case RequestStarted():
                self._proxy.name_request(event.id, f"{event.method} {event.path}")
                self._requests.append(event.id)
                self._in_flight.add(event.id)
            case RequestDone() | RequestCutOff():
                self._proxy.end_request(event.id)
                self._in_flight.discard(event.id)
                if not process.has_requests:
                    self._proxy.close_global_clients(f"{process.generation}-0")
                async with self._changed:
                    self._changed.notify_all()
            case HandlerException():
                self._say(f"{event.traceback.rstrip()}\n{event.summary}")
            case LoadError():
                if not self._loaded.done():
                    text = "\n\n".join(filter(None, (event.traceback, event.hint)))
                    self._loaded.set_exception(
                        WranglerError(f"The Worker cannot be loaded: {event.summary}", hint=text)
                    )
            case Log():
                self._say(event.message)
            case Ready():
                self._proxy.close_global_clients(f"{process.generation}-0")
                if not self._loaded.done():
                    self._loaded.set_result(None)


class WranglerWorker:
    """A Worker that the project's wrangler or Vite runs."""

    def __init__(
        self,
        project: WranglerProject,
        environment: str | None,
        proxy: Proxy,
        endpoints: Mapping[str, HyperdriveEndpoint],
        say: Say,
    ) -> None:
        self._project = project
        self._environment = environment
        self._proxy = proxy
        self._endpoints = endpoints
        self._say = say
        self._mark = new_mark()
        self._guard = ProcessGuard(self._mark)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._lines: list[str] = []
        self.url = ""

    @property
    def requests_started(self) -> int:
        return 0

    async def start(self) -> None:
        """Start wrangler, and wait until it serves. Raises WranglerError if it does not."""
        project = self._project
        if (refusal := project.node_compat_refusal()) is not None:
            raise refusal
        options = WranglerOptions(
            config=project.config_path if project.tool == "wrangler" else None,
            environment=self._environment,
            ip=LOOPBACK,
            port=_free_port(),
            inspector_port=None if project.tool == "vite" else _free_port(),
        )
        strings = {
            binding: connection_string(binding, each.port, each.password, each.database)
            for binding, each in self._endpoints.items()
        }
        self._process = await asyncio.create_subprocess_exec(
            *project.command,
            *project.arguments(options),
            *local_arguments(project.section, (), tool=project.tool),
            cwd=project.folder or project.root,
            env={**project.environment(os.environ, options), **wrangler_variables(strings), self._mark: "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
        self._reading = asyncio.create_task(self._read(self._process))
        try:
            self.url = await asyncio.wait_for(asyncio.shield(self._ready), _START_S)
        except TimeoutError:
            raise self._failure(f"did not start within {_START_S:.0f} s") from None

    async def records(self, since: Mark, until: Mark | None) -> list[QueryRecord]:
        """The queries between the marks: wrangler does not say which request a connection belongs to."""
        records = self._proxy.query_log.records(since[0])
        return [record for record in records if until is None or record.number <= until[0]]

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        await asyncio.to_thread(end_marked, self._mark, grace_s=2.0)
        self._guard.dismiss()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._process is not None:
            await self._process.wait()
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        loop = asyncio.get_running_loop()
        gives_up: asyncio.TimerHandle | None = None
        async for raw in process.stdout:
            line = _COLOURS.sub("", raw.decode(errors="replace")).rstrip()
            self._say(line)
            self._lines.append(line)
            del self._lines[:-_LAST_LINES]
            if not self._ready.done() and (match := _READY.search(line)):
                self._ready.set_result(match[1] or match[2])
            if gives_up is not None:
                gives_up.cancel()
            if gives_up is not None or _BUILD_FAILED.search(line):
                gives_up = loop.call_later(_QUIET_S, self._build_failed)
        if gives_up is not None:
            gives_up.cancel()
        status = await process.wait()
        if not self._ready.done():
            self._ready.set_exception(self._failure(f"ended with status {status} before it served anything"))

    def _build_failed(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(self._failure("could not build it"))

    def _failure(self, what: str) -> WranglerError:
        return WranglerError(
            f"The Worker cannot be loaded: `{self._project.tool} dev` {what}.", hint="\n".join(self._lines)
        )


def _free_port() -> int:
    with open_listening_socket(LOOPBACK, 0) as listener:
        return port_of(listener)
