"""`workers.Request`."""

from __future__ import annotations

from http import HTTPMethod
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

from wrangler_py.worker.sdk.workers._body import Body, make_body
from wrangler_py.worker.sdk.workers._headers import Headers, HeadersInit
from wrangler_py.worker.sdk.workers._message import Message

RequestInitCfProperties: TypeAlias = Any
"""`cf` options of a request, as a dict or a `js` object. They have no effect here."""


class FetchKwargs(TypedDict, total=False):
    """The options of `fetch` and of `Request`."""

    method: HTTPMethod | str | None
    headers: HeadersInit | None
    body: Any
    redirect: Literal["follow", "manual", "error"] | None
    cf: Any
    signal: Any


class Request(Message):
    """A request: the one a handler is given, or one to `fetch`."""

    __slots__ = ("_cf", "_method", "redirect", "url")

    url: str
    redirect: str
    _method: str
    _cf: Any

    def __init__(self, input: Request | str, **options: Unpack[FetchKwargs]) -> None:
        self._js = None
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
            self._body, content_type = make_body(options["body"], of="Request")
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
    def cf(self) -> Any:
        """What the platform says of an incoming request (`request.cf.country`); None for a request one made."""
        return self._cf

    @property
    def js_object(self) -> Any:
        """This request as `js.Request`."""
        if self._js is None:
            from wrangler_py.worker.sdk.js._messages import Request as JSRequest

            self._js = JSRequest._of(self)
        return self._js

    async def json(self, **kwargs: Any) -> Any:
        """The content as JSON. Keywords go to `json.loads`."""
        return await self._read_json(**kwargs)

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
