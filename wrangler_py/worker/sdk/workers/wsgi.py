"""`workers.wsgi`: a WSGI application (Flask, Bottle, Django…) as a Worker."""

from __future__ import annotations

import asyncio
import io
import sys
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from wrangler_py.worker.sdk.workers._entrypoints import Context, WorkerEntrypoint
from wrangler_py.worker.sdk.workers._request import Request
from wrangler_py.worker.sdk.workers._response import NULL_BODY_STATUSES, Response

_DEFAULT_PORTS = {"http": 80, "https": 443}


async def fetch(app: Any, req: Any, env: Any, ctx: Context | None = None) -> Response:
    """Have a WSGI application answer a request. `env` is in its environ as `environ["workers.env"]`.

    The application may block: other requests go on meanwhile. Raises what it raises before its first piece of
    the response.
    """
    request: Request = req._as_request() if hasattr(req, "_as_request") else req
    body = request._body
    if body is None:
        source: Any = io.BytesIO()
    else:
        blocking = body.blocking_reader()
        source = io.BytesIO(await body.read()) if blocking is None else io.BufferedReader(_Input(blocking))
    environ = build_environ(request, env, source)
    with _outside_of_the_loop():
        return _Call(app, environ).response()


def entrypoint(app: Any) -> type[WorkerEntrypoint]:
    """A Worker that is nothing but a WSGI application: `Default = wsgi.entrypoint(app)`."""

    class Default(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            return await fetch(app, request, self.env, self.ctx)

    return Default


def build_environ(req: Any, env: Any, body: Any) -> dict[str, Any]:
    """The environ of a request (PEP 3333); `body` is bytes, or a file to read them from."""
    request: Request = req._as_request() if hasattr(req, "_as_request") else req
    parts = urlsplit(request.url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request._method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path or "/", "latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or _DEFAULT_PORTS.get(parts.scheme, 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body) if isinstance(body, bytes | bytearray) else body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "workers.env": env,
    }
    for name, value in request._headers._pairs:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if isinstance(body, bytes | bytearray):
        environ.setdefault("CONTENT_LENGTH", str(len(body)))
    client = request._headers.get("cf-connecting-ip")
    if client is not None:
        environ["REMOTE_ADDR"] = client
    return environ


@contextmanager
def _outside_of_the_loop() -> Iterator[None]:
    """No event loop runs for what is called inside, as on a WSGI server.

    Django refuses its ORM where one runs, and so does `asyncio.run`.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    _leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio.set_event_loop(loop)  # asyncio.run leaves none behind
        asyncio._set_running_loop(loop)
        _enter_task(loop, task)


class _Input(io.RawIOBase):
    """`wsgi.input`: a request's body, read as far as the application asks."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = self._read()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Call:
    """One call of an application."""

    def __init__(self, app: Any, environ: dict[str, Any]) -> None:
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._begun = False
        self._written: list[bytes] = []
        self._result: Iterable[bytes] = app(environ, self._start_response)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise AssertionError("start_response() was called twice")
        self._head = (status, headers)
        return self._written.append

    def _close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            close()

    def response(self) -> Response:
        """The response, once the application has said its status; the rest of its body is streamed."""
        pieces = iter(self._result)
        first: list[bytes] = []
        try:
            if isinstance(self._result, list | tuple):
                first = [piece for piece in pieces if piece]
            else:
                # An application may call start_response as late as with its first piece.
                first = next(([piece] for piece in pieces if piece), [])
        except BaseException:
            self._close()
            raise
        if self._head is None:
            self._close()
            raise RuntimeError("The WSGI application did not call start_response()")
        status, headers = self._head
        code = int(status.split(" ", 1)[0])
        body: Any
        if code in NULL_BODY_STATUSES:
            self._close()
            body = None
        elif isinstance(self._result, list | tuple):
            self._close()
            body = b"".join([*self._written, *first])
        else:
            self._begun = True
            body = self._rest(first, pieces)
        return Response(body, status=code, status_text=status.partition(" ")[2], headers=headers)

    def _rest(self, first: list[bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from self._written
            yield from first
            while True:
                with _outside_of_the_loop():
                    piece = next(pieces, None)
                if piece is None:
                    return
                if piece:
                    yield piece
        finally:
            self._close()
