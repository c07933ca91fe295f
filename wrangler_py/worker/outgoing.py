"""What goes out: the handler's result as a `Response`, and its head in ASGI's form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from wrangler_py.worker.entrypoint import EntrypointError
from wrangler_py.worker.sdk.workers._response import NULL_BODY_STATUSES, Response

if TYPE_CHECKING:
    from wrangler_py.worker.worker import Worker

SWITCHING_PROTOCOLS = 101

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# Framing and the connection are the server's to decide.
_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})


class Head(NamedTuple):
    """Status and headers of a response, the headers as ASGI wants them."""

    status: int
    headers: list[tuple[bytes, bytes]]


def as_response(result: Any, worker: Worker, *, for_upgrade: bool) -> Response:
    """Take what a handler returned. Raises EntrypointError, pointing at the handler, when that is no response to
    the request, which asks for a WebSocket or not.
    """
    response: Response | None = result if isinstance(result, Response) else None
    if hasattr(result, "_as_response"):
        response = result._as_response()
    if response is not None:
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
    if response.body_used:
        return (
            "returned a Response whose body was used already. Make one for each request, "
            "or return response.clone(), cloned before it was read"
        )
    if response.status != SWITCHING_PROTOCOLS:
        return None
    if not for_upgrade:
        return (
            "returned a WebSocket, and the request does not ask for one with `Upgrade: websocket`. "
            "Answer such requests otherwise, with status 426 for one"
        )
    if response.web_socket is None:
        return "returned a copy of a response with a WebSocket, which the copy lacks. Return the response"
    return None


async def content_of(response: Response) -> bytes:
    """All of its body. Raises what the handler's generator does."""
    return b"" if response._body is None else await response._body.read()


def head_of(response: Response, method: str) -> Head:
    """Status and headers as they go over the wire; bytes at hand get their exact Content-Length.

    Raises EntrypointError for a header that HTTP has no way to send.
    """
    for name, value in response._headers._pairs:
        if _CONTROL.search(value):
            raise EntrypointError(f"The response's header {name!r} has a control character in it")
    headers = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response._headers._pairs
        if name not in _DROPPED
    ]
    body = response._body
    if method == "HEAD":
        length = response._headers.get("content-length")
        if length is not None and length.isascii() and length.isdecimal():
            headers.append((b"content-length", length.encode()))
    elif response.status not in NULL_BODY_STATUSES and (body is None or body.content is not None):
        content = b"" if body is None or body.content is None else body.content
        headers.append((b"content-length", b"%d" % len(content)))
    return Head(response.status, headers)
