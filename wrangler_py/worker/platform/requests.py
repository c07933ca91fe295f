"""`Request`."""

from __future__ import annotations

from typing import Any, Final

from wrangler_py.worker.platform.aborting import AbortSignal, make_signal
from wrangler_py.worker.platform.arguments import MISSING, is_object, not_of_type, options_argument, wrong_field
from wrangler_py.worker.platform.bodies import Body, Message, body_of, set_content_type
from wrangler_py.worker.platform.headers import Headers, clone_of, copy_of
from wrangler_py.worker.platform.stream_sources import type_error
from wrangler_py.worker.platform.urls import normalized_url
from wrangler_py.worker.platform.values import js_string, jsnull, member

_METHODS: Final = frozenset({
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PURGE", "OPTIONS", "TRACE", "COPY", "LOCK", "MKCOL", "MOVE",
    "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE", "MSEARCH",
    "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "QUERY", "BAN", "M-SEARCH",
})  # fmt: skip
_CACHE_MODES: Final = frozenset({"no-store", "no-cache"})
_INIT: Final = "RequestInitializerDict"
_BAD_REDIRECT: Final = (
    'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not '
    'make sense at the edge; use "manual" and check the response status code).'
)
USED_REQUEST: Final = "Cannot reconstruct a Request with a used body."
_NO_BODY: Final = "Request with a GET or HEAD method cannot have a body."


class Request(Message):
    """A request."""

    __slots__ = ("_cache", "_cf", "_fetcher", "_method", "_redirect", "_signal", "_url")

    _cache: str | None
    _cf: Any
    _method: str
    _redirect: str
    _url: str
    _signal: AbortSignal | None
    _fetcher: Any

    def __init__(self, resource: Any = MISSING, init: Any = None) -> None:
        if resource is MISSING:
            raise not_of_type("Request", 1, "Request or string")
        if isinstance(init, str | bool | int | float):
            raise not_of_type("Request", 2, f"{_INIT} or Request")
        if isinstance(resource, Request):
            self._take_request(resource, init)
        else:
            self._take_url(resource)
        if isinstance(init, Request):
            self._method, self._redirect, self._cache = init._method, init._redirect, init._cache
            self._signal, self._cf, self._fetcher = init._signal, init._cf, init._fetcher
            self._headers = copy_of(init._headers)
            if init._body is not None:
                if init.bodyUsed:
                    raise type_error(USED_REQUEST)
                self._body = init._body.moved()
        else:
            self._take_options(options_argument(init, "Request", 2, _INIT))

    def _take_url(self, resource: Any) -> None:
        given = js_string(resource)
        url = normalized_url(given)
        if url is None:
            raise type_error(f"Invalid URL: {given}")
        self._url, self._method, self._redirect, self._cache = url, "GET", "follow", None
        self._headers, self._body = Headers.new(), None
        self._signal, self._cf, self._fetcher = None, None, None

    def _take_request(self, other: Request, init: Any) -> None:
        self._url, self._method, self._redirect, self._cache = (
            other._url,
            other._method,
            other._redirect,
            other._cache,
        )
        self._headers = copy_of(other._headers)
        self._signal, self._cf, self._fetcher = other._signal, other._cf, other._fetcher
        self._body = None
        if isinstance(init, Request) or member(init, "body") is not None:
            return
        if other.bodyUsed:
            raise type_error(USED_REQUEST)
        if other._body is not None:
            self._body = other._body.moved()

    def _take_options(self, options: Any) -> None:
        if options is None:
            return
        integrity = member(options, "integrity")
        if integrity is not None and js_string(integrity):
            raise type_error(
                "Subrequest integrity checking is not implemented. "
                "The integrity option must be either undefined or an empty string."
            )
        cache = member(options, "cache")
        if cache is not None and js_string(cache) not in _CACHE_MODES:
            raise type_error(f"Unsupported cache mode: {js_string(cache)}")
        method = member(options, "method")
        if method is not None:
            self._method = _method(js_string(method))
        headers = member(options, "headers")
        if headers is jsnull or isinstance(headers, str | bool | int | float):
            raise wrong_field("headers", _INIT, "Headers or Sequence or object")
        if headers is not None:
            self._headers = Headers.new(headers)
        self._take_signal(member(options, "signal"))
        cf = member(options, "cf")
        if cf is not None:
            if not is_object(cf):
                raise wrong_field("cf", _INIT, "Object")
            self._cf = cf
        encode = member(options, "encodeResponseBody")
        if encode is not None and js_string(encode) not in {"automatic", "manual"}:
            raise type_error(f"encodeResponseBody: unexpected value: {js_string(encode)}")
        body = member(options, "body")
        if body is not None and body is not jsnull:
            self._body, content_type = body_of(body)
            if self._method in {"GET", "HEAD"}:
                raise type_error(_NO_BODY)
            set_content_type(self._headers, content_type)
        self._take_redirect(member(options, "redirect"))
        if cache is not None:
            self._cache = js_string(cache)
        if (method is not None or body is not None) and self._method in {"GET", "HEAD"} and self._body is not None:
            raise type_error(_NO_BODY)

    def _take_signal(self, signal: Any) -> None:
        if signal is jsnull:
            self._signal = None
        elif isinstance(signal, AbortSignal):
            self._signal = signal
        elif signal is not None:
            raise wrong_field("signal", _INIT, "AbortSignal")

    def _take_redirect(self, redirect: Any) -> None:
        if redirect is None:
            return
        mode = js_string(redirect).lower()
        if mode not in {"follow", "manual"}:
            raise type_error(_BAD_REDIRECT)
        self._redirect = mode

    @property
    def url(self) -> str:
        return self._url

    @property
    def method(self) -> str:
        return self._method

    @property
    def redirect(self) -> str:
        return self._redirect

    @property
    def signal(self) -> AbortSignal:
        if self._signal is None:
            self._signal = make_signal()
        return self._signal

    @property
    def cf(self) -> Any:
        return self._cf

    @property
    def cache(self) -> Any:
        return self._cache

    @property
    def fetcher(self) -> Any:
        return jsnull if self._fetcher is None else self._fetcher

    @property
    def integrity(self) -> str:
        return ""

    @property
    def keepalive(self) -> bool:
        return False

    def clone(self) -> Request:
        copied = make_request(
            self._method, self._url, clone_of(self._headers), None if self._body is None else self._body.doubled()
        )
        copied._redirect, copied._cache, copied._cf = self._redirect, self._cache, self._cf
        copied._signal, copied._fetcher = self._signal, self._fetcher
        return copied


def _method(given: str) -> str:
    if given in _METHODS:
        return given
    if given.upper() in _METHODS:
        return given.upper()
    raise type_error(f"Invalid HTTP method string: {given}")


def make_request(
    method: str, url: str, headers: Headers, body: Body | None, *, cf: Any = None, redirect: str = "follow"
) -> Request:
    """A request that came in. The caller has normalized its URL."""
    request = object.__new__(Request)
    request._method, request._url, request._headers, request._body = method, url, headers, body
    request._cf, request._redirect, request._cache = cf, redirect, None
    request._signal, request._fetcher = None, None
    return request
