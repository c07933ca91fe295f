"""Binary data: `ArrayBuffer`, `Uint8Array`, and the text codecs."""

from __future__ import annotations

from typing import Any, TypeVar

from wrangler_py.worker.sdk.js._values import JsProxy

_Buffer = TypeVar("_Buffer", bound="JsBuffer")


class JsBuffer(bytearray, JsProxy):
    """Bytes that JavaScript owns."""

    @classmethod
    def new(cls: type[_Buffer], source: Any = 0, *_: Any) -> _Buffer:
        """From a length, or from bytes or numbers."""
        return cls(source)

    @property
    def byteLength(self) -> int:
        return len(self)

    def to_bytes(self) -> bytes:
        return bytes(self)

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> memoryview:
        return memoryview(self)

    def to_memoryview(self) -> memoryview:
        return memoryview(bytes(self))

    def to_string(self, encoding: str | None = None) -> str:
        return self.decode(encoding or "utf-8")

    def slice(self: _Buffer, start: int = 0, end: int | None = None) -> _Buffer:
        return type(self)(self[start:end])


class ArrayBuffer(JsBuffer):
    """An `ArrayBuffer`."""


class Uint8Array(JsBuffer):
    """A `Uint8Array`."""

    @property
    def buffer(self) -> ArrayBuffer:
        return ArrayBuffer(self)

    @property
    def length(self) -> int:
        return len(self)


class TextEncoder(JsProxy):
    """Text to UTF-8."""

    @classmethod
    def new(cls) -> TextEncoder:
        return cls()

    def encode(self, text: str = "") -> Uint8Array:
        return Uint8Array(text.encode())


class TextDecoder(JsProxy):
    """Bytes to text."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = encoding

    @classmethod
    def new(cls, label: str = "utf-8", _options: Any = None) -> TextDecoder:
        return cls(label)

    def decode(self, data: Any = b"") -> str:
        return bytes(data).decode(self.encoding, "replace").removeprefix("\ufeff")
