"""`workers.Response`."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

from wrangler_py.worker.sdk.workers._body import Body, make_body
from wrangler_py.worker.sdk.workers._headers import Headers, HeadersInit
from wrangler_py.worker.sdk.workers._message import Message

if TYPE_CHECKING:
    from wrangler_py.worker.sdk.workers._form_data import FormData

BodyInit: TypeAlias = Any
"""str, bytes, None, FormData, Blob, a stream of `js`, or an (asynchronous) iterator of str or bytes."""
JSBody: TypeAlias = Any
"""A body of JavaScript's: a stream, a buffer, a FormData or a Blob of `js`."""

NULL_BODY_STATUSES: frozenset[int] = frozenset({101, 204, 205, 304})
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class _MakeJSON(Protocol):
    def __call__(
        self,
        data: Any,
        status: HTTPStatus | int = HTTPStatus.OK,
        status_text: str = "",
        headers: HeadersInit | None = None,
    ) -> Response: ...


class _ReadJSON(Protocol):
    async def __call__(self, **kwargs: Any) -> Any: ...


class _JSONBothWays:
    """`Response.json(data)` makes a response; `await response.json()` reads one. The SDK has both."""

    @overload
    def __get__(self, instance: None, owner: type[Response]) -> _MakeJSON: ...
    @overload
    def __get__(self, instance: Response, owner: type[Response]) -> _ReadJSON: ...
    def __get__(self, instance: Response | None, owner: type[Response]) -> Any:
        return owner.from_json if instance is None else instance._read_json


class Response(Message):
    """The response to a request.

    `status` is an int or an HTTPStatus, `headers` a dict, a list of pairs (repeated names are kept) or Headers.
    Raises TypeError for an unsupported body or header, ValueError for a status that cannot be.
    """

    __slots__ = ("redirected", "status", "status_text", "url", "web_socket")

    status: int
    status_text: str
    url: str
    redirected: bool
    web_socket: Any

    def __init__(
        self,
        body: BodyInit = None,
        status: HTTPStatus | int | None = None,
        status_text: str = "",
        headers: HeadersInit | None = None,
        web_socket: Any = None,
    ) -> None:
        self._js = None
        if hasattr(body, "_as_response"):
            if status is not None or status_text or headers is not None:
                raise ValueError("Expected no options when constructing Response from another response")
            original: Response = body._as_response()
            for name in ("_body", "_headers", "redirected", "status", "status_text", "url", "web_socket"):
                setattr(self, name, getattr(original, name))
            self._js = body
            return
        self.url = ""
        self.redirected = False
        self.status = _checked_status(status, web_socket)
        self.status_text = status_text
        self.web_socket = web_socket
        self._headers = Headers(headers)
        self._body, content_type = make_body(body)
        if self._body is not None and self.status in NULL_BODY_STATUSES:
            raise TypeError(f"A response with status {self.status} must not have a body")
        if content_type is not None and "content-type" not in self._headers:
            self._headers.append("content-type", content_type)

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def js_object(self) -> Any:
        """This response as `js.Response`."""
        if self._js is None:
            from wrangler_py.worker.sdk.js._messages import Response as JSResponse

            self._js = JSResponse._of(self)
        return self._js

    @property
    def js_response(self) -> Any:
        """The same, by the name that `pyodide.http` has for it."""
        return self.js_object

    async def string(self) -> str:
        """The same as `text()`, by the name that `pyodide.http` has for it."""
        return await self.text()

    def raise_for_status(self) -> None:
        """Raises OSError when the status is one of an error: 400 or more."""
        if self.status >= 400:
            side = "Client" if self.status < 500 else "Server"
            raise OSError(f"{self.status} {side} Error: {self.status_text} for url: {self.url}")

    async def formData(self) -> FormData:
        return await self.form_data()

    def clone(self) -> Response:
        """A second response with the same content. Raises OSError once the body was read."""
        return self._like(None if self._body is None else self._body.tee())

    def replace_body(self, body: BodyInit) -> Response:
        """A response with the same status and headers and another body."""
        new_body, content_type = make_body(body)
        response = self._like(new_body)
        response._headers.delete("content-length")
        if content_type is not None and "content-type" not in response._headers:
            response._headers.append("content-type", content_type)
        return response

    def _like(self, body: Body | None) -> Response:
        return Response._assemble(
            self.status,
            self._headers.copy(),
            body,
            status_text=self.status_text,
            url=self.url,
            redirected=self.redirected,
        )

    @classmethod
    def _assemble(
        cls,
        status: int,
        headers: Headers,
        body: Body | None,
        *,
        status_text: str = "",
        url: str = "",
        redirected: bool = False,
    ) -> Response:
        """Put a response together from parts that need no checking."""
        response = cls.__new__(cls)
        response._js = None
        response.status, response.status_text = status, status_text
        response._headers, response._body = headers, body
        response.url, response.redirected = url, redirected
        response.web_socket = None
        return response

    @staticmethod
    def redirect(url: str, status: HTTPStatus | int = HTTPStatus.FOUND) -> Response:
        """Send the client elsewhere. Raises ValueError for a status that is no redirect."""
        if int(status) not in _REDIRECT_STATUSES:
            raise ValueError(f"Invalid redirect status {int(status)}: use 301, 302, 303, 307 or 308")
        if not url:
            raise TypeError("Response.redirect needs a URL")
        return Response(None, status=status, headers={"location": url})

    @staticmethod
    def from_json(
        data: Any,
        status: HTTPStatus | int = HTTPStatus.OK,
        status_text: str = "",
        headers: HeadersInit | None = None,
    ) -> Response:
        """A response with `data` as JSON. Raises TypeError for what JSON cannot hold."""
        if hasattr(data, "to_py"):
            data = data.to_py()
        merged = Headers(headers)
        if "content-type" not in merged:
            merged.append("content-type", "application/json")
        return Response(json.dumps(data), status, status_text, merged)

    json = _JSONBothWays()

    def __repr__(self) -> str:
        parts = [f"status={self.status}"]
        if self.status_text:
            parts.append(f"status_text={self.status_text!r}")
        if "content-type" in self._headers:
            parts.append(f"content_type={self._headers.get('content-type')!r}")
        if self.url:
            parts.append(f"url={self.url!r}")
        return f"Response({', '.join(parts)})"


def _checked_status(status: HTTPStatus | int | None, web_socket: Any) -> int:
    code = 200 if status is None else int(status)
    if code != 101 and web_socket is not None:
        raise ValueError("A response with web_socket=… has status 101")
    if code == 101 and web_socket is None:
        raise ValueError("Status 101 needs web_socket=…, one end of a WebSocketPair")
    if not (200 <= code <= 599 or code == 101):
        raise ValueError(f"Invalid status {code}: a response has one from 200 to 599")
    return code


FetchResponse = Response
