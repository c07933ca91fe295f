"""`workers.Request`."""

from __future__ import annotations

import json
from http import HTTPMethod
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from wrangler_py.worker.sdk.workers._body import Body, make_body
from wrangler_py.worker.sdk.workers._headers import Headers, HeadersInit

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from wrangler_py.worker.sdk.js._buffers import ArrayBuffer
    from wrangler_py.worker.sdk.js._streams import ReadableStream
    from wrangler_py.worker.sdk.workers._blob import Blob
    from wrangler_py.worker.sdk.workers._form_data import FormData


class FetchKwargs(TypedDict, total=False):
    """The options of `fetch` and of `Request`."""

    method: HTTPMethod | str | None
    headers: HeadersInit | None
    body: Any
    redirect: Literal["follow", "manual", "error"] | None
    cf: Any
    signal: Any


class Request:
    """A request: the one a handler is given, or one to `fetch`."""

    __slots__ = ("_body", "_cf", "_headers", "_js", "_method", "redirect", "url")

    url: str
    redirect: str
    _method: str
    _headers: Headers
    _body: Body | None
    _cf: Any

    def __init__(self, input: Request | str, **options: Unpack[FetchKwargs]) -> None:
        self._js: Any = None
        as_request = getattr(input, "_as_request", None)
        original: Request = as_request() if as_request is not None else _blank(str(input))
        self.url = original.url
        self._method = _method_name(options.get("method") or original._method)
        self.redirect = options.get("redirect") or original.redirect
        self._cf = options["cf"] if options.get("cf") is not None else original._cf
        headers = options.get("headers")
        self._headers = original._headers.copy() if headers is None else Headers(headers)
        if options.get("body") is not None:
            if self._method in ("GET", "HEAD"):
                raise TypeError(f"A {self._method} request has no body: pass method=HTTPMethod.POST, for one")
            self._body, content_type = make_body(options["body"])
            if content_type is not None and "content-type" not in self._headers:
                self._headers.append("content-type", content_type)
        else:
            self._body = original._body

    @classmethod
    def _incoming(cls, method: str, url: str, headers: Headers, body: Body | None, cf: Any) -> Request:
        request = cls.__new__(cls)
        request._js = None
        request.url, request._method, request._headers = url, method, headers
        request._body, request._cf, request.redirect = body, cf, "manual"
        return request

    def _as_request(self) -> Request:
        return self

    @property
    def method(self) -> HTTPMethod:
        return HTTPMethod(self._method)

    @property
    def headers(self) -> HTTPMessage:
        """The headers; lookups ignore case."""
        from wrangler_py.worker.sdk.workers._headers import as_message

        return as_message(self._headers)

    @property
    def cf(self) -> Any:
        """What the platform says of an incoming request (`request.cf.country`); None for a request one made."""
        return self._cf

    @property
    def body(self) -> ReadableStream | None:
        """The content as a stream, None without one."""
        if self._body is None:
            return None
        from wrangler_py.worker.sdk.js._streams import ReadableStream

        return ReadableStream._of_body(self._body)

    @property
    def body_used(self) -> bool:
        return self._body is not None and self._body.used

    @property
    def js_object(self) -> Any:
        """This request as `js.Request`."""
        if self._js is None:
            from wrangler_py.worker.sdk.js._messages import Request as JSRequest

            self._js = JSRequest._of(self)
        return self._js

    async def bytes(self) -> bytes:
        return b"" if self._body is None else await self._body.read()

    async def text(self) -> str:
        return (await self.bytes()).decode(errors="replace").removeprefix("\ufeff")

    async def json(self, **kwargs: Any) -> Any:
        """The content as JSON. Keywords go to `json.loads`."""
        return json.loads(await self.text(), **kwargs)

    async def buffer(self) -> ArrayBuffer:
        """The content as a `js.ArrayBuffer`."""
        from wrangler_py.worker.sdk.js._buffers import ArrayBuffer

        return ArrayBuffer(await self.bytes())

    async def blob(self) -> Blob:
        from wrangler_py.worker.sdk.workers._blob import Blob

        return Blob([await self.bytes()], content_type=self._headers.get("content-type"))

    async def form_data(self) -> FormData:
        """The content of a form. Raises TypeError when the content type is not a form's."""
        from wrangler_py.worker.sdk.workers._form_data import parse_form

        return parse_form(await self.bytes(), self._headers.get("content-type"))

    def clone(self) -> Request:
        """A second request with the same content. Raises OSError once the body was read."""
        body = None if self._body is None else self._body.tee()
        clone = Request._incoming(self._method, self.url, self._headers.copy(), body, self._cf)
        clone.redirect = self.redirect
        return clone

    def __repr__(self) -> str:
        return f"Request(method={self._method!r}, url={self.url!r})"


def _blank(url: str) -> Request:
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    if not parts.scheme or (parts.scheme in ("http", "https") and not parts.netloc):
        raise TypeError(f"Invalid URL: {url!r} (a full one is needed: https://…)")
    request = Request._incoming("GET", urlunsplit(parts._replace(path=parts.path or "/")), Headers(), None, None)
    request.redirect = "follow"
    return request


def _method_name(method: HTTPMethod | str) -> str:
    name = method.value if isinstance(method, HTTPMethod) else str(method)
    upper = name.upper()
    return upper if upper in HTTPMethod.__members__ else name
