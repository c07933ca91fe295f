"""`Headers`, `Request`, `Response`, `FormData`, `Blob` and `File` as JavaScript has them.

Each is a view of its counterpart in `workers`: `request.js_object` and the request share their content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wrangler_py.worker.sdk.js._buffers import ArrayBuffer
from wrangler_py.worker.sdk.js._values import (
    JsArray,
    JsLookup,
    JsObject,
    JsProxy,
    from_json_value,
    properties,
    to_py,
)
from wrangler_py.worker.sdk.workers import _blob, _form_data, _headers, _request, _response
from wrangler_py.worker.sdk.workers._body import Body

_OPTION_NAMES = {"statusText": "status_text", "webSocket": "web_socket"}


def options_of(init: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """An init object (JavaScript's or a dict) and keywords as one dict, names in Python's spelling.

    A request may be the init object of another.
    """
    if hasattr(init, "_as_request"):
        request = init._as_request()
        init = {"method": request._method, "headers": request._headers, "body": request.body}
    merged = {**properties(init), **keywords}
    return {_OPTION_NAMES.get(name, name): value for name, value in merged.items() if value is not None}


class Headers(JsLookup):
    """The headers of a request or a response."""

    def __init__(self, headers: _headers.Headers) -> None:
        self._headers = headers

    @classmethod
    def new(cls, init: Any = None) -> Headers:
        if isinstance(init, JsObject):
            init = properties(init)
        return cls(_headers.Headers(init))

    def get(self, name: str) -> str | None:
        return self._headers.get(name)

    def getSetCookie(self) -> JsArray:
        return JsArray(self._headers.get_all("set-cookie"))

    def has(self, name: str) -> bool:
        return name in self._headers

    def set(self, name: str, value: Any) -> None:
        self._headers.set(name, value)

    def append(self, name: str, value: Any) -> None:
        self._headers.append(name, value)

    def delete(self, name: str) -> None:
        self._headers.delete(name)

    def keys(self) -> JsArray:
        return JsArray(self._headers.keys())

    def values(self) -> JsArray:
        return JsArray(self._headers.values())

    def entries(self) -> JsArray:
        return JsArray(JsArray(pair) for pair in self._headers.items())

    def forEach(self, callback: Callable[..., Any]) -> None:
        for name, value in self._headers.items():
            callback(value, name, self)

    def __iter__(self) -> Iterator[JsArray]:
        return iter(self.entries())


class _Message(JsProxy):
    """What Request and Response have in common."""

    _message: _request.Request | _response.Response

    @property
    def url(self) -> str:
        return self._message.url

    @property
    def headers(self) -> Headers:
        return Headers(self._message._headers)

    @property
    def body(self) -> Any:
        return self._message.body

    @property
    def bodyUsed(self) -> bool:
        return self._message.body_used

    async def text(self) -> str:
        return await self._message.text()

    async def json(self) -> Any:
        """The content as a JavaScript value: `to_py()` makes it a dict."""
        return from_json_value(await self._read_json())

    async def _read_json(self) -> Any:
        import json

        return json.loads(await self._message.text())

    async def arrayBuffer(self) -> ArrayBuffer:
        return ArrayBuffer(await self._message.bytes())

    async def bytes(self) -> ArrayBuffer:
        return ArrayBuffer(await self._message.bytes())

    async def blob(self) -> Blob:
        return Blob(await self._message.blob())

    async def formData(self) -> FormData:
        return FormData(await self._message.form_data())


class Request(_Message):
    """A request as JavaScript has it."""

    _message: _request.Request

    @classmethod
    def _of(cls, message: _request.Request) -> Request:
        request = cls.__new__(cls)
        request._message = message
        return request

    @classmethod
    def new(cls, input: Any, init: Any = None, **keywords: Any) -> Request:
        options = options_of(init, keywords)
        if isinstance(options.get("headers"), JsObject):
            options["headers"] = properties(options["headers"])
        message = _request.Request(str(input) if not isinstance(input, _Message) else input, **options)  # type: ignore[arg-type]
        return cls._of(message)

    def _as_request(self) -> _request.Request:
        return self._message

    @property
    def method(self) -> str:
        return self._message._method

    @property
    def cf(self) -> Any:
        return self._message.cf

    @property
    def redirect(self) -> str:
        return self._message.redirect

    def clone(self) -> Request:
        return Request._of(self._message.clone())


class Response(_Message):
    """A response as JavaScript has it: `Response.new(body, init)`."""

    _message: _response.Response

    @classmethod
    def _of(cls, message: _response.Response) -> Response:
        response = cls.__new__(cls)
        response._message = message
        return response

    @classmethod
    def new(cls, body: Any = None, init: Any = None, **keywords: Any) -> Response:
        if isinstance(init, _Message):
            # Response.new(body, response) takes over status and headers.
            init = JsObject({"status": init.status, "headers": init.headers})  # type: ignore[attr-defined]
        options = options_of(init, keywords)
        if isinstance(options.get("headers"), JsObject):
            options["headers"] = properties(options["headers"])
        if isinstance(body, _Message):
            body = body.body
        return cls._of(_response.Response(body, **options))

    @classmethod
    def redirect(cls, url: Any, status: int = 302) -> Response:
        return cls._of(_response.Response.redirect(str(url), status))

    def _as_response(self) -> _response.Response:
        return self._message

    @property
    def status(self) -> int:
        return self._message.status

    @property
    def statusText(self) -> str:
        return self._message.status_text

    @property
    def ok(self) -> bool:
        return self._message.ok

    @property
    def redirected(self) -> bool:
        return self._message.redirected

    @property
    def webSocket(self) -> Any:
        return self._message.web_socket

    def clone(self) -> Response:
        return Response._of(self._message.clone())


class _JSONBothWays:
    """`Response.json(data, init)` makes a response; `await response.json()` reads one."""

    def __get__(self, instance: Response | None, owner: type[Response]) -> Any:
        if instance is not None:
            return lambda: _Message.json(instance)

        def make(data: Any, init: Any = None, **keywords: Any) -> Response:
            return owner._of(_response.Response.from_json(to_py(data), **options_of(init, keywords)))

        return make


Response.json = _JSONBothWays()  # type: ignore[assignment,method-assign]


class Blob(JsProxy):
    """Bytes with a content type."""

    def __init__(self, blob: _blob.Blob) -> None:
        self._blob = blob

    @classmethod
    def new(cls, parts: Any = (), *arguments: Any, **keywords: Any) -> Blob:
        given = options_of(arguments[0] if arguments else None, keywords)
        return cls(_blob.Blob(list(parts), content_type=given.get("type")))

    def _as_blob(self) -> _blob.Blob:
        return self._blob

    def _as_body(self) -> tuple[Body, str | None]:
        return self._blob._as_body()

    @property
    def size(self) -> int:
        return self._blob.size

    @property
    def type(self) -> str:
        return self._blob.content_type

    async def text(self) -> str:
        return await self._blob.text()

    async def arrayBuffer(self) -> ArrayBuffer:
        return ArrayBuffer(await self._blob.bytes())

    def slice(self, start: int | None = None, end: int | None = None, content_type: str | None = None) -> Blob:
        return Blob(self._blob.slice(start, end, content_type))


class File(Blob):
    """A Blob with a name."""

    _blob: _blob.File

    @classmethod
    def new(cls, parts: Any = (), *arguments: Any, **keywords: Any) -> File:
        name, options = (*arguments, "", None)[:2] if len(arguments) < 2 else arguments[:2]
        given = options_of(options, keywords)
        file = _blob.File(
            list(parts), str(name), content_type=given.get("type"), last_modified=given.get("lastModified")
        )
        return cls(file)

    @property
    def name(self) -> str:
        return self._blob.name

    @property
    def lastModified(self) -> int:
        return self._blob.last_modified


class FormData(JsLookup):
    """The fields of a form."""

    def __init__(self, form: _form_data.FormData) -> None:
        self._form = form

    @classmethod
    def new(cls) -> FormData:
        return cls(_form_data.FormData())

    def _as_form_data(self) -> _form_data.FormData:
        return self._form

    def _as_body(self) -> tuple[Body, str | None]:
        return self._form._as_body()

    def get(self, name: str) -> Any:
        values = self._form.get_all(name)
        return _as_js(values[0]) if values else None

    def getAll(self, name: str) -> JsArray:
        return JsArray(_as_js(value) for value in self._form.get_all(name))

    def has(self, name: str) -> bool:
        return name in self._form

    def set(self, name: str, value: Any, filename: str | None = None) -> None:
        self._form.delete(name)
        self.append(name, value, filename)

    def append(self, name: str, value: Any, filename: str | None = None) -> None:
        self._form.append(name, value, filename)

    def delete(self, name: str) -> None:
        self._form.delete(name)

    def keys(self) -> JsArray:
        return JsArray(self._form.keys())

    def values(self) -> JsArray:
        return JsArray(_as_js(value) for value in self._form.values())

    def entries(self) -> JsArray:
        return JsArray(JsArray((name, _as_js(value))) for name, value in self._form.items())

    def __iter__(self) -> Iterator[JsArray]:
        return iter(self.entries())


def _as_js(value: Any) -> Any:
    return value.js_object if isinstance(value, _blob.Blob) else value


async def fetch(resource: Any, init: Any = None, **keywords: Any) -> Response:
    """`fetch` as JavaScript has it: options in an object, a `js.Response` as its result."""
    from wrangler_py.worker.sdk.workers._fetch import fetch as fetch_in_python

    options = options_of(init, keywords)
    if isinstance(options.get("headers"), JsObject):
        options["headers"] = properties(options["headers"])
    target: Any = resource if isinstance(resource, _Message) else str(resource)
    return Response._of(await fetch_in_python(target, **options))
