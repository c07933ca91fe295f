"""A request's body, brought from the server's loop to any other, and its `Request`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from wrangler_py.worker.invocation import DEPTH_HEADER, Invocation
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.headers import headers_of
from wrangler_py.worker.platform.readable import stream_of_chunks
from wrangler_py.worker.platform.requests import Request
from wrangler_py.worker.platform.requests import make_request as make_js_request
from wrangler_py.worker.platform.urls import normalized_url
from wrangler_py.worker.platform.values import js_object


class ClientDisconnected(ConnectionError):
    """The client went away while its request's body was read."""


class IncomingBody(AsyncIterator[bytes]):
    """A request's body. It is read from the server's loop, and may be iterated on another."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        loop: asyncio.AbstractEventLoop,
        length: int | None = None,
    ) -> None:
        self.length = length
        self._receive = receive
        self._loop = loop
        self._reading = asyncio.Lock()
        self._ahead: list[bytes] = []
        self._complete = False
        self._disconnected = False
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    def of(
        cls,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        loop: asyncio.AbstractEventLoop,
    ) -> IncomingBody | None:
        """The body of a request; None when its headers announce none."""
        headers = dict(scope["headers"])
        if b"transfer-encoding" in headers:
            return cls(receive, loop)
        length = int(headers.get(b"content-length", b"0"))
        return cls(receive, loop, length) if length else None

    async def __anext__(self) -> bytes:
        chunk = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._next(), self._loop))
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def _next(self) -> bytes | None:
        while not self._ahead:
            if self._complete:
                return None  # the lock may be the watcher's until the client leaves
            async with self._reading:
                if self._ahead or self._complete:
                    continue
                if self._disconnected:
                    raise ClientDisconnected("The client went away before its request was complete")
                await self._take()
        return self._ahead.pop(0)

    async def _take(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected = True
            return
        if message.get("body"):
            self._ahead.append(message["body"])
        self._complete = not message.get("more_body", False)

    def watch(self, on_disconnect: Callable[[], None]) -> None:
        """Call back when the client goes away; needs the whole body to have arrived, or be read."""

        async def follow() -> None:
            while not self._disconnected:
                if self._ahead and not self._complete:
                    # Reading further would hold a body in memory that nobody asked for.
                    await asyncio.sleep(1.0)
                    continue
                async with self._reading:
                    await self._take()
            on_disconnect()

        self._watcher = self._loop.create_task(follow())

    def stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


_CF: dict[str, Any] = {
    "asOrganization": "Local development",
    "asn": 395747,
    "city": "Austin",
    "clientAcceptEncoding": "",
    "clientTcpRtt": 1,
    "colo": "DFW",
    "continent": "NA",
    "country": "US",
    "httpProtocol": "HTTP/1.1",
    "isEUCountry": False,
    "latitude": "30.27130",
    "longitude": "-97.74260",
    "metroCode": "635",
    "postalCode": "78701",
    "region": "Texas",
    "regionCode": "TX",
    "requestPriority": "",
    "timezone": "America/Chicago",
    "tlsCipher": "",
    "tlsVersion": "",
}
"""`request.cf` of a local request: the platform's names, with made-up values of one place."""


def make_request(scope: MutableMapping[str, Any], body: IncomingBody | None, invocation: Invocation) -> Request:
    """The js.Request of an ASGI scope. Raises RuntimeError in a loop of fetches."""
    depth = 0
    host = ""
    pairs: list[tuple[str, str]] = []
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("utf-8", "replace")
        if name == "host":
            host = value
        elif name == DEPTH_HEADER:
            depth = int(value) if value.isdecimal() else 0
            continue
        pairs.append((name, value))
    invocation.note_depth(depth)
    client = scope.get("client")
    if client is not None:
        pairs.append(("cf-connecting-ip", client[0]))
    if not host:
        server = scope.get("server") or ("127.0.0.1", 80)
        host = f"{server[0]}:{server[1]}"
    query = scope["query_string"].decode("latin-1")
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return make_js_request(
        scope.get("method", "GET"),
        _normalized(f"{scheme}://{host}{path}{'?' + query if query else ''}"),
        headers_of(pairs, immutable=True),
        None if body is None else _js_body(body),
        cf=js_object(dict(_CF)),
    )


def _js_body(body: IncomingBody) -> Body:
    return Body(None, stream_of_chunks(body, None, body.length))


@functools.lru_cache(maxsize=512)
def _normalized(url: str) -> str:
    """The URL as the platform's parser writes it. A text that is no URL stays as it is."""
    return normalized_url(url) or url
