"""The handler's result as a js.Response, and its head in ASGI's form."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from wrangler_py.worker.entrypoint import EntrypointError
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.headers import copy_of, header, headers_of
from wrangler_py.worker.platform.readable import ReadableStream, chunks_of, stream_of_chunks
from wrangler_py.worker.platform.responses import NULL_BODY_STATUSES, Response, make_response
from wrangler_py.worker.status_line import StatusWithText

if TYPE_CHECKING:
    from wrangler_py.worker.worker import Worker

SWITCHING_PROTOCOLS = 101

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# Framing and the connection are the server's to decide.
_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})


_ENCODINGS = frozenset({"gzip", "br"})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Head(NamedTuple):
    """Status and headers of a response, the headers as ASGI wants them."""

    status: int
    headers: list[tuple[bytes, bytes]]


def as_response(result: Any, worker: Worker, *, for_upgrade: bool) -> Response:
    """Take what a handler returned. Raises EntrypointError, pointing at the handler, when that is no response to
    the request, which asks for a WebSocket or not.
    """
    response = getattr(result, "js_object", result)
    if isinstance(response, Response):
        problem = _problem_of(response, for_upgrade)
        if problem is None:
            return response
    elif result is None:
        problem = "returned nothing. Every path through it must end with `return Response(…)`"
    elif isinstance(result, dict | list):
        problem = f"returned a {type(result).__name__}, not a Response. Write `return Response.json(…)`"
    elif isinstance(result, str | bytes):
        problem = f"returned {type(result).__name__}, not a Response. Write `return Response(…)`"
    else:
        problem = f"returned {type(result).__name__}, not a Response"
    line, name = worker.entrypoint.location("fetch")
    raise EntrypointError(f"{name} {problem}", line=line)


def _problem_of(response: Response, for_upgrade: bool) -> str | None:
    if response.bodyUsed:
        return (
            "returned a Response whose body was used already. Make one for each request, "
            "or return response.clone(), cloned before it was read"
        )
    if response._status != SWITCHING_PROTOCOLS:
        return None
    if not for_upgrade:
        return (
            "returned a WebSocket, and the request does not ask for one with `Upgrade: websocket`. "
            "Answer such requests otherwise, with status 426 for one"
        )
    if response._web_socket is None:
        return "returned a copy of a response with a WebSocket, which the copy lacks. Return the response"
    return None


def text_response(text: str, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """A response of this host's own."""
    pairs = [("content-type", "text/plain;charset=UTF-8"), *headers]
    return make_response(status, headers_of(pairs), Body(text.encode()))


def encoded(response: Response) -> Response:
    """The response with its body encoded as its Content-Encoding says, unless the Worker has done so itself.

    The platform knows gzip and Brotli. Where Brotli is not installed, the body goes out as it is, and the header
    does not.
    """
    body = response._body
    if body is None or response._encode_body != "automatic":
        return response
    encoding = (header(response._headers, "content-encoding") or "").strip().lower()
    if encoding not in _ENCODINGS:
        return response
    headers = copy_of(response._headers)
    encoder = _encoder(encoding)
    if encoder is None:
        headers.delete("content-encoding")
        made = body
    elif body.content is not None:
        made = Body(encoder.compress(body.content) + encoder.finish())
    else:
        made = Body(None, stream_of_chunks(_encode(body.stream, encoder)))
    return make_response(response._status, headers, made, status_text=response._status_text)


class _Gzip:
    def __init__(self) -> None:
        self._object = zlib.compressobj(wbits=31)
        self.compress = self._object.compress
        self.finish = self._object.flush

    def flush(self) -> bytes:
        return self._object.flush(zlib.Z_SYNC_FLUSH)


def _encoder(encoding: str) -> Any:
    if encoding == "gzip":
        return _Gzip()
    try:
        import brotli  # type: ignore[import-not-found, unused-ignore]  # what the person may have installed
    except ImportError:
        return None
    return brotli.Compressor()


async def _encode(stream: ReadableStream, encoder: Any) -> AsyncIterator[bytes]:
    chunks = chunks_of(stream)
    try:
        async for chunk in chunks:
            # Each piece can be read when it comes, as server-sent events must.
            yield encoder.compress(chunk) + encoder.flush()
        yield encoder.finish()
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]


async def content_of(response: Response) -> bytes:
    """All of its body. Raises what its stream does."""
    return b"" if response._body is None else await response._body.read()


def head_of(response: Response, method: str) -> Head:
    """Status and headers as they go over the wire; bytes at hand get their exact Content-Length.

    Raises EntrypointError for a header that HTTP has no way to send.
    """
    headers: list[tuple[bytes, bytes]] = []
    for name, value in response._headers.sent():
        if name in _DROPPED:
            continue
        if _CONTROL.search(value):
            raise EntrypointError(f"The response's header {name!r} has a control character in it")
        headers.append((name.encode("latin-1"), value.encode("utf-8", "replace")))
    body, status = response._body, response._status
    if method == "HEAD":
        length = header(response._headers, "content-length")
        if length is not None and length.isascii() and length.isdecimal():
            headers.append((b"content-length", length.encode()))
    elif status not in NULL_BODY_STATUSES:
        size = 0 if body is None else body.length
        if size is not None:
            headers.append((b"content-length", b"%d" % size))
    if response._status_text is not None and response._status_text != _PHRASES.get(status):
        status = StatusWithText.of(status, response._status_text)
    return Head(status, headers)
