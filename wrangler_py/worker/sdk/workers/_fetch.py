"""`workers.fetch`: HTTP to elsewhere, with httpx underneath."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Unpack

from wrangler_py.worker.sdk.workers._body import Body
from wrangler_py.worker.sdk.workers._current import Invocation, current_invocation
from wrangler_py.worker.sdk.workers._headers import Headers
from wrangler_py.worker.sdk.workers._request import FetchKwargs, Request
from wrangler_py.worker.sdk.workers._response import NULL_BODY_STATUSES, Response

if TYPE_CHECKING:
    import httpx

# The body comes decoded, so what described its encoding does not hold any more.
_OF_THE_ENCODING = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_NOT_FORWARDED = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "cf-connecting-ip"}
)
_MAX_REDIRECTS = 20
_CLIENT = "fetch client"


async def fetch(resource: str | Request, **options: Unpack[FetchKwargs]) -> Response:
    """Request a URL.

    `redirect` is "follow" (the default, 20 times at most), "manual" or "error". The body of the response is
    streamed. Raises OSError when there is no answer, and TypeError for a redirect with "error".
    """
    invocation = current_invocation("fetch")
    request = Request(resource, **options)
    import httpx

    client = await _client_of(invocation)
    body = request._body
    content: Any = None if body is None else body.content if body.content is not None else body.chunks()
    if body is not None and body.content is not None:
        await body.read()
    headers = [pair for pair in request._headers._pairs if pair[0] not in _NOT_FORWARDED]
    if body is not None and body.length is not None:
        headers.append(("content-length", str(body.length)))  # or httpx would send it in chunks
    outgoing = client.build_request(request._method, request.url, headers=headers, content=content)
    if invocation.leads_back(outgoing.url.host, outgoing.url.port):
        outgoing.headers.update(invocation.own_headers)
    try:
        answer = await client.send(outgoing, stream=True, follow_redirects=request.redirect == "follow")
    except httpx.TooManyRedirects:
        raise OSError(f"fetch of {request.url}: more than {_MAX_REDIRECTS} redirects") from None
    except httpx.InvalidURL as error:
        raise TypeError(f"fetch: invalid URL {request.url!r}: {error}") from None
    except httpx.HTTPError as error:
        raise OSError(f"fetch of {request.url} failed: {error or type(error).__name__}") from error
    if request.redirect == "error" and answer.is_redirect:
        await answer.aclose()
        raise TypeError(f"fetch of {request.url}: it redirects, and redirect='error' was asked for")
    return await _as_response(answer)


async def _as_response(answer: httpx.Response) -> Response:
    encoded = "content-encoding" in answer.headers
    dropped = _OF_THE_ENCODING if encoded else _OF_THE_ENCODING - {"content-length"}
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in answer.headers.raw
        if name.decode("latin-1").lower() not in dropped
    ]
    body: Body | None = Body(stream=_stream(answer))
    if answer.status_code in NULL_BODY_STATUSES or answer.request.method == "HEAD":
        await answer.aclose()
        body = None
    return Response._assemble(
        answer.status_code,
        Headers._of_pairs(pairs),
        body,
        status_text=answer.reason_phrase,
        url=str(answer.url),
        redirected=bool(answer.history),
    )


async def _stream(answer: httpx.Response) -> AsyncIterator[bytes]:
    import httpx

    try:
        async for chunk in answer.aiter_bytes():
            yield chunk
    except httpx.HTTPError as error:
        raise OSError(f"The response of {answer.url} broke off: {error or type(error).__name__}") from error
    finally:
        await answer.aclose()


async def _client_of(invocation: Invocation) -> httpx.AsyncClient:
    """The request's HTTP client; one for each event loop, closed when the request ends."""
    import httpx

    loop = asyncio.get_running_loop()
    client: httpx.AsyncClient | None = invocation.resources.get((_CLIENT, loop))
    if client is None:
        client = httpx.AsyncClient(
            timeout=httpx.Timeout(60.0, connect=15.0), max_redirects=_MAX_REDIRECTS, verify=_tls_context()
        )
        invocation.resources[_CLIENT, loop] = client
        invocation.on_end(client.aclose)
    return client


@functools.cache
def _tls_context() -> Any:
    """One TLS context for all requests: making one reads every root certificate."""
    import httpx

    return httpx.create_ssl_context()
