"""DataView."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

from wrangler_py.worker.platform.buffers import ArrayBuffer, JsBuffer, array_buffer, position
from wrangler_py.worker.platform.numbers import to_number
from wrangler_py.worker.platform.values import JsRangeError, JsTypeError, js_string

_OUTSIDE: Final = "Offset is outside the bounds of the DataView"


class DataView(JsBuffer):
    """A DataView: numbers of any kind at any place of an ArrayBuffer."""

    __slots__ = ("_buffer", "_offset", "_part")

    def __init__(self, buffer: Any = None, offset: Any = None, length: Any = None) -> None:
        if not isinstance(buffer, ArrayBuffer):
            raise JsTypeError.new("First argument to DataView constructor must be an ArrayBuffer")
        self._buffer = buffer
        self._offset = position(offset, f"Start offset {js_string(offset)} is outside the bounds of the buffer")
        if self._offset > buffer.byteLength:
            raise JsRangeError.new(f"Start offset {self._offset} is outside the bounds of the buffer")
        end = (
            buffer.byteLength
            if length is None
            else self._offset + position(length, f"Invalid DataView length {js_string(length)}")
        )
        if end > buffer.byteLength:
            raise JsRangeError.new(f"Invalid DataView length {js_string(length)}")
        buffer.has_view(self)
        self._part = buffer.memory()[self._offset : end]

    def memory(self) -> memoryview:
        return self._part

    def moved(self) -> DataView:
        """The same part of the buffer's memory, which this view and its buffer lose."""
        offset, length = self._offset, len(self._part)
        made: DataView = DataView.new(array_buffer(self._buffer.detach()), offset, length)
        return made

    def let_go(self) -> None:
        self._part = memoryview(bytearray())

    @property
    def buffer(self) -> ArrayBuffer:
        return self._buffer

    @property
    def byteOffset(self) -> int:
        return self._offset

    def _unpack(self, kind: str, offset: Any, little: Any) -> Any:
        try:
            return struct.unpack_from(("<" if little else ">") + kind, self._part, position(offset, _OUTSIDE))[0]
        except struct.error:
            raise JsRangeError.new(_OUTSIDE) from None

    def _pack(self, kind: str, offset: Any, value: Any, little: Any) -> None:
        number = to_number(value)
        if kind not in "efd":
            bits = 8 * struct.calcsize(kind)
            number = (int(number) if math.isfinite(number) else 0) & ((1 << bits) - 1)
            kind = kind.upper()
        try:
            struct.pack_into(("<" if little else ">") + kind, self._part, position(offset, _OUTSIDE), number)
        except struct.error:
            raise JsRangeError.new(_OUTSIDE) from None


for _name, _kind in {
    "Int8": "b",
    "Uint8": "B",
    "Int16": "h",
    "Uint16": "H",
    "Int32": "i",
    "Uint32": "I",
    "Float16": "e",
    "Float32": "f",
    "Float64": "d",
    "BigInt64": "q",
    "BigUint64": "Q",
}.items():

    def _get(self: DataView, offset: Any = 0, little: Any = False, *, kind: str = _kind) -> Any:
        return self._unpack(kind, offset, little)

    def _set(self: DataView, offset: Any = 0, value: Any = None, little: Any = False, *, kind: str = _kind) -> None:
        self._pack(kind, offset, value, little)

    setattr(DataView, f"get{_name}", _get)
    setattr(DataView, f"set{_name}", _set)
