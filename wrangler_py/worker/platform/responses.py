"""`Response`."""

from __future__ import annotations

from typing import Any, Final

from wrangler_py.worker.platform.arguments import (
    MISSING,
    is_object,
    not_of_type,
    options_argument,
    text_argument,
    wrong_field,
)
from wrangler_py.worker.platform.bodies import Body, Message, body_of, set_content_type
from wrangler_py.worker.platform.headers import Headers, clone_of, copy_of, header, headers_of, utf8_text
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.stream_sources import type_error
from wrangler_py.worker.platform.values import JsProxy, JsRangeError, js_function, js_string, jsnull, member

NULL_BODY_STATUSES: Final = frozenset({101, 204, 205, 304})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_INIT: Final = "InitializerDict"

STATUS_TEXTS: Final = {
    0: "", 100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK",
    201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content",
    206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used", 300: "Multiple Choices",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 305: "Use Proxy",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    411: "Length Required", 412: "Precondition Failed", 413: "Payload Too Large", 414: "URI Too Long",
    415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed", 418: "I'm a teapot",
    421: "Misdirected Request", 422: "Unprocessable Entity", 423: "Locked", 424: "Failed Dependency",
    426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported", 506: "Variant Also Negotiates", 507: "Insufficient Storage",
    508: "Loop Detected", 510: "Not Extended", 511: "Network Authentication Required",
}  # fmt: skip
_CLASS_TEXTS: Final = {2: "Successful", 3: "Redirection", 4: "Client Error", 5: "Server Error"}


def status_text(status: int) -> str:
    """workerd's text for a status."""
    text = STATUS_TEXTS.get(status)
    return _CLASS_TEXTS.get(status // 100, "") if text is None else text


def _is_socket(value: Any) -> bool:
    from wrangler_py.worker.platform.websockets import WebSocket  # rarely needed

    return isinstance(value, WebSocket)


class Response(Message):
    """A response."""

    __slots__ = ("_cf", "_encode_body", "_redirected", "_status", "_status_text", "_type", "_url", "_web_socket")

    _cf: Any
    _encode_body: str
    _status: int
    _status_text: str | None
    _web_socket: Any

    def __init__(self, body: Any = None, init: Any = None) -> None:
        if isinstance(init, str | bool | int | float):
            raise not_of_type("Response", 2, f"{_INIT} or Response")
        if isinstance(init, Response):
            self._status, self._status_text, self._cf = init._status, init._status_text, init._cf
            self._web_socket, self._encode_body = init._web_socket, init._encode_body
            self._headers = copy_of(init._headers)
        else:
            self._take_options(options_argument(init, "Response", 2, _INIT))
        self._url, self._redirected, self._type = "", False, "default"
        self._check_status()
        self._body, content_type = body_of(body)
        if self._body is not None and self._status in NULL_BODY_STATUSES:
            if not self._body.buffered or self._body.length:
                raise type_error("Response with null body status (101, 204, 205, or 304) cannot have a body.")
            self._body = None
        set_content_type(self._headers, content_type)

    def _take_options(self, options: Any) -> None:
        self._status, self._status_text, self._encode_body = 200, None, "automatic"
        self._cf = self._web_socket = None
        if options is None:
            self._headers = Headers.new()
            return
        status = member(options, "status")
        if status is not None:
            self._status = status if type(status) is int else to_int32(status)
        text = member(options, "statusText")
        if text is not None:
            self._status_text = utf8_text(js_string(text))
        encode = member(options, "encodeBody")
        if encode is not None:
            self._encode_body = js_string(encode)
            if self._encode_body not in {"automatic", "manual"}:
                raise type_error(f"encodeBody: unexpected value: {self._encode_body}")
        headers = member(options, "headers")
        if headers is jsnull or isinstance(headers, str | bool | int | float):
            raise wrong_field("headers", _INIT, "Headers or Sequence or object")
        self._headers = Headers.new() if headers is None else Headers.new(headers)
        self._cf = member(options, "cf")
        if self._cf is not None and not is_object(self._cf):
            raise wrong_field("cf", _INIT, "Object")
        socket = member(options, "webSocket")
        if socket is not None and socket is not jsnull and not _is_socket(socket):
            raise wrong_field("webSocket", _INIT, "WebSocket")
        self._web_socket = None if socket is jsnull else socket

    def _check_status(self) -> None:
        if self._web_socket is not None:
            if self._status != 101:
                raise JsRangeError.new("Responses with a WebSocket must have status code 101.")
        elif not 200 <= self._status <= 599:
            raise JsRangeError.new(
                "Responses may only be constructed with status codes in the range 200 to 599, inclusive."
            )
        if self._status_text is not None and any(char < " " for char in self._status_text):
            raise type_error("Invalid statusText")

    @property
    def status(self) -> int:
        return self._status

    @property
    def statusText(self) -> str:
        return status_text(self._status) if self._status_text is None else self._status_text

    @property
    def ok(self) -> bool:
        return 200 <= self._status < 300

    @property
    def url(self) -> str:
        return self._url

    @property
    def redirected(self) -> bool:
        return self._redirected

    @property
    def type(self) -> str:
        return self._type

    @property
    def webSocket(self) -> Any:
        return jsnull if self._web_socket is None else self._web_socket

    @property
    def cf(self) -> Any:
        return self._cf

    def clone(self) -> Response:
        if self._web_socket is not None:
            raise type_error("Cannot clone a response to a WebSocket handshake.")
        copied = make_response(
            self._status,
            clone_of(self._headers),
            None if self._body is None else self._body.doubled(),
            status_text=self._status_text,
            url=self._url,
            redirected=self._redirected,
        )
        copied._cf, copied._type, copied._encode_body = self._cf, self._type, self._encode_body
        return copied

    @classmethod
    def redirect(cls, url: Any = MISSING, status: Any = 302) -> Response:
        from wrangler_py.worker.platform.urls import normalized_url

        given = text_argument(url, "Response", 1, "redirect")
        code = 302 if status is None else to_int32(status)
        if code not in _REDIRECTS:
            raise JsRangeError.new(
                f"{code} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308."
            )
        parsed = normalized_url(given)
        if parsed is None:
            raise type_error(f"Unable to parse URL: {given}")
        return make_response(code, headers_of([("location", parsed)], immutable=True), None)

    @classmethod
    def error(cls) -> Response:
        response = make_response(0, Headers.new(), None)
        response._type = "error"
        return response


def _json_response(value: Any = MISSING, init: Any = None) -> Response:
    """`Response.json`, the static method; the method of a response reads its body."""
    from wrangler_py.worker.platform.json_text import stringify

    if value is MISSING:
        raise not_of_type("Response", 1, "Value", "json")
    if isinstance(init, str | bool | int | float):
        raise not_of_type("Response", 2, f"{_INIT} or Response", "json")
    text = stringify(value)
    response: Response = Response.new("undefined" if text is None else text, init)
    given = init._headers if isinstance(init, Response) else member(init, "headers")
    if given is None or header(response._headers, "content-type") == "text/plain;charset=UTF-8":
        headers = Headers.new() if given is None else Headers.new(given)
        if header(headers, "content-type") is None:
            response._headers.set("content-type", "application/json")
    return response


class _Json:
    """`json`: one function of the class and another of its instances."""

    _static = staticmethod(js_function(_json_response))

    def __get__(self, response: Response | None, _owner: Any) -> Any:
        return self._static if response is None else Message.json.__get__(response)


Response.json = _Json()  # type: ignore[method-assign, assignment]


def make_response(
    status: int,
    headers: Headers,
    body: Body | None,
    *,
    status_text: str | None = None,
    url: str = "",
    redirected: bool = False,
    web_socket: JsProxy | None = None,
) -> Response:
    """A response of this platform's own, as `fetch` gives."""
    response = object.__new__(Response)
    response._status, response._headers, response._body = status, headers, body
    response._status_text, response._url, response._redirected = status_text, url, redirected
    response._cf, response._type, response._encode_body = None, "default", "automatic"
    response._web_socket = web_socket
    return response
