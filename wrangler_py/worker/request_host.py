"""The application's methods that a request uses, and ASGI's types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias

from wrangler_py.worker.platform.responses import Response
from wrangler_py.worker.threads import RequestThreads
from wrangler_py.worker.worker import Worker

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]


class RequestHost(Protocol):
    """The application, as the exchanges of its requests and WebSockets see it."""

    worker: Worker
    threads: RequestThreads

    def begin_request(self) -> None:
        """There is one more request."""

    def end_request(self, request_id: str, method: str, path: str, status: int, elapsed_s: float) -> None:
        """A request is over; reports it."""

    def with_connection_header(self, headers: Headers) -> Headers:
        """`headers`, with `Connection: close` while the application drains."""

    def error_response(self, error: BaseException, request_id: str, scope: Scope) -> Response:
        """Reports an exception of a handler and makes the page for it."""
