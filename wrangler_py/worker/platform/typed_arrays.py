"""The typed arrays: numbers in a part of an ArrayBuffer."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, ClassVar, Self

from wrangler_py.worker.platform.array_methods import ArrayMethods, comparison, end_place, place
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.big_integers import to_big
from wrangler_py.worker.platform.buffers import ArrayBuffer, JsBuffer, array_buffer, position
from wrangler_py.worker.platform.byte_texts import ByteTexts
from wrangler_py.worker.platform.js_big_int import big_int
from wrangler_py.worker.platform.numbers import implicit_number, to_integer
from wrangler_py.worker.platform.values import JsProxyMeta, JsRangeError, js_string, jsnull


class TypedArray(ArrayMethods, JsBuffer):
    """Base of the typed arrays: numbers in a part of an ArrayBuffer."""

    js_name = "TypedArray"
    illegal_constructor = True
    __slots__ = ("_buffer", "_items")

    FORMAT: ClassVar[Any] = "B"
    BYTES_PER_ELEMENT: ClassVar[int] = 1

    _buffer: ArrayBuffer | None
    _items: memoryview

    def __init__(self, source: Any = 0, offset: Any = None, length: Any = None) -> None:
        if isinstance(source, ArrayBuffer):
            self._cover(source, offset, length)
        elif isinstance(source, TypedArray):
            self._take(source._items.tolist())
        elif source is None or source is jsnull or isinstance(source, int | float | str):
            self._allocate(position(source, f"Invalid typed array length: {js_string(source)}"))
        else:
            self._take(JsArray.from_(source)._elements())

    def _cover(self, buffer: ArrayBuffer, offset: Any, length: Any) -> None:
        """Be a part of a buffer."""
        size, name = self.BYTES_PER_ELEMENT, type(self).js_name
        start = position(offset, f"Start offset {js_string(offset)} is outside the bounds of the buffer")
        if start % size:
            raise JsRangeError.new(f"start offset of {name} should be a multiple of {size}")
        if length is None:
            if (buffer.byteLength - start) % size:
                raise JsRangeError.new(f"byte length of {name} should be a multiple of {size}")
            end = buffer.byteLength
        else:
            end = start + position(length, f"Invalid typed array length: {js_string(length)}") * size
        if start > buffer.byteLength:
            raise JsRangeError.new(f"Start offset {start} is outside the bounds of the buffer")
        if end > buffer.byteLength:
            raise JsRangeError.new(f"Invalid typed array length: {js_string(length)}")
        buffer.has_view(self)
        self._buffer = buffer
        self._items = buffer.memory()[start:end].cast(self.FORMAT)

    def _take(self, values: list[Any]) -> None:
        """Have memory of its own, with these numbers."""
        self._allocate(len(values))
        for index, value in enumerate(values):
            self[index] = value

    def _allocate(self, length: int) -> None:
        self._buffer = None
        self._items = memoryview(bytearray(length * self.BYTES_PER_ELEMENT)).cast(self.FORMAT)

    def memory(self) -> memoryview:
        return self._items.cast("B")

    def moved(self) -> Self:
        """The same part of the buffer's memory, which this array and its buffer lose."""
        offset, length = self.byteOffset, len(self._items)
        made = object.__new__(type(self))
        made._cover(array_buffer(self.buffer.detach()), offset, length)
        return made

    def let_go(self) -> None:
        self._items = memoryview(bytearray()).cast(self.FORMAT)

    @property
    def buffer(self) -> ArrayBuffer:
        if self._buffer is None:
            self._buffer = array_buffer(self._items)
            self._buffer.has_view(self)
        return self._buffer

    @property
    def byteOffset(self) -> int:
        if self._buffer is None or not len(self._items):
            return 0
        base = memoryview(self._buffer.memory())
        whole = len(base)
        return _address(self.memory()) - _address(base) if whole else 0

    @property
    def byteLength(self) -> int:
        return self._items.nbytes

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return map(big_int, self._items) if self.FORMAT in "qQ" else iter(self._items)

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._items.tolist()[::-1])

    def __delitem__(self, index: Any) -> None:
        raise TypeError("object doesn't support item deletion")

    def __contains__(self, value: object) -> bool:
        return value in self._items

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise NotImplementedError("Slice subscripting isn't implemented for typed arrays")
        found = self._items[index]
        return big_int(found) if self.FORMAT in "qQ" else found

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            raise NotImplementedError("Slice assignment isn't implemented for typed arrays")
        self._items[index] = self._element(value)

    def _element(self, value: Any) -> Any:
        """A number as an element holds it: wrapped around, as JavaScript does."""
        given = to_big(value) if self.FORMAT in "qQ" else implicit_number(value)
        if self.FORMAT in "fde":
            return float(given)
        number = int(given) if math.isfinite(given) else 0
        bits = 8 * self.BYTES_PER_ELEMENT
        number &= (1 << bits) - 1
        return number - (1 << bits) if self.FORMAT.islower() and number >> (bits - 1) else number

    def _elements(self) -> memoryview:
        return self._items

    def _like(self, elements: list[Any]) -> Self:
        made: Self = type(self).new(js_array(elements))
        return made

    def _store(self, elements: list[Any]) -> None:
        for index, value in enumerate(elements):
            self._items[index] = value

    def _in_order(self, function: Any) -> list[Any]:
        return sorted(self._items.tolist(), key=_ascending if function is None else comparison(function))

    def set(self, source: Any = None, offset: Any = 0) -> None:
        values = source._items.tolist() if isinstance(source, TypedArray) else JsArray.from_(source)._elements()
        start = position(offset, "offset is out of bounds")
        if start + len(values) > len(self._items):
            raise JsRangeError.new("offset is out of bounds")
        for index, value in enumerate(values, start):
            self[index] = value

    def slice(self, start: Any = None, end: Any = None) -> Any:
        length = len(self._items)
        return type(self)._over(bytearray(self._items[place(start, length) : end_place(end, length)]))

    def subarray(self, start: Any = None, end: Any = None) -> Any:
        part, length = object.__new__(type(self)), len(self._items)
        first = place(start, length)
        part._buffer, part._items = self.buffer, self._items[first : max(first, end_place(end, length))]
        self.buffer.has_view(part)
        return part

    def fill(self, value: Any = None, start: Any = None, end: Any = None) -> TypedArray:
        length = len(self._items)
        for index in range(place(start, length), end_place(end, length)):
            self[index] = value
        return self

    def with_(self, index: Any = None, value: Any = None) -> Any:
        at = to_integer(index)
        if not -len(self._items) <= at < len(self._items):
            raise JsRangeError.new("Invalid typed array index")
        changed = self.slice()
        changed[int(at)] = value
        return changed

    def reverse(self) -> TypedArray:
        self._store(self._items.tolist()[::-1])
        return self

    @classmethod
    def from_(cls, source: Any = None, function: Any = None) -> Any:
        return cls.new(JsArray.from_(source, function))

    @classmethod
    def of(cls, *items: Any) -> Any:
        return cls.new(js_array(list(items)))

    @classmethod
    def _over(cls, data: bytes | bytearray | memoryview) -> Any:
        made = object.__new__(cls)
        made._buffer, made._items = None, memoryview(data).cast("B").cast(cls.FORMAT)
        return made

    def to_memoryview(self) -> memoryview:
        return memoryview(bytearray(self.memory())).cast(self.FORMAT)


def _typed_array(name: str, element_format: str) -> Any:
    return JsProxyMeta(
        name,
        (TypedArray,),
        {
            "__slots__": (),
            "__module__": __name__,
            "__doc__": f"A {name}.",
            "FORMAT": element_format,
            "BYTES_PER_ELEMENT": struct.calcsize(element_format),
        },
    )


class Uint8Array(TypedArray, ByteTexts):
    """A Uint8Array: how bytes look to JavaScript."""

    __slots__ = ()


class Uint8ClampedArray(TypedArray):
    """A Uint8ClampedArray: numbers that are too large become 255."""

    __slots__ = ()

    def _element(self, value: Any) -> int:
        given = implicit_number(value)
        return max(0, min(255, given if math.isinf(given) else round(given))) if given == given else 0  # type: ignore[return-value]


Int8Array = _typed_array("Int8Array", "b")
Uint16Array = _typed_array("Uint16Array", "H")
Int16Array = _typed_array("Int16Array", "h")
Uint32Array = _typed_array("Uint32Array", "I")
Int32Array = _typed_array("Int32Array", "i")
Float32Array = _typed_array("Float32Array", "f")
Float64Array = _typed_array("Float64Array", "d")
BigInt64Array = _typed_array("BigInt64Array", "q")
BigUint64Array = _typed_array("BigUint64Array", "Q")

_BY_FORMAT = {
    array.FORMAT: array
    for array in (
        Uint8Array,
        Int8Array,
        Uint16Array,
        Int16Array,
        Uint32Array,
        Int32Array,
        Float32Array,
        Float64Array,
        BigInt64Array,
        BigUint64Array,
    )
}
_BY_FORMAT["l"], _BY_FORMAT["L"] = BigInt64Array, BigUint64Array


def uint8_array(data: bytes | bytearray | memoryview) -> Uint8Array:
    """A Uint8Array over this memory, which is not copied."""
    made: Uint8Array = Uint8Array._over(data)
    return made


def copy_to_js(data: Any) -> Any:
    """A typed array with a copy of what a Python buffer holds, of the kind that its format names."""
    view = memoryview(data)
    kind = _BY_FORMAT.get(view.format.lstrip("@=<"), Uint8Array)
    return kind._over(bytearray(view.tobytes()))


def _ascending(number: float | int) -> tuple[bool, float | int, bool]:
    """How numbers are sorted: negative zero is below zero, and NaN above all."""
    return (True, 0, True) if number != number else (False, number, math.copysign(1, number) > 0)


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view)) if not view.readonly else 0
