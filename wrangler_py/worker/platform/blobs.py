"""`Blob` and `File`."""

from __future__ import annotations

import time
from typing import Any

from wrangler_py.worker.platform.arguments import MISSING, is_iterable, not_of_type, options_argument, text_argument
from wrangler_py.worker.platform.buffers import JsBuffer, array_buffer
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.typed_arrays import uint8_array
from wrangler_py.worker.platform.values import JsException, JsProxy, js_string, jsnull, member


class Blob(JsProxy):
    """Bytes with a type."""

    _content: bytes
    type: str

    def __init__(self, parts: Any = None, options: Any = None) -> None:
        name = type(self).js_name
        if parts is not None and (parts is jsnull or not is_iterable(parts)):
            raise not_of_type(name, 1, "Array")
        self._content = b"".join(map(_bytes_of, () if parts is None else parts))
        options = options_argument(options, name, 2, "Options")
        endings = member(options, "endings")
        if endings is not None and js_string(endings) == "native":
            raise JsException.new("The 'endings' field on 'Options' is not implemented.")
        self.type = _content_type(member(options, "type"))

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
        self.name = text_argument(name, "File", 2)
        if parts is None:
            raise not_of_type("File", 1, "Array")
        super().__init__(parts, options)
        modified = member(options_argument(options, "File", 3, "Options"), "lastModified")
        self.lastModified = int(time.time() * 1000) if modified is None else int(modified)


def make_blob(content: bytes, content_type: str = "") -> Blob:
    """A Blob with this content."""
    blob = object.__new__(Blob)
    blob._content, blob.type = content, content_type
    return blob


def make_file(content: bytes, name: str, content_type: str = "") -> File:
    """A File with this content."""
    file = object.__new__(File)
    file._content, file.type, file.name, file.lastModified = content, content_type, name, int(time.time() * 1000)
    return file


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
    number = int(value)
    return max(size + number, 0) if number < 0 else min(number, size)
