"""The ASGI application that stands between uvicorn and the Worker."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs

from wrangler_py.open_files import soft_limit
from wrangler_py.terminal_text import printable
from wrangler_py.worker.entrypoint import WAY_OUT
from wrangler_py.worker.failure import Failure
from wrangler_py.worker.host_names import HostNames, is_cross_site
from wrangler_py.worker.http_exchange import HTTPExchange, Operation
from wrangler_py.worker.http_request import IncomingBody, make_request
from wrangler_py.worker.http_response import as_response, content_of, head_of, text_response
from wrangler_py.worker.invocation import Invocation
from wrangler_py.worker.platform.blocking import RequestLoop
from wrangler_py.worker.platform.responses import Response
from wrangler_py.worker.request_host import Headers, Receive, Scope, Send
from wrangler_py.worker.scheduled import ScheduledController
from wrangler_py.worker.threads import LIMIT, RequestThreads
from wrangler_py.worker.unawaited_work import UnfinishedWork
from wrangler_py.worker.worker import Worker
from wrangler_py.worker_protocol import RequestDone

GENERATION_PATH = "/cdn-cgi/wrangler-py/generation"
"""Tells the generation that serves now; the error page asks it when to reload."""
SCHEDULED_PATHS = ("/cdn-cgi/local/scheduled", "/cdn-cgi/handler/scheduled")
TEST_SCHEDULED_PATH = "/__scheduled"
_EMAIL_PATHS = ("/cdn-cgi/local/email", "/cdn-cgi/handler/email")
_HANDLER_PATHS = ("/cdn-cgi/handler/", "/cdn-cgi/local/")

_FILES_OF_A_THREAD = 8
"""Its event loop holds three; the request has others, its database connections for one."""


class Host:
    """Serves one generation: guards the Host header, answers our own paths, hands the rest to the Worker."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        unfinished = UnfinishedWork(worker)
        unfinished.follow_warnings(asyncio.get_running_loop())
        self.threads = RequestThreads(
            limit=_thread_limit(), on_tasks_left=unfinished.tasks_left, on_error=self._report_error
        )
        self.draining = False
        self._host_names = HostNames(
            worker.launch.url,
            worker.launch.allowed_hosts,
            warn=lambda line: worker.control.log("warning", line),
        )
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = self._own_answer(scope)
        if own is None and self.worker.site is not None and not self._is_scheduled(scope):
            from wrangler_py.worker.asset_exchange import answer_with_asset  # and with it the URL parser

            if await answer_with_asset(self, self.worker.site, scope, receive, send):
                return
        if own is None:
            self.worker.load_again()
        failure = self.worker.failure if own is None else None
        if failure is not None:
            own = self._error_page(failure, scope)
        if scope["type"] == "websocket":
            if own is None:
                self.begin_request()
            from wrangler_py.worker.websocket_exchange import SocketExchange  # and with it `js`, rarely needed

            await SocketExchange(self, scope, receive, send).run(own)
        elif own is not None:
            started_at = time.perf_counter()
            await self._answer(scope, send, own)
            if failure is not None:
                elapsed = time.perf_counter() - started_at
                self._report(self.worker.next_request_id(), scope["method"], scope["path"], own.status, elapsed)
        else:
            self.begin_request()
            await HTTPExchange(self, self._operation(scope), scope, receive, send).run()

    async def wait_idle(self) -> None:
        """Return when no request is left, its waitUntil work included."""
        await self._idle.wait()

    def with_connection_header(self, headers: Headers) -> Headers:
        """While draining, a response is the last one of its connection."""
        return [*headers, (b"connection", b"close")] if self.draining else headers

    def error_response(self, error: BaseException, request_id: str, scope: Scope) -> Response:
        """Report an exception of a handler and create the page for it."""
        return self._error_page(self.worker.report_exception(request_id, error), scope)

    def _report_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> bool:
        """Report an exception of a callback of the Worker's, an event listener's for one."""
        error = context.get("exception")
        if not isinstance(loop, RequestLoop) or loop.request_id is None or error is None:
            return False
        if loop.cancels_tasks:
            return True
        self.worker.report_exception(loop.request_id, error)
        return True

    def begin_request(self) -> None:
        """Count another request."""
        self._open += 1
        self._idle.clear()

    def end_request(self, request_id: str, method: str, path: str, status: int, elapsed_s: float) -> None:
        """Report a request that has ended."""
        self._report(request_id, method, path, status, elapsed_s)
        self._open -= 1
        if not self._open:
            self._idle.set()

    def _report(self, request_id: str, method: str, path: str, status: int, elapsed_s: float) -> None:
        self.worker.control.send_soon(RequestDone(request_id, method, path, status, round(elapsed_s * 1000, 1)))

    def _own_answer(self, scope: Scope) -> Response | None:
        """The answer to requests that are not for the Worker; None for others."""
        refused = self._host_names.refuse(scope["headers"])
        if refused is not None:
            return text_response(refused, 403)
        path = scope["path"]
        if path == GENERATION_PATH:
            return text_response(str(self.worker.launch.generation), headers=[("cache-control", "no-store")])
        if self._runs_handlers(path) and is_cross_site(scope["headers"]):
            self.worker.control.log("warning", f"Refused {printable(path)}: a page of another site asked for it.")
            return text_response("Only this machine's own pages and programs may run handlers.\n", 403)
        if path in _EMAIL_PATHS and self.worker.launch.has_worker:
            return text_response(f"wrangler-py has no email events. {WAY_OUT}.\n", 501)
        return None

    def _runs_handlers(self, path: str) -> bool:
        """Whether a request for `path` runs a handler that the platform, and not a client, is to run."""
        return path.startswith(_HANDLER_PATHS) or (
            path == TEST_SCHEDULED_PATH and self.worker.launch.test_scheduled
        )

    def _error_page(self, failure: Failure, scope: Scope) -> Response:
        from wrangler_py.worker.error_page import error_response  # and with it `html`, rarely needed

        return error_response(failure, scope["headers"], self.worker.launch.generation)

    def _is_scheduled(self, scope: Scope) -> bool:
        path, launch = scope["path"], self.worker.launch
        return launch.has_worker and (
            path in SCHEDULED_PATHS or (path == TEST_SCHEDULED_PATH and launch.test_scheduled)
        )

    def _operation(self, scope: Scope) -> Operation:
        if self._is_scheduled(scope):
            query = parse_qs(scope["query_string"].decode("latin-1"))

            async def run_scheduled(invocation: Invocation, body: IncomingBody | None) -> Response:
                controller = ScheduledController.of_query(query)
                await invocation.call("scheduled", controller)
                return text_response("ok")

            return run_scheduled

        async def run_fetch(invocation: Invocation, body: IncomingBody | None) -> Response:
            result = await invocation.call("fetch", make_request(scope, body, invocation))
            return as_response(result, self.worker, for_upgrade=False)

        return run_fetch

    async def _answer(self, scope: Scope, send: Send, response: Response) -> None:
        head = head_of(response, scope["method"])
        content = await content_of(response)
        headers = self.with_connection_header(head.headers)
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _thread_limit() -> int:
    files = soft_limit()
    return LIMIT if files is None else max(1, min(LIMIT, files // _FILES_OF_A_THREAD))
