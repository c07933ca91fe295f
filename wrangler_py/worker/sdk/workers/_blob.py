"""`workers.Blob` and `workers.File`."""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeAlias

from wrangler_py.worker.sdk.workers._body import Body

BlobValue: TypeAlias = Any
"""str, bytes or another buffer, Blob, File, or their counterparts in `js`."""


class BlobEnding(StrEnum):
    """What becomes of line ends in the text of a Blob."""

    TRANSPARENT = "transparent"
    NATIVE = "native"


class Blob:
    """Bytes with a content type, put together from text, bytes and other Blobs.

    From a single Blob its content type is taken over, unless another is given. Raises TypeError for a part
    that is none of these.
    """

    __slots__ = ("_content", "_js", "content_type")

    content_type: str

    def __init__(
        self,
        blob_parts: Iterable[BlobValue] | BlobValue,
        content_type: str | None = None,
        endings: BlobEnding | str | None = None,
    ) -> None:
        if _is_one_part(blob_parts):
            single = _as_python(blob_parts)
            if not content_type and isinstance(single, Blob):
                content_type = single.content_type
            blob_parts = [single]
        self._content = b"".join(_bytes_of(part) for part in blob_parts)
        if endings is not None and BlobEnding(endings) is BlobEnding.NATIVE:
            self._content = self._content.replace(b"\r\n", b"\n")
        self.content_type = content_type or ""
        self._js: Any = None

    @property
    def size(self) -> int:
        return len(self._content)

    @property
    def js_object(self) -> Any:
        """This as `js.Blob` or `js.File`."""
        if self._js is None:
            from wrangler_py.worker.sdk.js import _messages

            view = _messages.File if isinstance(self, File) else _messages.Blob
            self._js = view(self)
        return self._js

    async def text(self) -> str:
        return self._content.decode(errors="replace")

    async def bytes(self) -> builtins.bytes:
        return self._content

    def slice(self, start: int | None = None, end: int | None = None, content_type: str | None = None) -> Blob:
        return Blob([self._content[start:end]], content_type=content_type)

    def _as_body(self) -> tuple[Body, str | None]:
        return Body(self._content), self.content_type or None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, content_type={self.content_type!r})"


class File(Blob):
    """A Blob with a name, and when it was changed last (ms since 1970)."""

    __slots__ = ("last_modified", "name")

    name: str
    last_modified: int

    def __init__(
        self,
        blob_parts: Iterable[BlobValue] | BlobValue,
        filename: str,
        content_type: str | None = None,
        endings: BlobEnding | str | None = None,
        last_modified: int | None = None,
    ) -> None:
        single = _as_python(blob_parts)
        if last_modified is None and isinstance(single, File):
            last_modified = single.last_modified
        super().__init__(blob_parts, content_type, endings)
        self.name = filename
        self.last_modified = int(time.time() * 1000) if last_modified is None else last_modified


def _as_python(value: Any) -> Any:
    return value._as_blob() if hasattr(value, "_as_blob") else value


def _is_one_part(value: Any) -> bool:
    return isinstance(_as_python(value), str | bytes | bytearray | memoryview | Blob)


def _bytes_of(part: Any) -> bytes:
    part = _as_python(part)
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, Blob):
        return part._content
    try:
        return bytes(memoryview(part))
    except TypeError:
        raise TypeError(f"A Blob is made of str, bytes and Blobs, not {type(part).__name__}") from None
