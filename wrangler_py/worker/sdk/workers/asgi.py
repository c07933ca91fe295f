"""`workers.asgi`: an ASGI application (FastAPI, Starlette, Django…) as a Worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from wrangler_py.worker.sdk.workers._body import Body
from wrangler_py.worker.sdk.workers._current import current_invocation
from wrangler_py.worker.sdk.workers._entrypoints import Context, WorkerEntrypoint
from wrangler_py.worker.sdk.workers._headers import Headers
from wrangler_py.worker.sdk.workers._request import Request
from wrangler_py.worker.sdk.workers._response import NULL_BODY_STATUSES, Response

Message: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[..., Awaitable[None]]

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


async def fetch(app: Any, req: Any, env: Any, ctx: Context | None = None) -> Response:
    """Have an ASGI application answer a request. `env` is in its scope as `scope["env"]`.

    The application's lifespan is started before and ended after the request, as on the platform. Raises what
    the application raises before its response begins, RuntimeError when its start-up fails.
    """
    request = _as_request(req)
    if (request._headers.get("upgrade") or "").lower() == "websocket":
        return await websocket(app, request, env)
    state: dict[str, Any] = {}
    lifespan = _Lifespan(app, state)
    await lifespan.start()
    exchange = _Exchange(app, request, _scope(request, env, state))
    answering = asyncio.create_task(exchange.run())
    try:
        response = await exchange.response
    except BaseException:
        answering.cancel()
        await lifespan.stop()
        raise

    async def end() -> None:
        # Background tasks of the framework run after the response: they are the request's, too.
        try:
            await answering
        finally:
            await lifespan.stop()

    current_invocation("asgi.fetch").wait_until(end())
    return response


async def websocket(app: Any, req: Any, env: Any = None) -> Response:
    """Have an ASGI application take a WebSocket."""
    request = _as_request(req)
    connection = _WebSocket()
    task = asyncio.ensure_future(connection.run(app, _scope(request, env, {}, websocket=True)))
    current_invocation("asgi.websocket").wait_until(task)
    return await connection.response


def entrypoint(app: Any) -> type[WorkerEntrypoint]:
    """A Worker that is nothing but an ASGI application: `Default = asgi.entrypoint(app)`."""

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            return await fetch(app, request, self.env, self.ctx)

    return Default


def __getattr__(name: str) -> Any:
    if name == "env":
        from fastapi import Depends
        from starlette.requests import HTTPConnection

        async def env(connection: HTTPConnection) -> Any:
            return connection.scope["env"]

        # FastAPI cannot resolve the name of a class that is imported in a function.
        env.__annotations__["connection"] = HTTPConnection
        return Depends(env)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _as_request(req: Any) -> Request:
    request: Request = req._as_request() if hasattr(req, "_as_request") else req
    return request


def _scope(request: Request, env: Any, state: dict[str, Any], *, websocket: bool = False) -> Message:
    parts = urlsplit(request.url)
    scheme = parts.scheme.replace("http", "ws", 1) if websocket else parts.scheme
    client = request._headers.get("cf-connecting-ip")
    scope: Message = {
        "type": "websocket" if websocket else "http",
        "asgi": dict(_ASGI),
        "http_version": "1.1",
        "scheme": scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode("latin-1", "replace"),
        "query_string": parts.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in request._headers._pairs
        ],
        "server": (parts.hostname, parts.port or _DEFAULT_PORTS.get(scheme, 80)),
        "client": None if client is None else (client, 0),
        "state": state,
        "env": env,
    }
    if websocket:
        protocols = request._headers.get("sec-websocket-protocol") or ""
        scope["subprotocols"] = [name.strip() for name in protocols.split(",") if name.strip()]
    else:
        scope["method"] = request._method
    return scope


class _Lifespan:
    """One start and stop of an application. Applications without a lifespan are served as well."""

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self._orders: asyncio.Queue[Message] = asyncio.Queue()
        self._replies: asyncio.Queue[Message | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        reply = await self._ask("lifespan.startup")
        if reply is not None and reply["type"] == "lifespan.startup.failed":
            await self._task
            raise RuntimeError(f"The application's start-up failed: {reply.get('message') or 'no message'}")
        if reply is None:
            self._task = None

    async def stop(self) -> None:
        if self._task is not None:
            await self._ask("lifespan.shutdown")
            await self._task
            self._task = None

    async def _ask(self, order: str) -> Message | None:
        self._orders.put_nowait({"type": order})
        return await self._replies.get()

    async def _run(self) -> None:
        try:
            await self._app(
                {"type": "lifespan", "asgi": dict(_ASGI), "state": self._state}, self._orders.get, self._replies.put
            )
        except Exception:
            # By the specification an application that raises here has no lifespan.
            self._replies.put_nowait(None)
        else:
            self._replies.put_nowait(None)


class _Exchange:
    """One HTTP request to an application."""

    def __init__(self, app: Any, request: Request, scope: Message) -> None:
        self._app = app
        self._scope = scope
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._incoming = None if request._body is None else request._body.chunks()
        self._incoming_ended = False
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._head: Message | None = None
        self._ended = asyncio.Event()
        self._reader_gone = False

    async def run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
            if not self.response.done():
                raise RuntimeError("The ASGI application did not send a response")
        except Exception as error:
            if self._reader_gone:
                return
            if self.response.done():
                # Too late for another response: the client sees the body break off.
                await self._chunks.put(None)
                raise
            self.response.set_exception(error)
        finally:
            self._ended.set()

    async def _receive(self) -> Message:
        if not self._incoming_ended:
            chunk = None if self._incoming is None else await anext(self._incoming, None)
            self._incoming_ended = chunk is None
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}
        await self._ended.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        if message["type"] != "http.response.body" or self._head is None:
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}")
        body, more = bytes(message.get("body", b"")), message.get("more_body", False)
        if not self.response.done():
            self._begin(body, streaming=more)
            if not more:
                self._ended.set()
                return
        if self._reader_gone:
            raise OSError("The client went away")
        if body:
            await self._chunks.put(body)
        if not more:
            await self._chunks.put(None)
            self._ended.set()

    def _begin(self, body: bytes, *, streaming: bool) -> None:
        assert self._head is not None
        status = self._head["status"]
        headers = Headers._of_pairs(
            [
                (bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1"))
                for name, value in self._head.get("headers", ())
            ]
        )
        content: Body | None = None
        if status not in NULL_BODY_STATUSES:
            content = Body(stream=self._stream()) if streaming else Body(body)
        self.response.set_result(Response._assemble(status, headers, content))

    async def _stream(self) -> AsyncIterator[bytes]:
        try:
            while (chunk := await self._chunks.get()) is not None:
                yield chunk
        finally:
            self._reader_gone = True
            self._ended.set()
            while not self._chunks.empty():
                self._chunks.get_nowait()


class _WebSocket:
    """One WebSocket to an application."""

    def __init__(self) -> None:
        from wrangler_py.worker.sdk.js._sockets import WebSocketPair

        self._client, self._server = WebSocketPair.new()
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        self._server.addEventListener("message", self._on_message)
        self._server.addEventListener("close", self._on_close)

    def _on_message(self, event: Any) -> None:
        text = isinstance(event.data, str)
        self._incoming.put_nowait(
            {
                "type": "websocket.receive",
                "text": event.data if text else None,
                "bytes": None if text else bytes(event.data),
            }
        )

    def _on_close(self, event: Any) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": event.code, "reason": event.reason})

    async def run(self, app: Any, scope: Message) -> None:
        try:
            await app(scope, self._incoming.get, self._send)
            self._server.close(1000)
            if not self.response.done():
                raise RuntimeError("The ASGI application neither accepted nor refused the WebSocket")
        except Exception as error:
            if self.response.done():
                self._server.close(1011, "Internal error")
                raise
            self.response.set_exception(error)

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            headers = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
            if message.get("subprotocol"):
                headers.append(("sec-websocket-protocol", message["subprotocol"]))
            self._server.accept()
            self.response.set_result(Response(None, status=101, headers=headers, web_socket=self._client))
        elif kind == "websocket.send":
            text = message.get("text")
            self._server.send(message["bytes"] if text is None else text)
        elif kind == "websocket.close":
            if not self.response.done():
                self.response.set_result(Response("Forbidden", status=403))
            self._server.close(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r}")
