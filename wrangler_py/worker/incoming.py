"""What comes in with a request: its body, brought from the server's loop to any other, and its `Request`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from wrangler_py.worker.invocation import DEPTH_HEADER, Invocation
from wrangler_py.worker.sdk.workers._body import Body
from wrangler_py.worker.sdk.workers._headers import Headers
from wrangler_py.worker.sdk.workers._request import Request


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

    def read_blocking(self) -> bytes:
        """The next piece, b"" at the end, for code that cannot await (WSGI). Not for the server's loop."""
        return asyncio.run_coroutine_threadsafe(self._next(), self._loop).result() or b""

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


class IncomingCf:
    """What `request.cf` says of a local request: the platform's names, with made-up values of one place."""

    colo = "DFW"
    country = "US"
    continent = "NA"
    city = "Austin"
    region = "Texas"
    regionCode = "TX"
    timezone = "America/Chicago"
    postalCode = "78701"
    latitude = "30.27130"
    longitude = "-97.74260"
    asn = 395747
    asOrganization = "Local development"
    httpProtocol = "HTTP/1.1"
    tlsVersion = ""
    tlsCipher = ""
    clientAcceptEncoding = ""
    isEUCountry = False
    metroCode = "635"
    clientTcpRtt = 1
    requestPriority = ""

    def to_py(self) -> dict[str, Any]:
        return {
            name: value for name, value in vars(IncomingCf).items() if not name.startswith("_") and name != "to_py"
        }


_CF = IncomingCf()


def make_request(scope: MutableMapping[str, Any], body: IncomingBody | None, invocation: Invocation) -> Request:
    """The `Request` a handler gets for an ASGI scope. Raises RuntimeError in a loop of fetches."""
    depth = 0
    host = ""
    pairs: list[tuple[str, str]] = []
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
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
    url = f"{scheme}://{host}{path}{'?' + query if query else ''}"
    return Request._incoming(
        scope.get("method", "GET"),
        url,
        Headers._of_pairs(pairs),
        None if body is None else Body(stream=body, length=body.length),
        _CF,
    )
