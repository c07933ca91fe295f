"""One WebSocket, between the server's event loop and the request thread that its handler runs on."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import time
from collections.abc import Callable
from typing import Any

from wrangler_py.worker.http_request import make_request
from wrangler_py.worker.http_response import SWITCHING_PROTOCOLS, Head, as_response, content_of, head_of
from wrangler_py.worker.invocation import Invocation
from wrangler_py.worker.platform.responses import Response
from wrangler_py.worker.platform.websockets import WebSocket
from wrangler_py.worker.request_host import Receive, RequestHost, Scope, Send
from wrangler_py.worker_protocol import RequestStarted

ABNORMAL_CLOSURE = 1006
NORMAL_CLOSURE = 1000


class SocketExchange:
    """Runs the fetch handler for an upgrade, then carries messages until either side closes."""

    def __init__(self, host: RequestHost, scope: Scope, receive: Receive, send: Send) -> None:
        self._host = host
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[tuple[Head, bytes, WebSocket | None]] = self._loop.create_future()
        self._work_end: asyncio.Future[None] = self._loop.create_future()
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        """Events for the client; None once the client is gone."""
        self._thread_loop: asyncio.AbstractEventLoop | None = None
        self._context: contextvars.Context | None = None
        self._id = host.worker.next_request_id()

    async def run(self, own: Response | None) -> None:
        """See the WebSocket through; with `own`, refuse it with that response instead."""
        await self._receive()  # websocket.connect
        if own is not None:
            await self._refuse(head_of(own, "GET"), await content_of(own))
            return
        started_at = time.perf_counter()
        self._host.worker.control.send_soon(RequestStarted(self._id, "GET", self._scope["path"]))
        # After that has been sent: the dev session knows of a request before it queries the database.
        self._loop.call_soon(self._host.threads.submit, self._on_thread)
        head, content, client_end = await self._answer
        try:
            if client_end is None:
                await self._refuse(head, content)
            else:
                await self._carry(head, client_end)
        finally:
            await self._work_end
            elapsed = time.perf_counter() - started_at
            self._host.end_request(self._id, "GET", self._scope["path"], head.status, elapsed)

    async def _carry(self, head: Head, client_end: WebSocket) -> None:
        code, reason = ABNORMAL_CLOSURE, ""
        with contextlib.suppress(RuntimeError, OSError):  # the client has gone before it was accepted
            await self._accept(head)
            while (message := await self._receive())["type"] == "websocket.receive":
                text = message.get("text")
                self._to_worker(client_end.from_client, message["bytes"] if text is None else text)
            code, reason = message.get("code", ABNORMAL_CLOSURE), message.get("reason") or ""
        self._to_worker(client_end.closed_by_client, code, reason)
        self._to_worker(self._events.put_nowait, None)

    async def _accept(self, head: Head) -> None:
        protocol = next((value.decode() for name, value in head.headers if name == b"sec-websocket-protocol"), None)
        headers = [pair for pair in head.headers if pair[0] != b"sec-websocket-protocol"]
        await self._send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})

    async def _refuse(self, head: Head, content: bytes) -> None:
        await self._send({"type": "websocket.http.response.start", "status": head.status, "headers": head.headers})
        await self._send({"type": "websocket.http.response.body", "body": content})

    def _to_worker(self, deliver: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                deliver(*arguments)
            except Exception as error:
                self._host.worker.report_exception(self._id, error)

        assert self._thread_loop is not None
        try:
            self._thread_loop.call_soon_threadsafe(run, context=self._context)
        except RuntimeError:
            return  # the request has ended on its thread

    # On the request thread

    async def _on_thread(self) -> None:
        self._thread_loop = asyncio.get_running_loop()
        invocation = Invocation(self._host.worker, self._id)
        try:
            result = await invocation.call("fetch", make_request(self._scope, None, invocation))
            response = as_response(result, self._host.worker, for_upgrade=True)
            head, content = head_of(response, "GET"), await content_of(response)
        except BaseException as error:
            response = self._host.error_response(error, self._id, self._scope)
            head, content = head_of(response, "GET"), await content_of(response)
        if response.status != SWITCHING_PROTOCOLS and "workers.asgi" in sys.modules:
            self._host.worker.control.log(
                "warning",
                f"A WebSocket was asked for, and got status {response.status}. asgi.fetch serves HTTP alone: "
                "answer with asgi.websocket(app, request, self.env), or write Default = asgi.entrypoint(app).",
            )
        # Listeners run later, called from the server's loop, and belong to this request all the same.
        self._context = contextvars.copy_context()
        client_end = response._web_socket if response.status == SWITCHING_PROTOCOLS else None
        if client_end is not None:
            client_end.couple(self._events.put_nowait)
        self._loop.call_soon_threadsafe(self._answer.set_result, (head, content, client_end))
        try:
            if client_end is not None:
                await self._on_thread_send()
            await invocation.finish()
        finally:
            self._loop.call_soon_threadsafe(self._work_end.set_result, None)

    async def _on_thread_send(self) -> None:
        while (event := await self._events.get()) is not None:
            if event.type == "close":
                code = NORMAL_CLOSURE if event.code in (0, 1005, ABNORMAL_CLOSURE) else event.code
                message: dict[str, Any] = {"type": "websocket.close", "code": code, "reason": event.reason}
            elif isinstance(event.data, str):
                message = {"type": "websocket.send", "text": event.data}
            else:
                message = {"type": "websocket.send", "bytes": event.data.to_bytes()}
            sending = asyncio.run_coroutine_threadsafe(self._send_quietly(message), self._loop)
            await asyncio.wrap_future(sending)
            if event.type == "close":
                return

    async def _send_quietly(self, message: dict[str, Any]) -> None:
        await self._answer
        try:
            await self._send(message)
        except (RuntimeError, OSError):
            return  # the client has closed meanwhile
