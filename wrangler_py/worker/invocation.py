"""One call of a handler, on a request thread: its env, its context, and what must be done before it ends."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wrangler_py.worker.platform.blocking import RequestLoop
from wrangler_py.worker.platform.convert import JsDoubleProxy
from wrangler_py.worker.platform.current import current
from wrangler_py.worker.platform.execution_context import execution_context

if TYPE_CHECKING:
    from wrangler_py.worker.worker import Worker

SUBREQUEST_DEPTH = 16
"""How often a Worker may fetch itself in a row."""
DEPTH_HEADER = "x-wrangler-py-depth"
WAIT_UNTIL_LIMIT_S = 30.0
"""How long waitUntil work may go on after the response, as on the platform."""


class Invocation:
    """Lives on one request thread; the modules a Worker imports find it through a context variable."""

    in_request = True

    def __init__(self, worker: Worker, request_id: str) -> None:
        self.id = request_id
        self.env = worker.environments.for_request(request_id)
        self.resources: dict[Any, Any] = {}
        self.own_headers: list[tuple[str, str]] = []
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        if isinstance(self._loop, RequestLoop):
            self._loop.request_id = request_id
        self._background: set[asyncio.Future[Any]] = set()
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def note_depth(self, depth: int) -> None:
        """Take down how many fetches of the Worker by itself led to this request.

        Raises RuntimeError when they are so many that they would never end: each holds a thread.
        """
        if depth > SUBREQUEST_DEPTH:
            raise RuntimeError(
                f"The Worker fetched itself {SUBREQUEST_DEPTH} times in a row. On the platform fetch(request) goes "
                "on to the site's origin; here there is none: fetch another URL, or answer without fetch"
            )
        self.own_headers = [(DEPTH_HEADER, str(depth + 1))]

    def leads_back(self, host: str | None, port: int | None) -> bool:
        own = urlsplit(self._worker.launch.url)
        return port == own.port and (host == own.hostname or host in ("localhost", "127.0.0.1", "::1"))

    async def call(self, event: str, subject: Any) -> Any:
        """Run a handler to its result. Raises what the handler raises."""
        current.set(self)
        return await self._worker.entrypoint.call(event, subject, self.env, execution_context(self))

    def wait_until(self, awaitable: Any) -> None:
        if isinstance(awaitable, JsDoubleProxy):
            awaitable = awaitable.unwrap()  # the proxy may be destroyed before the work is done
        if not inspect.isawaitable(awaitable):
            raise TypeError(
                f"waitUntil takes an awaitable, not {type(awaitable).__name__}: call the async function"
            )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = self._loop  # a WSGI application calls
        future = asyncio.ensure_future(awaitable, loop=loop)
        self._background.add(future)
        future.add_done_callback(self._background_done)

    def _background_done(self, future: asyncio.Future[Any]) -> None:
        self._background.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._worker.report_exception(self.id, error)

    def on_end(self, close: Callable[[], Awaitable[None]]) -> None:
        self._closers.append(close)

    @property
    def has_work_left(self) -> bool:
        return bool(self._background or self._closers)

    async def finish(self) -> None:
        """See waitUntil work to its end, then close what the request opened."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_UNTIL_LIMIT_S
        while self._background and loop.time() < deadline:
            # waitUntil work may add more of its kind.
            await asyncio.wait(set(self._background), timeout=deadline - loop.time())
        if self._background:
            self._worker.control.log(
                "warning",
                f"waitUntil work of request {self.id} was cancelled after {WAIT_UNTIL_LIMIT_S:.0f} s, "
                "as on the platform",
            )
            for future in self._background:
                future.cancel()
        while self._closers:
            await self._closers.pop()()
