"""`fetch`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from wrangler_py.worker.platform import http_client
from wrangler_py.worker.platform.aborting import AbortSignal
from wrangler_py.worker.platform.arguments import MISSING, not_of_type
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.current import Invocation
from wrangler_py.worker.platform.global_scope import invocation_in_request
from wrangler_py.worker.platform.headers import header, headers_of
from wrangler_py.worker.platform.http_client import Answer
from wrangler_py.worker.platform.mime_types import parse_mime_type
from wrangler_py.worker.platform.promise import JsPromise, as_exception
from wrangler_py.worker.platform.readable import chunks_of, stream_of_chunks
from wrangler_py.worker.platform.requests import USED_REQUEST, Request
from wrangler_py.worker.platform.responses import NULL_BODY_STATUSES, Response, make_response
from wrangler_py.worker.platform.stream_sources import fulfil, type_error
from wrangler_py.worker.platform.urls import URL
from wrangler_py.worker.platform.values import js_function

_T = TypeVar("_T")

_MAX_REDIRECTS: Final = 20
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OF_A_BODY: Final = ("content-encoding", "content-language", "content-length", "content-location", "content-type")
_ONE_TIME_BODY: Final = (
    "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect "
    "requiring the body to be retransmitted. To avoid this error in the future, construct this request from a "
    "buffer-like body initializer."
)


@js_function
def fetch(resource: Any = MISSING, init: Any = None) -> JsPromise:
    """Request a URL. The promise is of a Response, whatever its status."""
    if resource is MISSING:
        return JsPromise.rejected(not_of_type("ServiceWorkerGlobalScope", 1, "Request or string", "fetch"))
    if isinstance(init, str | bool | int | float):
        expected = "RequestInitializerDict or Request"
        return JsPromise.rejected(not_of_type("ServiceWorkerGlobalScope", 2, expected, "fetch"))
    try:
        request = resource if isinstance(resource, Request) and init is None else Request.new(resource, init)
        _check(request)
        return JsPromise.run(fetch_request(request))
    except Exception as error:
        return JsPromise.rejected(error)


def _check(request: Request) -> None:
    """Raise what `fetch` refuses before it sends anything."""
    scheme = urlsplit(request.url).scheme
    if scheme not in {"http", "https", "data"} or (scheme == "data" and "," not in request.url):
        raise type_error(f"Fetch API cannot load: {request.url}")
    signal = request._signal
    if signal is not None and signal.aborted:
        raise as_exception(signal.reason)
    invocation_in_request()
    if request.bodyUsed:
        raise type_error(USED_REQUEST)
    if request._body is not None:
        request._body.check()


async def fetch_request(request: Request) -> Response:
    """The response to a request."""
    if request.url.startswith("data:"):
        return _from_data_url(request.url)
    if (header(request.headers, "upgrade") or "").lower() == "websocket":
        return await _upgrade(request, invocation_in_request())
    return await _Fetch(request, invocation_in_request()).response()


class _Fetch:
    """One call of `fetch`: the request, and those that redirects lead to."""

    def __init__(self, request: Request, invocation: Invocation) -> None:
        self._invocation = invocation
        self._follow = request.redirect == "follow"
        self._signal = request._signal
        self._method, self._url = request.method, request.url
        self._headers = request.headers.sent()
        body = request._body
        self._length = None if body is None else body.length
        self._content: bytes | None = None if body is None else body.take()
        self._chunks: AsyncIterator[bytes] | None = None
        if body is not None and self._content is None:
            self._chunks = chunks_of(body.stream)

    async def response(self) -> Response:
        for redirects in range(_MAX_REDIRECTS + 1):
            content = self._content if self._content is not None else self._chunks
            url = self._url.partition("#")[0]
            sending = http_client.send(self._invocation, self._method, url, self._headers, content, self._length)
            answer = await self._or_aborted(sending)
            location = answer.header("location")
            if not self._follow or answer.status not in _REDIRECTS or location is None:
                return await self._response_of(answer, redirects > 0)
            await answer.close()
            self._redirect(answer.status, location)
        raise type_error("Too many redirects.")

    def _redirect(self, status: int, location: str) -> None:
        target = URL.parse(location, self._url)
        if not isinstance(target, URL) or urlsplit(target.href).scheme not in {"http", "https"}:
            raise type_error("Invalid Location header; unable to follow redirect.")
        if target.origin != URL.new(self._url).origin:
            self._headers = [pair for pair in self._headers if pair[0] != "authorization"]
        becomes_get = (status in {301, 302} and self._method == "POST") or (
            status == 303 and self._method not in {"GET", "HEAD"}
        )
        if becomes_get:
            self._method, self._content, self._chunks, self._length = "GET", None, None, None
            self._headers = [pair for pair in self._headers if pair[0] not in _OF_A_BODY]
        elif self._chunks is not None:
            raise type_error(_ONE_TIME_BODY)
        self._url = target.href

    async def _response_of(self, answer: Answer, redirected: bool) -> Response:
        body = None
        if answer.status not in NULL_BODY_STATUSES and self._method != "HEAD":
            body = Body(None, stream_of_chunks(self._chunks_of(answer), _closer(answer), answer.length()))
        else:
            await answer.close()
        return make_response(
            answer.status,
            headers_of(answer.headers(), immutable=True),
            body,
            status_text=answer.reason,
            url=self._url.partition("#")[0],
            redirected=redirected,
        )

    async def _chunks_of(self, answer: Answer) -> AsyncIterator[bytes]:
        chunks = answer.chunks()
        while True:
            try:
                yield await self._or_aborted(anext(chunks))
            except StopAsyncIteration:
                return

    async def _or_aborted(self, work: Awaitable[_T]) -> _T:
        """The outcome of work; the signal's reason if it is aborted before."""
        if self._signal is None:
            return await work
        return await until_aborted(work, self._signal)


async def until_aborted(work: Awaitable[_T], signal: AbortSignal) -> _T:
    """The outcome of work. It is cancelled when the signal is aborted, whose reason is raised then."""
    task = asyncio.ensure_future(_once(work))
    aborted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    forget = signal.follow(lambda reason: fulfil(aborted, reason))
    if signal.aborted:
        aborted.set_result(signal.reason)
    try:
        await asyncio.wait({task, aborted}, return_when=asyncio.FIRST_COMPLETED)
        if aborted.done() and not task.done():
            raise as_exception(aborted.result())
        done, value = await task
        if done:
            raise StopAsyncIteration
        return value  # type: ignore[return-value]
    finally:
        forget()
        task.cancel()


async def _once(work: Awaitable[_T]) -> tuple[bool, _T | None]:
    """The outcome of work; a task cannot raise the end of an iteration."""
    try:
        return False, await work
    except StopAsyncIteration:
        return True, None


def _closer(answer: Answer) -> Any:
    def close(_reason: Any) -> Awaitable[None]:
        return answer.close()

    return close


async def _upgrade(request: Request, invocation: Invocation) -> Response:
    """The response to a request for a WebSocket."""
    from wrangler_py.worker.platform import websocket_client
    from wrangler_py.worker.platform.websockets import make_socket

    protocols = [name.strip() for name in (header(request.headers, "sec-websocket-protocol") or "").split(",")]
    try:
        connection = await websocket_client.connect(
            invocation, request.url, request.headers.sent(), [name for name in protocols if name]
        )
    except websocket_client.Refused as refused:
        return make_response(
            refused.status,
            headers_of(refused.headers, immutable=True),
            Body(refused.content),
            status_text=refused.reason,
            url=request.url,
        )
    socket = make_socket()
    socket.connect(connection)
    connection.serve(socket)
    return make_response(
        101, headers_of(connection.headers(), immutable=True), None, url=request.url, web_socket=socket
    )


def _from_data_url(url: str) -> Response:
    head, _, data = url.removeprefix("data:").partition("#")[0].partition(",")
    content = unquote_to_bytes(data)
    if head.rstrip(" ").lower().endswith(";base64"):
        head = head.rstrip(" ")[: -len(";base64")]
        content = base64.b64decode(content + b"=" * (-len(content) % 4))
    kind = parse_mime_type(f"text/plain{head}" if head.startswith(";") else head or "text/plain;charset=US-ASCII")
    content_type = "text/plain;charset=US-ASCII" if kind is None else str(kind)
    return make_response(200, headers_of([("content-type", content_type)]), Body(content))
