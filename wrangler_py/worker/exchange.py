"""One HTTP request, between the server's event loop and the request thread that answers it.

Methods named `_on_thread…` run on the request thread, all others on the server's loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from wrangler_py.worker.incoming import IncomingBody, make_request
from wrangler_py.worker.invocation import Invocation
from wrangler_py.worker.outgoing import Head, as_response, head_of
from wrangler_py.worker.sdk.workers._response import Response

if TYPE_CHECKING:
    from wrangler_py.worker.threads import RequestThreads
    from wrangler_py.worker.worker import Worker

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WATCH_AFTER_S = 0.1
"""A request that takes longer is watched for its client going away."""
CLIENT_CLOSED_REQUEST = 499
"""What the log shows for a request whose client went away; never sent."""

Respond: TypeAlias = Callable[[BaseException, str], Response]
"""Makes the page for an exception, given it and the request's id."""


class HTTPExchange:
    """Runs the handler on a request thread, brings the body in and the response out."""

    def __init__(
        self,
        worker: Worker,
        threads: RequestThreads,
        respond_to_error: Respond,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._worker = worker
        self._threads = threads
        self._respond_to_error = respond_to_error
        self._scope = scope
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._body = IncomingBody.of(scope, receive, self._loop)
        self._watched = self._body or IncomingBody(receive, self._loop)
        self._started_at = time.perf_counter()
        self._head: asyncio.Future[tuple[Head, bytes | None]] = self._loop.create_future()
        self._head_sent = asyncio.Event()
        self._stream_end: asyncio.Future[bool] | None = None
        self._work_end: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[Any] | None = None
        self._client_gone = False
        self.id = worker.next_request_id()

    async def run(self, closing: Callable[[], bool]) -> None:
        """See the request through. `closing()` tells whether the connection must close after it."""
        self._threads.submit(self._on_thread)
        watch = self._loop.call_later(WATCH_AFTER_S, self._watch)
        try:
            head, content = await self._head
            status = await self._respond(head, content, closing)
        finally:
            watch.cancel()
            self._watched.stop_watching()
        elapsed = time.perf_counter() - self._started_at
        if not self._work_end.done():
            # The response is out; the client's connection must not wait for waitUntil work.
            self._work_end.add_done_callback(lambda _: self._report(status, elapsed))
        else:
            self._report(status, elapsed)

    async def _respond(self, head: Head, content: bytes | None, closing: Callable[[], bool]) -> int:
        if self._client_gone:
            return CLIENT_CLOSED_REQUEST
        if content is None:
            self._stream_end = self._loop.create_future()
        headers = [*head.headers, (b"connection", b"close")] if closing() else head.headers
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})
        if content is not None:
            await self._send({"type": "http.response.body", "body": content})
            return head.status
        assert self._stream_end is not None
        self._head_sent.set()
        complete = await self._stream_end
        if complete:
            await self._send({"type": "http.response.body", "body": b""})
        return CLIENT_CLOSED_REQUEST if self._client_gone else head.status

    def _report(self, status: int, elapsed: float) -> None:
        self._worker.control.send(
            "request",
            id=self.id,
            method=self._scope["method"],
            path=self._scope["path"],
            status=status,
            ms=round(elapsed * 1000, 1),
        )

    # The client's going away

    def _watch(self) -> None:
        self._watched.watch(self._on_disconnect)

    def _on_disconnect(self) -> None:
        self._client_gone = True
        task = self._task
        if task is not None:
            try:
                task.get_loop().call_soon_threadsafe(task.cancel)
            except RuntimeError:
                return  # the thread has ended, and with it the work

    # On the request thread

    async def _on_thread(self) -> None:
        self._task = asyncio.current_task()
        invocation = Invocation(self._worker, self.id)
        try:
            if self._client_gone:
                raise asyncio.CancelledError
            response = as_response(
                await invocation.call("fetch", make_request(self._scope, self._body)), self._worker
            )
        except BaseException as error:
            if self._client_gone and isinstance(error, asyncio.CancelledError):
                self._on_thread_deliver(Head(CLIENT_CLOSED_REQUEST, []), b"")
                await self._on_thread_finish(invocation)
                return
            response = self._respond_to_error(error, self.id)
        head = head_of(response, self._scope["method"])
        body = response._body
        if body is None or body.content is not None:
            content = b"" if body is None else await body.read()
            if invocation.has_work_left:
                self._on_thread_deliver(head, content)
                await self._on_thread_finish(invocation)
            else:
                self._loop.call_soon_threadsafe(self._deliver_and_finish, head, content)
            return
        self._on_thread_deliver(head, None)
        await self._on_thread_stream(body.chunks())
        await self._on_thread_finish(invocation)

    def _on_thread_deliver(self, head: Head, content: bytes | None) -> None:
        self._loop.call_soon_threadsafe(self._deliver, head, content)

    async def _on_thread_finish(self, invocation: Invocation) -> None:
        try:
            await invocation.finish()
        finally:
            self._loop.call_soon_threadsafe(self._work_end.set_result, None)

    async def _on_thread_stream(self, chunks: AsyncIterator[bytes]) -> None:
        complete = False
        try:
            async for chunk in chunks:
                if chunk:
                    sending = asyncio.run_coroutine_threadsafe(self._send_chunk(chunk), self._loop)
                    await asyncio.wrap_future(sending)
            complete = True
        except BaseException as error:
            if not (self._client_gone and isinstance(error, asyncio.CancelledError)):
                self._worker.report_exception(self.id, error)
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]
            self._loop.call_soon_threadsafe(self._end_stream, complete)

    # Called back from there

    def _deliver(self, head: Head, content: bytes | None) -> None:
        self._head.set_result((head, content))

    def _deliver_and_finish(self, head: Head, content: bytes | None) -> None:
        self._head.set_result((head, content))
        self._work_end.set_result(None)

    async def _send_chunk(self, chunk: bytes) -> None:
        await self._head_sent.wait()
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _end_stream(self, complete: bool) -> None:
        if self._stream_end is not None and not self._stream_end.done():
            self._stream_end.set_result(complete)
