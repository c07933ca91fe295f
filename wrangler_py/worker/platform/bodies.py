"""The bodies of requests and responses, and the methods that read them."""

from __future__ import annotations

from typing import Any, Final

from wrangler_py.worker.platform.arguments import is_iterable
from wrangler_py.worker.platform.blobs import Blob, make_blob
from wrangler_py.worker.platform.borrowed import AFTER_CALL
from wrangler_py.worker.platform.buffers import JsBuffer, array_buffer
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.convert import unwrap
from wrangler_py.worker.platform.headers import Headers, header
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.readable import (
    ReadableStream,
    branches,
    byte_stream_of,
    read_all,
    stream_of_bytes,
)
from wrangler_py.worker.platform.readers import LOCKED
from wrangler_py.worker.platform.stream_sources import rejected, type_error
from wrangler_py.worker.platform.typed_arrays import uint8_array
from wrangler_py.worker.platform.values import JsException, JsProxy, jsnull

USED: Final = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice."
_FORM: Final = "application/x-www-form-urlencoded;charset=UTF-8"


class Body:
    """Content of a message: bytes at hand, or a stream. The stream of bytes at hand is made on demand."""

    __slots__ = ("_content", "_stream", "_taken")

    def __init__(self, content: bytes | None = None, stream: ReadableStream | None = None) -> None:
        self._content, self._stream, self._taken = content, stream, False

    @property
    def content(self) -> bytes | None:
        """The bytes, if they are at hand and nobody has the stream."""
        return self._content if self._stream is None else None

    @property
    def buffered(self) -> bool:
        """Whether the bytes were at hand from the start."""
        return self._content is not None

    @property
    def length(self) -> int | None:
        """How many bytes there are, if that is known."""
        if self._content is not None:
            return len(self._content)
        return None if self._stream is None else self._stream.expected_length

    @property
    def stream(self) -> ReadableStream:
        if self._stream is None:
            self._stream = stream_of_bytes(self._content or b"")
            if self._taken:
                self._stream.cancel_now(None)
        return self._stream

    @property
    def used(self) -> bool:
        return self._taken or (self._stream is not None and self._stream.disturbed)

    def check(self) -> None:
        """Raise TypeError if the body cannot be read."""
        if self.used:
            raise type_error(USED)
        if self._stream is not None and self._stream.locked:
            raise type_error(LOCKED)

    def take(self) -> bytes | None:
        """The bytes, if they are at hand. The body is used then."""
        if self._stream is not None:
            return None
        self._taken = True
        return self._content

    async def read(self) -> bytes:
        """All of it. Raises TypeError if it was used."""
        self.check()
        content = self.take()
        return await read_all(self.stream) if content is None else content

    def moved(self) -> Body:
        """The same content for another message. This one counts as used."""
        if self._stream is not None and self._stream.locked:
            raise type_error("The ReadableStream has been locked to a reader.")
        if self._stream is None:
            moved = Body(self._content)
            self._taken = True
            return moved
        return Body(self._content, self._stream.detached())

    def doubled(self) -> Body:
        """The same content for another message; this one keeps it, too. Raises TypeError if it was used."""
        if self._taken or (self._stream is not None and self._stream.locked):
            raise type_error("This ReadableStream is currently locked to a reader,")
        if self._stream is None:
            return Body(self._content)
        self._stream, other = branches(self._stream)
        return Body(self._content, other)


def body_of(init: Any) -> tuple[Body | None, str | None]:
    """The body that a program gave, and the content type that goes with it."""
    if init is None or init is jsnull:
        return None, None
    if isinstance(init, str):
        return Body(init.encode("utf-8", "surrogatepass")), "text/plain;charset=UTF-8"
    if isinstance(init, JsBuffer):
        return Body(init.to_bytes()), None
    if isinstance(init, ReadableStream):
        if init.disturbed:
            raise type_error(
                "This ReadableStream is disturbed (has already been read from), and cannot be used as a body."
            )
        if init.locked:
            raise type_error("This ReadableStream is locked to a reader, and cannot be used as a body.")
        return Body(None, init), None
    if isinstance(init, Blob):
        return Body(init._content), init.type or None
    return _other_body(init)


def _other_body(init: Any) -> tuple[Body, str | None]:
    from wrangler_py.worker.platform.forms import FormData, serialize_form
    from wrangler_py.worker.platform.urls import URLSearchParams

    if isinstance(init, URLSearchParams):
        return Body(init.toString().encode()), _FORM
    if isinstance(init, FormData):
        content, boundary = serialize_form(init)
        return Body(content), f"multipart/form-data; boundary={boundary}"
    source = unwrap(init)
    if hasattr(source, "__aiter__") or (is_iterable(source) and not isinstance(source, str)):
        return Body(None, ReadableStream.from_(source) if isinstance(init, JsProxy) else _borrowed()), None
    return Body(usv_string(init).encode()), "text/plain;charset=UTF-8"


def _borrowed() -> ReadableStream:
    """The body of a plain Python iterable: Pyodide destroys its proxy before the body is read."""

    def pull(_controller: Any) -> None:
        raise JsException.new(AFTER_CALL)

    return byte_stream_of(pull, None)


def set_content_type(headers: Headers, content_type: str | None) -> None:
    """Say what a body is, unless the program did."""
    if content_type is not None and not headers.has_known("content-type"):
        headers.set_known("content-type", content_type)


class Message(JsProxy):
    """Base class of requests and responses."""

    __slots__ = ("__dict__", "_body", "_headers")

    _body: Body | None
    _headers: Headers

    @property
    def headers(self) -> Headers:
        return self._headers

    @property
    def body(self) -> Any:
        return jsnull if self._body is None else self._body.stream

    @property
    def bodyUsed(self) -> bool:
        return self._body is not None and self._body.used

    def text(self) -> JsPromise:
        return self._read(_text)

    def json(self) -> JsPromise:
        return self._read(_json)

    def arrayBuffer(self) -> JsPromise:
        return self._read(_array_buffer)

    def bytes(self) -> JsPromise:
        return self._read(_uint8_array)

    def blob(self) -> JsPromise:
        return self._read(self._make_blob)

    def formData(self) -> JsPromise:
        return self._read(self._make_form)

    def _read(self, convert: Any) -> JsPromise:
        body = self._body
        try:
            if body is None:
                return JsPromise.resolved(convert(b""))
            body.check()
            if convert == self._make_form and header(self._headers, "content-type") is None:
                return JsPromise.resolved(convert(b""))
            content = body.take()
            if content is not None:
                return JsPromise.resolved(convert(content))
        except Exception as error:
            return rejected(error)

        async def read() -> Any:
            return convert(await read_all(body.stream))

        return JsPromise.run(read())

    def _make_blob(self, content: Any) -> Any:
        from wrangler_py.worker.platform.mime_types import parse_mime_type

        kind = parse_mime_type(header(self._headers, "content-type") or "")
        return make_blob(content, "" if kind is None else str(kind))

    def _make_form(self, content: Any) -> Any:
        from wrangler_py.worker.platform.forms import parse_form

        return parse_form(content, header(self._headers, "content-type"))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace").removeprefix("\ufeff")


def _json(content: bytes) -> Any:
    from wrangler_py.worker.platform.json_text import parse

    return parse(_text(content))


def _array_buffer(content: bytes) -> Any:
    return array_buffer(bytearray(content))


def _uint8_array(content: bytes) -> Any:
    return uint8_array(bytearray(content))
