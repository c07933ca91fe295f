"""The ASGI application that stands between uvicorn and the Worker."""

from __future__ import annotations

from wrangler_py.worker.error_page import error_response
from wrangler_py.worker.exchange import HTTPExchange, Receive, Scope, Send
from wrangler_py.worker.host_names import HostNames
from wrangler_py.worker.outgoing import head_of
from wrangler_py.worker.sdk.workers._response import Response
from wrangler_py.worker.threads import RequestThreads
from wrangler_py.worker.worker import Worker

GENERATION_PATH = "/cdn-cgi/wrangler-py/generation"
"""Tells the generation that serves now; the error page asks it when to reload."""


class Host:
    """Serves one generation: guards the Host header, answers our own paths, hands the rest to the Worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._threads = RequestThreads()
        self._host_names = HostNames(worker.launch.origin)
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._host_names.refuse(scope["headers"])
        if refused is not None:
            await self._answer(scope, send, Response(refused, status=403))
            return
        path = scope["path"]
        if path.startswith("/cdn-cgi/") and path == GENERATION_PATH:
            generation = Response(str(self._worker.launch.generation), headers={"cache-control": "no-store"})
            await self._answer(scope, send, generation)
            return
        if self._worker.failure is not None:
            page = error_response(self._worker.failure, scope["headers"], self._worker.launch.generation)
            await self._answer(scope, send, page)
            return

        def respond_to_error(error: BaseException, request_id: str) -> Response:
            failure = self._worker.report_exception(request_id, error)
            return error_response(failure, scope["headers"], self._worker.launch.generation)

        exchange = HTTPExchange(self._worker, self._threads, respond_to_error, scope, receive, send)
        await exchange.run(lambda: self.draining)

    async def _answer(self, scope: Scope, send: Send, response: Response) -> None:
        head = head_of(response, scope["method"])
        headers = [*head.headers, (b"connection", b"close")] if self.draining else head.headers
        content = b"" if response._body is None else await response._body.read()
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
