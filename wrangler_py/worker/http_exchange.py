"""One HTTP request, between the server's event loop and the request thread that answers it.

Methods named `_on_thread…` run on the request thread, all others on the server's loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from wrangler_py.worker.http_request import IncomingBody
from wrangler_py.worker.http_response import Head, encoded, head_of, text_response
from wrangler_py.worker.invocation import Invocation
from wrangler_py.worker.platform.readable import chunks_of
from wrangler_py.worker.platform.responses import Response
from wrangler_py.worker.request_host import Receive, RequestHost, Scope, Send
from wrangler_py.worker_protocol import RequestStarted

WATCH_AFTER_S = 0.1
"""A request that takes longer is watched for its client going away."""
INTERNAL_SERVER_ERROR = 500
CLIENT_CLOSED_REQUEST = 499
"""The log's status for a request whose client went away; it is never sent."""

Operation: TypeAlias = Callable[[Invocation, IncomingBody | None], Awaitable[Response]]
"""The work for a request, on its thread."""


class HTTPExchange:
    """Runs an operation on a request thread, brings the body in and the response out."""

    def __init__(self, host: RequestHost, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        self._host = host
        self._operation = operation
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._body = IncomingBody.of(scope, receive, self._loop)
        self._watched: IncomingBody | None = None
        self._started_at = time.perf_counter()
        self._head: asyncio.Future[tuple[Head, bytes | None]] = self._loop.create_future()
        self._stream_begins = asyncio.Event()
        self._stream_end: asyncio.Future[bool] | None = None
        self._work_end: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[Any] | None = None
        self._client_gone = False
        self.id = host.worker.next_request_id()

    async def run(self) -> None:
        """See the response out. The request itself ends after its waitUntil work."""
        started = RequestStarted(self.id, self._scope["method"], self._scope["path"])
        self._host.worker.control.send_soon(started)
        # After that has been sent: the dev session knows of a request before it queries the database.
        self._loop.call_soon(self._host.threads.submit, self._on_thread)
        watch = self._loop.call_later(WATCH_AFTER_S, self._watch)
        try:
            head, content = await self._head
            status = await self._respond(head, content)
        except Exception as error:
            self._host.worker.report_exception(self.id, error)
            status = INTERNAL_SERVER_ERROR
            self._on_disconnect()  # nothing can be sent any more
            self._stream_begins.set()
        finally:
            watch.cancel()
            if self._watched is not None:
                self._watched.stop_watching()
        elapsed = time.perf_counter() - self._started_at
        if self._work_end.done():
            self._end(status, elapsed)
        else:
            self._work_end.add_done_callback(lambda _: self._end(status, elapsed))

    async def _respond(self, head: Head, content: bytes | None) -> int:
        if self._client_gone:
            if content is None:
                # Let the stream run into its cancellation instead of waiting for a place to go.
                self._stream_begins.set()
            return CLIENT_CLOSED_REQUEST
        if content is None:
            self._stream_end = self._loop.create_future()
        headers = self._host.with_connection_header(head.headers)
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})
        if content is not None:
            await self._send({"type": "http.response.body", "body": content})
            return head.status
        assert self._stream_end is not None
        self._stream_begins.set()
        if await self._stream_end:
            await self._send({"type": "http.response.body", "body": b""})
        return CLIENT_CLOSED_REQUEST if self._client_gone else head.status

    def _end(self, status: int, elapsed: float) -> None:
        self._host.end_request(self.id, self._scope["method"], self._scope["path"], status, elapsed)

    # The client's going away

    def _watch(self) -> None:
        self._watched = self._body or IncomingBody(self._receive, self._loop)
        self._watched.watch(self._on_disconnect)

    def _on_disconnect(self) -> None:
        self._client_gone = True
        if self._task is not None:
            try:
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
            except RuntimeError:
                return  # the thread has ended, and with it the work

    # On the request thread

    async def _on_thread(self) -> None:
        self._task = asyncio.current_task()
        invocation = Invocation(self._host.worker, self.id)
        response, head = await self._on_thread_operate(invocation)
        body = response._body
        if body is not None and body.content is None:
            self._loop.call_soon_threadsafe(self._deliver, head, None)
            await self._on_thread_stream(chunks_of(body.stream))
        else:
            content = b"" if body is None else await body.read()
            if not invocation.has_work_left:
                # The usual case: one wake-up of the server's loop for everything.
                self._loop.call_soon_threadsafe(self._deliver_and_finish, head, content)
                return
            self._loop.call_soon_threadsafe(self._deliver, head, content)
        try:
            await invocation.finish()
        finally:
            self._loop.call_soon_threadsafe(self._finish)

    async def _on_thread_operate(self, invocation: Invocation) -> tuple[Response, Head]:
        method = self._scope["method"]
        try:
            if self._client_gone:
                raise asyncio.CancelledError
            response = await self._operation(invocation, self._body)
            if "content-encoding" in response._headers._values:
                response = encoded(response)
            return response, head_of(response, method)
        except BaseException as error:
            if self._client_gone and isinstance(error, asyncio.CancelledError | ConnectionError):
                response = text_response("", INTERNAL_SERVER_ERROR)  # goes nowhere
            else:
                response = self._host.error_response(error, self.id, self._scope)
            return response, head_of(response, method)

    async def _on_thread_stream(self, chunks: AsyncIterator[bytes]) -> None:
        complete = False
        try:
            async for chunk in chunks:
                if chunk:
                    sending = asyncio.run_coroutine_threadsafe(self._send_chunk(chunk), self._loop)
                    await asyncio.wrap_future(sending)
            complete = True
        except BaseException as error:
            if not (self._client_gone and isinstance(error, asyncio.CancelledError | ConnectionError)):
                self._host.worker.report_exception(self.id, error)
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]
            self._loop.call_soon_threadsafe(self._end_stream, complete)

    # Called back from there

    def _deliver(self, head: Head, content: bytes | None) -> None:
        self._head.set_result((head, content))

    def _finish(self) -> None:
        self._work_end.set_result(None)

    def _deliver_and_finish(self, head: Head, content: bytes | None) -> None:
        self._deliver(head, content)
        self._finish()

    async def _send_chunk(self, chunk: bytes) -> None:
        await self._stream_begins.wait()
        if self._client_gone:
            raise ConnectionError("The client went away")
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _end_stream(self, complete: bool) -> None:
        async def end() -> None:
            await self._stream_begins.wait()
            if self._stream_end is not None and not self._stream_end.done():
                self._stream_end.set_result(complete)

        self._ending = self._loop.create_task(end())
