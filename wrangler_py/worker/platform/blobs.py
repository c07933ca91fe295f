"""`Blob` and `File`."""

from __future__ import annotations

import math
import time
from typing import Any

from wrangler_py.worker.platform.arguments import (
    MISSING,
    array_argument,
    not_of_type,
    options_argument,
    text_argument,
)
from wrangler_py.worker.platform.array_methods import place
from wrangler_py.worker.platform.buffers import JsBuffer, array_buffer
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.numbers import to_number
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.typed_arrays import uint8_array
from wrangler_py.worker.platform.values import JsException, JsProxy, js_string, member


class Blob(JsProxy):
    """Bytes with a type."""

    _content: bytes
    _type: str

    @property
    def type(self) -> str:
        return self._type

    def __init__(self, parts: Any = None, options: Any = None) -> None:
        name = type(self).js_name
        given_parts: Any = () if parts is None else array_argument(parts, name, 1)
        self._content = b"".join(map(_bytes_of, given_parts))
        options = options_argument(options, name, 2, "Options")
        endings = member(options, "endings")
        if endings is not None:
            raise JsException.new("The 'endings' field on 'Options' is not implemented.")
        self._type = _content_type(member(options, "type"))

    @property
    def size(self) -> int:
        return len(self._content)

    def slice(self, start: Any = None, end: Any = None, content_type: Any = None) -> Blob:
        size = len(self._content)
        first, last = _position(start, 0, size), _position(end, size, size)
        return make_blob(self._content[first:last], _content_type(content_type))

    def text(self) -> JsPromise:
        return JsPromise.resolved(self._content.decode("utf-8", "replace").removeprefix("\ufeff"))

    def arrayBuffer(self) -> JsPromise:
        return JsPromise.resolved(array_buffer(bytearray(self._content)))

    def bytes(self) -> JsPromise:
        return JsPromise.resolved(uint8_array(bytearray(self._content)))

    def stream(self) -> Any:
        from wrangler_py.worker.platform.readable import stream_of_bytes

        return stream_of_bytes(self._content)


class File(Blob):
    """A Blob with a name."""

    def __init__(self, parts: Any = None, name: Any = MISSING, options: Any = None) -> None:
        self._name = usv_string(text_argument(name, "File", 2))
        if parts is None:
            raise not_of_type("File", 1, "Array")
        given = options_argument(options, "File", 3, "Options")
        super().__init__(parts, given)
        modified = member(given, "lastModified")
        number = _now() if modified is None else to_number(modified)
        self.lastModified = number if number == number else 0

    @property
    def name(self) -> str:
        return self._name


def make_blob(content: bytes, content_type: str = "") -> Blob:
    """A Blob with this content."""
    blob = object.__new__(Blob)
    blob._content, blob._type = content, content_type
    return blob


def make_file(content: bytes, name: str, content_type: str = "") -> File:
    """A File with this content."""
    file = object.__new__(File)
    file._content, file._type, file._name, file.lastModified = content, content_type, name, _now()
    return file


def _now() -> int:
    return int(time.time() * 1000)


def _bytes_of(part: Any) -> bytes:
    if isinstance(part, JsBuffer):
        return part.to_bytes()
    if isinstance(part, Blob):
        return part._content
    return usv_string(part).encode()


def _content_type(value: Any) -> str:
    if value is None:
        return ""
    text = js_string(value)
    return text.lower() if text.isascii() and text.isprintable() else ""


def _position(value: Any, default: int, size: int) -> int:
    if value is None:
        return default
    number = to_number(value)
    return place(number if math.isfinite(number) else 0, size)
