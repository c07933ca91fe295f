"""`caches`: caches in memory, which last as long as the Worker's process."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from wrangler_py.worker.platform.arguments import MISSING, not_of_type
from wrangler_py.worker.platform.bodies import Body
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.headers import header, headers_of
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.requests import Request
from wrangler_py.worker.platform.responses import NULL_BODY_STATUSES, Response, make_response
from wrangler_py.worker.platform.stream_sources import type_error
from wrangler_py.worker.platform.values import JsException, JsProxy, js_function, js_string, member

_KEPT: Final = frozenset({200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501})
"""The statuses of responses that are kept if they say how long."""
_TEMPORARY: Final = frozenset({302, 303, 307})
"""Those that are not kept for a part of the time that has passed since their last change."""
_LONGEST_NAME: Final = 1024


class _Entry(NamedTuple):
    status: int
    status_text: str
    headers: list[tuple[str, str]]
    content: bytes
    stored: float
    expires: float


def _not_implemented(method: str, of: str) -> Any:
    """A method that the platform has, and that fails there."""

    def fail(self: Any, *_: Any, **__: Any) -> JsPromise:
        return JsPromise.rejected(
            JsException.new(f"Failed to execute '{method}' on '{of}': the method is not implemented.")
        )

    return fail


class Cache(JsProxy):
    """A cache: responses by URL."""

    add = _not_implemented("add", "Cache")
    addAll = _not_implemented("addAll", "Cache")
    keys = _not_implemented("keys", "Cache")
    matchAll = _not_implemented("matchAll", "Cache")

    illegal_constructor = True

    _entries: dict[str, _Entry]

    @js_function
    def match(self, request: Any = MISSING, options: Any = None) -> JsPromise:
        return _promised(self._match, request, options, "match")

    @js_function
    def delete(self, request: Any = MISSING, options: Any = None) -> JsPromise:
        return _promised(self._delete, request, options, "delete")

    def put(self, request: Any = MISSING, response: Any = None) -> JsPromise:
        return JsPromise.run(self._put(request, response))

    def _match(self, request: Request, options: Any) -> Response | None:
        if request.method != "GET" and not is_truthy(member(options, "ignoreMethod")):
            return None
        entry = self._entries.get(_key(request))
        if entry is None:
            return None
        now = time.time()
        if entry.expires <= now:
            del self._entries[_key(request)]
            return None
        return _answer(request, entry, now)

    def _delete(self, request: Request, options: Any) -> bool:
        if request.method != "GET" and not is_truthy(member(options, "ignoreMethod")):
            return False
        entry = self._entries.pop(_key(request), None)
        return entry is not None and entry.expires > time.time()

    async def _put(self, given: Any, response: Any) -> None:
        request = _request(given, "put")
        if not isinstance(response, Response):
            raise not_of_type("Cache", 2, "Response", "put")
        _check_storable(request, response)
        content = b"" if response._body is None else await response._body.read()
        hidden = {"cf-cache-status", "age"}
        if "private" in _directives(response):
            hidden.add("set-cookie")
        pairs = [pair for pair in response.headers.sent() if pair[0] not in hidden]
        now = time.time()
        seconds = _lifetime(response, now)
        if seconds > 0:
            self._entries[_key(request)] = _Entry(
                response.status, response.statusText, pairs, content, now, now + seconds
            )


def _promised(work: Any, given: Any, options: Any, method: str) -> JsPromise:
    try:
        return JsPromise.resolved(work(_request(given, method), options))
    except Exception as error:
        return JsPromise.rejected(error)


def _request(given: Any, method: str) -> Request:
    if given is MISSING:
        raise not_of_type("Cache", 1, "Request or string", method)
    request: Request = given if isinstance(given, Request) else Request.new(given)
    if method != "put" and not request.url.startswith(("http:", "https:")):
        raise type_error(f"Fetch API cannot load: {request.url}")
    return request


def _key(request: Request) -> str:
    return request.url.partition("#")[0]


def _check_storable(request: Request, response: Response) -> None:
    if response.type == "error":
        raise type_error("Cache is unable to store an error response")
    if response._web_socket is not None:
        raise type_error("Cannot cache WebSocket upgrade response.")
    if request.method != "GET":
        raise type_error("Cannot cache response to non-GET request.")
    if response.status == 206:
        raise type_error("Cannot cache response to a range request (206 Partial Content).")
    if "*" in (header(response.headers, "vary") or ""):
        raise type_error("Cannot cache response with 'Vary: *' header.")


def _directives(response: Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in (header(response.headers, "cache-control") or "").split(","):
        name, _, value = part.strip().partition("=")
        found[name.lower()] = value.strip().strip('"')
    return found


def _lifetime(response: Response, now: float) -> float:
    """How many seconds a response may be kept; 0 if it may not."""
    directives = _directives(response)
    if response.status not in _KEPT or "no-store" in directives or "no-cache" in directives:
        return 0
    private = directives.get("private")
    if private is not None and private.lower() != "set-cookie":
        return 0
    if private is None and header(response.headers, "set-cookie") is not None:
        return 0
    for name in ("s-maxage", "max-age"):
        if directives.get(name, "").isdecimal():
            return int(directives[name])
    expires, modified = (_date(response, name) for name in ("expires", "last-modified"))
    if expires is not None:
        return expires - now
    if modified is None or response.status in _TEMPORARY:
        return 0
    return (now - modified) / 10


def _date(response: Response, name: str) -> float | None:
    """The date in a header, in seconds; None if there is none."""
    value = header(response.headers, name)
    try:
        return None if value is None else parsedate_to_datetime(value).timestamp()
    except ValueError:
        return 0.0


def _answer(request: Request, entry: _Entry, now: float) -> Response:
    age = str(int(now - entry.stored))
    headers = headers_of([*entry.headers, ("cf-cache-status", "HIT"), ("age", age)], immutable=True)
    if _is_current(request, entry):
        return make_response(304, headers, None)
    status, text, content = entry.status, entry.status_text, entry.content
    part = _range(header(request.headers, "range"), len(content)) if status == 200 else None
    if part is not None:
        content_range = f"bytes {part[0]}-{part[1]}/{len(content)}"
        headers = headers_of([*headers.sent(), ("content-range", content_range)], immutable=True)
        status, text, content = 206, "Partial Content", content[part[0] : part[1] + 1]
    body = None if status in NULL_BODY_STATUSES else Body(content)
    return make_response(status, headers, body, status_text=text)


def _is_current(request: Request, entry: _Entry) -> bool:
    """Whether the client has the entry's content, as its conditional headers say."""
    stored = headers_of(entry.headers)
    wanted, etag = header(request.headers, "if-none-match"), header(stored, "etag")
    if wanted is not None:
        known = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
        return wanted.strip() == "*" or (etag is not None and etag.removeprefix("W/") in known)
    since, modified = header(request.headers, "if-modified-since"), header(stored, "last-modified")
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def _range(text: str | None, size: int) -> tuple[int, int] | None:
    """The first and last byte that a Range header asks for; None if it asks for all, or for several parts."""
    if text is None or not text.startswith("bytes=") or "," in text:
        return None
    first, _, last = text.removeprefix("bytes=").strip().partition("-")
    if not first and last.isdecimal():
        start, end = max(0, size - int(last)), size - 1
    elif first.isdecimal() and (not last or last.isdecimal()):
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    else:
        return None
    return (start, end) if start <= end else None


def _make_cache() -> Cache:
    cache = object.__new__(Cache)
    cache._entries = {}
    return cache


class CacheStorage(JsProxy):
    """`caches`."""

    illegal_constructor = True

    default: Cache
    _caches: dict[str, Cache]

    has = _not_implemented("has", "CacheStorage")
    delete = _not_implemented("delete", "CacheStorage")
    keys = _not_implemented("keys", "CacheStorage")
    match = _not_implemented("match", "CacheStorage")

    def open(self, name: Any = MISSING) -> JsPromise:
        if name is MISSING:
            raise not_of_type("CacheStorage", 1, "string", "open")
        key = js_string(name)
        if len(key) >= _LONGEST_NAME:
            return JsPromise.rejected(type_error("Cache name is too long."))
        return JsPromise.resolved(self._caches.setdefault(key, _make_cache()))


def _make_storage() -> CacheStorage:
    storage = object.__new__(CacheStorage)
    storage.default, storage._caches = _make_cache(), {}
    return storage


caches = _make_storage()
