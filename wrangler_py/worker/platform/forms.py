"""`FormData`, and forms as bodies: multipart by python-multipart, form-urlencoded by ada."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, function_argument, not_of_type, text_argument
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.blobs import Blob, File, make_file
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.conversions import usv_string
from wrangler_py.worker.platform.iterators import JsIterator, JsLookup
from wrangler_py.worker.platform.mime_types import MimeType, parse_mime_type
from wrangler_py.worker.platform.urls import parse_query
from wrangler_py.worker.platform.values import JsTypeError, js_string, jsnull

_PARAMETER: Final = re.compile(r';\s*([\w-]+)\s*=\s*"((?:[^"\n\\]|\\[^\n])+)"\s*')
_DISPOSITION: Final = re.compile(r"\s*([\w-]+)\s*", re.ASCII)


# The parser logs what it refuses; without a handler, logging would print it.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


class FormData(JsLookup):
    """The fields of a form: names with texts and files."""

    __slots__ = ("__dict__", "_fields")

    _fields: list[tuple[str, Any]]

    def __init__(self, _form: Any = None) -> None:
        self._fields = []

    def append(self, name: Any = MISSING, value: Any = MISSING, filename: Any = None) -> None:
        self._fields.append(_field(name, value, filename, "append"))

    def set(self, name: Any = MISSING, value: Any = MISSING, filename: Any = None) -> None:
        field = _field(name, value, filename, "set")
        first = next((index for index, (known, _) in enumerate(self._fields) if known == field[0]), None)
        if first is None:
            self._fields.append(field)
        else:
            rest = [other for other in self._fields[first + 1 :] if other[0] != field[0]]
            self._fields[first:] = [field, *rest]

    def delete(self, name: Any = MISSING) -> None:
        wanted = text_argument(name, "FormData", 1, "delete")
        self._fields = [field for field in self._fields if field[0] != wanted]

    def get(self, name: Any = MISSING) -> Any:
        wanted = text_argument(name, "FormData", 1, "get")
        return next((value for known, value in self._fields if known == wanted), jsnull)

    def getAll(self, name: Any = MISSING) -> JsArray:
        wanted = text_argument(name, "FormData", 1, "getAll")
        return js_array([value for known, value in self._fields if known == wanted])

    def has(self, name: Any = MISSING) -> bool:
        wanted = text_argument(name, "FormData", 1, "has")
        return any(known == wanted for known, _ in self._fields)

    def keys(self) -> JsIterator:
        return JsIterator.new(name for name, _ in list(self._fields))

    def values(self) -> JsIterator:
        return JsIterator.new(value for _, value in list(self._fields))

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array(list(field)) for field in list(self._fields))

    def forEach(self, callback: Any = None, _this: Any = None) -> None:
        function_argument(callback, "FormData", 1, "forEach")
        for name, value in list(self._fields):
            call(callback, value, name, self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())


def _field(name: Any, value: Any, filename: Any, method: str) -> tuple[str, Any]:
    if value is MISSING:
        raise not_of_type("FormData", 2, "File or Blob or string", method)
    key = text_argument(name, "FormData", 1, method, "USVString")
    if not isinstance(value, Blob):
        return key, usv_string(value)
    if isinstance(value, File) and filename is None:
        return key, value
    return key, make_file(value._content, key if filename is None else js_string(filename), value.type)


def form_of(fields: list[tuple[str, Any]]) -> FormData:
    """A form with these fields."""
    form = object.__new__(FormData)
    form._fields = fields
    return form


def parse_form(content: bytes, content_type: str | None) -> FormData:
    """The form in a body. Raises TypeError, with workerd's message, for a body that is no form."""
    if content_type is None:
        raise JsTypeError.new("Parsing a Body as FormData requires a Content-Type header.")
    kind = parse_mime_type(content_type)
    if kind is not None and kind.essence == "multipart/form-data":
        boundary = kind.parameters.get("boundary")
        if boundary is None:
            raise JsTypeError.new(
                "No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary "
                "parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4."
            )
        return form_of(list(map(_part_field, _parts(content, boundary.encode()))))
    if kind is not None and kind.essence == "application/x-www-form-urlencoded":
        _check_charset(kind)
        return form_of(list(parse_query(content.decode("utf-8", "replace"))))
    raise JsTypeError.new(
        "Unrecognized Content-Type header value. FormData can only parse the following MIME types: "
        "multipart/form-data, application/x-www-form-urlencoded"
    )


def _check_charset(kind: MimeType) -> None:
    charset = kind.parameters.get("charset", "utf-8").lower()
    if charset not in {"utf-8", "utf8", "unicode-1-1-utf-8"}:
        raise JsTypeError.new("Non-utf-8 application/x-www-form-urlencoded body.")


_Part = tuple[dict[str, bytes], bytes]


def _parts(content: bytes, boundary: bytes) -> list[_Part]:
    """Headers, by lower-case name, and content of each part."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    start = content.find(b"--" + boundary)
    if start < 0 or len(content) == start + 2 + len(boundary):
        raise JsTypeError.new("No initial boundary string (or you have a truncated message).")
    if content.startswith(b"--", start + 2 + len(boundary)):
        return []
    collector = _PartCollector()
    framed = content[start:]
    if framed.startswith(b"\n", 2 + len(boundary)):
        framed = _with_crlf(framed, boundary)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        parser.write(framed)
        parser.finalize()
    except FormParserError:
        raise _framing_error(content[start + 2 + len(boundary) :], collector) from None
    if not collector.complete:
        raise _framing_error(content[start + 2 + len(boundary) :], collector)
    return collector.parts


def _with_crlf(content: bytes, boundary: bytes) -> bytes:
    """A body whose boundaries and headers end in LF alone, which workerd takes, as the standard writes it."""
    parts: list[bytes] = []
    for piece in (b"\n" + content).split(b"\n--" + boundary)[1:]:
        head, separator, value = piece.partition(b"\n\n")
        head = head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        parts.append(head + (b"\r\n\r\n" + value if separator else b""))
    return b"--" + boundary + (b"\r\n--" + boundary).join(parts)


class _PartCollector:
    """Takes what python-multipart finds."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.complete = False
        self.in_part = False
        self._headers: dict[str, bytes] = {}
        self._name = bytearray()
        self._value = bytearray()
        self._data = bytearray()

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": lambda: self.parts.append((self._headers, bytes(self._data))),
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._enter,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers, self._data, self.in_part = {}, bytearray(), False

    def _end_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _enter(self) -> None:
        self.in_part = True

    def _end(self) -> None:
        self.complete = True


def _framing_error(rest: bytes, collector: _PartCollector) -> Exception:
    if not rest.startswith((b"\r\n", b"\n", b"--")):
        text = "Boundary string was not succeeded by CRLF, LF, or '--'."
    elif not collector.in_part and not re.search(rb"\r?\n\r?\n", rest):
        text = "No multipart message header termination found."
    elif collector.in_part:
        text = "No subsequent boundary string after multipart message."
    else:
        text = "FormData part had invalid headers."
    error: Exception = JsTypeError.new(text)
    return error


def _part_field(part: _Part) -> tuple[str, Any]:
    headers, content = part
    disposition = headers.get("content-disposition")
    if disposition is None:
        raise JsTypeError.new("No valid Content-Disposition header found in FormData part.")
    text = disposition.decode("utf-8", "replace")
    kind = _DISPOSITION.match(text)
    if kind is None:
        raise JsTypeError.new("Invalid Content-Disposition header found in FormData part.")
    if kind[1] != "form-data":
        raise JsTypeError.new(
            'Content-Disposition header for FormData part must have the value "form-data", possibly followed by '
            f'parameters. Got: "{kind[1]}"'
        )
    parameters: dict[str, str] = {}
    position = kind.end()
    while (parameter := _PARAMETER.match(text, position)) is not None:
        parameters[parameter[1]] = re.sub(r"\\(.)", r"\1", parameter[2])
        position = parameter.end()
    if "name" not in parameters:
        raise JsTypeError.new("Content-Disposition header in FormData part is missing a name.")
    if "filename" in parameters:
        content_type = headers.get("content-type", b"").decode("utf-8", "replace")
        return parameters["name"], make_file(content, parameters["filename"], content_type)
    return parameters["name"], content.decode("utf-8", "replace")


def serialize_form(form: FormData) -> tuple[bytes, str]:
    """A form as a multipart body, and its boundary."""
    boundary = os.urandom(16).hex()
    parts: list[bytes] = []
    for name, value in form._fields:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"'
        if isinstance(value, File):
            head += f'; filename="{_escaped(value.name)}"'
            head += f"\r\nContent-Type: {value.type or 'application/octet-stream'}"
        content = value._content if isinstance(value, Blob) else value.encode()
        parts += [head.encode(), b"\r\n\r\n", content, b"\r\n"]
    parts.append(f"--{boundary}--".encode())
    return b"".join(parts), boundary


def _escaped(name: str) -> str:
    if name.endswith("\\"):
        raise JsTypeError.new("Name or filename can't end with backslash")
    return name.replace('"', "%22").replace("\n", "%0A").replace("\\", "\\\\")
