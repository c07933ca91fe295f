"""`workers.FormData`: the fields of a form, and its two encodings."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from wrangler_py.worker.sdk.workers._blob import Blob, File
from wrangler_py.worker.sdk.workers._body import Body

FormDataValue: TypeAlias = "str | Blob | File"

_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class FormData(MutableMapping[str, Any]):
    """Fields with names that may repeat: `form[name]` is the first, `get_all(name)` all of them."""

    def __init__(self, form_data: Any = None) -> None:
        self._pairs: list[tuple[str, FormDataValue]] = []
        if form_data is None:
            return
        if hasattr(form_data, "_as_form_data"):
            self._pairs = form_data._as_form_data()._pairs
        elif isinstance(form_data, FormData):
            self._pairs = list(form_data._pairs)
        elif isinstance(form_data, dict):
            for name, value in form_data.items():
                self.append(name, value)
        else:
            raise TypeError("Expected form_data to be a dict or an instance of FormData")

    def __getitem__(self, key: str) -> Any:
        for name, value in self._pairs:
            if name == key:
                return value
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list):
            raise TypeError("Expected a single item: use append() for each of several")
        self.delete(key)
        self.append(key, value)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def append(self, key: str, value: Any, filename: str | None = None) -> None:
        """Add a field beside others of its name; a Blob with a file name becomes a File."""
        if hasattr(value, "_as_blob"):
            value = value._as_blob()
        if isinstance(value, Blob):
            if filename is not None or not isinstance(value, File):
                value = File(value, filename or "blob", value.content_type) if filename is not None else value
        else:
            value = str(value)
        self._pairs.append((key, value))

    def delete(self, key: str) -> None:
        self._pairs[:] = [pair for pair in self._pairs if pair[0] != key]

    def get_all(self, key: str) -> list[Any]:
        return [value for name, value in self._pairs if name == key]

    def keys(self) -> Iterator[str]:  # type: ignore[override]
        """Every name, as often as it occurs."""
        return (name for name, _ in self._pairs)

    def values(self) -> Iterator[Any]:  # type: ignore[override]
        return (value for _, value in self._pairs)

    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        return iter(list(self._pairs))

    @property
    def js_object(self) -> Any:
        """This as `js.FormData`, sharing its fields."""
        from wrangler_py.worker.sdk.js._messages import FormData as JSFormData

        return JSFormData(self)

    def _as_body(self) -> tuple[Body, str | None]:
        import secrets  # slow to import, and rarely needed

        boundary = f"----formdata-{secrets.token_hex(16)}"
        parts: list[bytes] = []
        for name, value in self._pairs:
            disposition = f'form-data; name="{_escaped(name)}"'
            content_type = ""
            if isinstance(value, Blob):
                filename = value.name if isinstance(value, File) else "blob"
                disposition += f'; filename="{_escaped(filename)}"'
                content_type = f"Content-Type: {value.content_type or 'application/octet-stream'}\r\n"
            head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n{content_type}\r\n"
            content = value._content if isinstance(value, Blob) else value.encode()
            parts += [head.encode(), content, b"\r\n"]
        parts.append(f"--{boundary}--\r\n".encode())
        return Body(b"".join(parts)), f"multipart/form-data; boundary={boundary}"


def parse_form(content: bytes, content_type: str | None) -> FormData:
    """Read a form in either encoding. Raises TypeError for another content type or broken content."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    form = FormData()
    if kind == "application/x-www-form-urlencoded":
        for name, value in parse_qsl(content.decode(errors="replace"), keep_blank_values=True):
            form.append(name, value)
        return form
    if kind != "multipart/form-data":
        raise TypeError(
            f"Unrecognized Content-Type header value {content_type!r}: form_data() needs "
            "multipart/form-data or application/x-www-form-urlencoded"
        )
    boundary = _parameters(content_type or "").get("boundary")
    if not boundary:
        raise TypeError("No boundary in the Content-Type header of a multipart/form-data body")
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    sections = (b"\r\n" + content).split(delimiter)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise TypeError("Broken multipart/form-data: no closing boundary")
    for section in sections[1:-1]:
        head, separator, content_of_part = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            raise TypeError("Broken multipart/form-data: a part without headers")
        _append_part(form, head.decode(errors="replace"), content_of_part)
    return form


def _append_part(form: FormData, head: str, value: bytes) -> None:
    headers: dict[str, str] = {}
    for line in head.split("\r\n"):
        name, _, text = line.partition(":")
        headers[name.strip().lower()] = text.strip()
    parameters = _parameters(headers.get("content-disposition", ""))
    if "name" not in parameters:
        raise TypeError("Broken multipart/form-data: a part without a name")
    if "filename" in parameters:
        content_type = headers.get("content-type", "application/octet-stream")
        form.append(parameters["name"], File([value], parameters["filename"], content_type))
    else:
        form.append(parameters["name"], value.decode(errors="replace"))


def _parameters(header: str) -> dict[str, str]:
    return {
        match[1].lower(): _unescaped(match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(header)
    }


def _escaped(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _unescaped(name: str) -> str:
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n").replace('\\"', '"')
