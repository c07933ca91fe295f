"""ArrayBuffer, the typed arrays and DataView: memory that JavaScript owns."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, ClassVar

from wrangler_py.worker.platform.containers import JsArray, call, js_array
from wrangler_py.worker.platform.numbers import to_int32, to_number
from wrangler_py.worker.platform.values import JsProxy, JsProxyMeta, JsRangeError, JsTypeError, ToPy, js_string


class JsBuffer(JsProxy):
    """Memory, with the methods that Pyodide gives every buffer."""

    __slots__ = ("__dict__",)

    def memory(self) -> memoryview:
        """The bytes, as one flat view that writes through where the memory is writable."""
        raise NotImplementedError

    @property
    def byteLength(self) -> int:
        return len(self.memory())

    def to_bytes(self) -> bytes:
        memory = self.memory()
        whole = memory.obj
        return whole if isinstance(whole, bytes) and len(whole) == len(memory) else bytes(memory)

    def to_memoryview(self) -> memoryview:
        return memoryview(bytearray(self.memory()))

    def to_string(self, encoding: str | None = None) -> str:
        from wrangler_py.worker.platform.values import JsException

        try:
            return str(self.memory(), encoding or "utf-8")
        except (UnicodeDecodeError, LookupError):
            raise JsException.new("Failed to decode the buffer") from None

    def assign(self, source: Any) -> None:
        """Copy from a Python buffer into the JavaScript one."""
        self.memory()[:] = memoryview(source).cast("B")

    def assign_to(self, target: Any) -> None:
        """Copy into a Python buffer."""
        memoryview(target).cast("B")[:] = self.memory()

    def to_file(self, file: Any) -> None:
        file.write(self.to_bytes())

    def from_file(self, file: Any) -> None:
        self.assign(file.read(self.byteLength))

    into_file = to_file

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        return self.to_memoryview()


class ArrayBuffer(JsBuffer):
    """An ArrayBuffer."""

    __slots__ = ("_data",)

    _data: memoryview

    def __init__(self, length: Any = 0, _options: Any = None) -> None:
        self._data = memoryview(bytearray(_index(length)))

    def memory(self) -> memoryview:
        return self._data

    @property
    def resizable(self) -> bool:
        return False

    @property
    def detached(self) -> bool:
        return False

    @property
    def maxByteLength(self) -> int:
        return len(self._data)

    def slice(self, start: Any = 0, end: Any = None) -> ArrayBuffer:
        return array_buffer(bytearray(self._data[slice(start or 0, end)]))

    @classmethod
    def isView(cls, value: Any) -> bool:
        return isinstance(value, TypedArray | DataView)


def array_buffer(data: bytes | bytearray | memoryview) -> ArrayBuffer:
    """An ArrayBuffer over this memory, which is not copied."""
    made = object.__new__(ArrayBuffer)
    made._data = memoryview(data).cast("B")
    return made


class TypedArray(JsBuffer):
    """Base of the typed arrays: numbers in a part of an ArrayBuffer."""

    js_name = "TypedArray"
    illegal_constructor = True
    __slots__ = ("_buffer", "_items")

    FORMAT: ClassVar[Any] = "B"
    BYTES_PER_ELEMENT: ClassVar[int] = 1

    _buffer: ArrayBuffer | None
    _items: memoryview

    def __init__(self, source: Any = 0, offset: Any = None, length: Any = None) -> None:
        size = self.BYTES_PER_ELEMENT
        if isinstance(source, ArrayBuffer):
            start = _index(offset)
            if start % size:
                raise JsRangeError.new(f"start offset of {type(self).js_name} should be a multiple of {size}")
            if length is None:
                if (source.byteLength - start) % size:
                    raise JsRangeError.new(f"byte length of {type(self).js_name} should be a multiple of {size}")
                end = source.byteLength
            else:
                end = start + _index(length) * size
            if start > source.byteLength:
                raise JsRangeError.new(f"Start offset {start} is outside the bounds of the buffer")
            if end > source.byteLength:
                raise JsRangeError.new(f"Invalid typed array length: {js_string(length)}")
            self._buffer = source
            self._items = source.memory()[start:end].cast(self.FORMAT)
        elif source is None or isinstance(source, int | float | str):
            self._allocate(_index(to_int32(source) if isinstance(source, str) else source))
        else:
            values = source._items if isinstance(source, TypedArray) else list(source)
            self._allocate(len(values))
            for index, value in enumerate(values):
                self[index] = value

    def _allocate(self, length: int) -> None:
        self._buffer = None
        self._items = memoryview(bytearray(length * self.BYTES_PER_ELEMENT)).cast(self.FORMAT)

    def memory(self) -> memoryview:
        return self._items.cast("B")

    @property
    def buffer(self) -> ArrayBuffer:
        if self._buffer is None:
            self._buffer = array_buffer(self._items)
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

    @property
    def length(self) -> int:
        return len(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._items.tolist()[::-1])

    def __delitem__(self, index: Any) -> None:
        raise TypeError("object doesn't support item deletion")

    def __contains__(self, value: object) -> bool:
        return value in self._items

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise NotImplementedError("Slice subscripting isn't implemented for typed arrays")
        return self._items[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            raise NotImplementedError("Slice assignment isn't implemented for typed arrays")
        self._items[index] = self._element(value)

    def _element(self, value: Any) -> Any:
        """A number as an element holds it: wrapped around, as JavaScript does."""
        given = to_number(value)
        if self.FORMAT in "fde":
            return float(given)
        number = int(given) if math.isfinite(given) else 0
        bits = 8 * self.BYTES_PER_ELEMENT
        number &= (1 << bits) - 1
        return number - (1 << bits) if self.FORMAT.islower() and number >> (bits - 1) else number

    def at(self, index: int) -> Any:
        return self._items[index] if -len(self._items) <= index < len(self._items) else None

    def set(self, source: Any, offset: Any = 0) -> None:
        values = source._items.tolist() if isinstance(source, TypedArray) else list(source)
        start = _index(offset)
        if start + len(values) > len(self._items):
            raise JsRangeError.new("offset is out of bounds")
        for index, value in enumerate(values, start):
            self[index] = value

    def slice(self, start: Any = 0, end: Any = None) -> Any:
        return type(self)._over(bytearray(self._items[slice(start or 0, end)]))

    def subarray(self, start: Any = 0, end: Any = None) -> Any:
        part = object.__new__(type(self))
        part._buffer, part._items = self.buffer, self._items[slice(start or 0, end)]
        return part

    def fill(self, value: Any, start: Any = 0, end: Any = None) -> TypedArray:
        for index in range(*slice(start, end).indices(len(self._items))):
            self[index] = value
        return self

    def indexOf(self, value: Any, *_: Any) -> int:
        items = self._items.tolist()
        return items.index(value) if value in items else -1

    def includes(self, value: Any, *_: Any) -> bool:
        return value in self._items

    def join(self, separator: Any = None) -> str:
        return ("," if separator is None else js_string(separator)).join(map(js_string, self._items))

    def map(self, function: Any, *_: Any) -> Any:
        return type(self).new(js_array([call(function, item, i, self) for i, item in enumerate(self._items)]))

    def forEach(self, function: Any, *_: Any) -> None:
        for index, item in enumerate(self._items):
            call(function, item, index, self)

    def reverse(self) -> TypedArray:
        for index, value in enumerate(reversed(self._items.tolist())):
            self._items[index] = value
        return self

    @classmethod
    def from_(cls, source: Any, function: Any = None) -> Any:
        return cls.new(JsArray.from_(source, function))

    @classmethod
    def of(cls, *items: Any) -> Any:
        return cls.new(js_array(list(items)))

    @classmethod
    def _over(cls, data: bytes | bytearray | memoryview) -> Any:
        made = object.__new__(cls)
        made._buffer, made._items = None, memoryview(data).cast("B").cast(cls.FORMAT)
        return made

    def toString(self) -> str:
        return self.join()

    def to_memoryview(self) -> memoryview:
        return memoryview(bytearray(self.memory())).cast(self.FORMAT)

    def _own_properties(self) -> dict[str, Any]:
        return {str(index): item for index, item in enumerate(self._items)}


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


class Uint8Array(TypedArray):
    """A Uint8Array: how bytes look to JavaScript."""

    __slots__ = ()


class Uint8ClampedArray(TypedArray):
    """A Uint8ClampedArray: numbers that are too large become 255."""

    __slots__ = ()

    def _element(self, value: Any) -> int:
        given = to_number(value)
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


class DataView(JsBuffer):
    """A DataView: numbers of any kind at any place of an ArrayBuffer."""

    __slots__ = ("_buffer", "_offset", "_part")

    def __init__(self, buffer: Any = None, offset: Any = None, length: Any = None) -> None:
        if not isinstance(buffer, ArrayBuffer):
            raise JsTypeError.new("First argument to DataView constructor must be an ArrayBuffer")
        self._buffer = buffer
        self._offset = _index(offset)
        if self._offset > buffer.byteLength:
            raise JsRangeError.new(f"Start offset {self._offset} is outside the bounds of the buffer")
        end = buffer.byteLength if length is None else self._offset + _index(length)
        if end > buffer.byteLength:
            raise JsRangeError.new(f"Invalid DataView length {js_string(length)}")
        self._part = buffer.memory()[self._offset : end]

    def memory(self) -> memoryview:
        return self._part

    @property
    def buffer(self) -> ArrayBuffer:
        return self._buffer

    @property
    def byteOffset(self) -> int:
        return self._offset

    def _unpack(self, kind: str, offset: Any, little: Any) -> Any:
        try:
            return struct.unpack_from(("<" if little else ">") + kind, self._part, _index(offset))[0]
        except struct.error:
            raise JsRangeError.new("Offset is outside the bounds of the DataView") from None

    def _pack(self, kind: str, offset: Any, value: Any, little: Any) -> None:
        if kind not in "efd":
            bits = 8 * struct.calcsize(kind)
            value = int(value) & ((1 << bits) - 1)
            kind = kind.upper()
        try:
            struct.pack_into(("<" if little else ">") + kind, self._part, _index(offset), value)
        except struct.error:
            raise JsRangeError.new("Offset is outside the bounds of the DataView") from None


for _name, _kind in {
    "Int8": "b",
    "Uint8": "B",
    "Int16": "h",
    "Uint16": "H",
    "Int32": "i",
    "Uint32": "I",
    "Float32": "f",
    "Float64": "d",
    "BigInt64": "q",
    "BigUint64": "Q",
}.items():

    def _get(self: DataView, offset: Any = 0, little: Any = False, *, kind: str = _kind) -> Any:
        return self._unpack(kind, offset, little)

    def _set(self: DataView, offset: Any = 0, value: Any = 0, little: Any = False, *, kind: str = _kind) -> None:
        self._pack(kind, offset, value, little)

    setattr(DataView, f"get{_name}", _get)
    setattr(DataView, f"set{_name}", _set)


def uint8_array(data: bytes | bytearray | memoryview) -> Uint8Array:
    """A Uint8Array over this memory, which is not copied."""
    made: Uint8Array = Uint8Array._over(data)
    return made


def copy_to_js(data: Any) -> Any:
    """A typed array with a copy of what a Python buffer holds, of the kind that its format names."""
    view = memoryview(data)
    kind = _BY_FORMAT.get(view.format.lstrip("@=<"), Uint8Array)
    return kind._over(bytearray(view.tobytes()))


def _index(value: Any) -> int:
    if value is None:
        return 0
    if value < 0:
        raise JsRangeError.new(f"Invalid typed array length: {js_string(value)}")
    return int(value)


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view)) if not view.readonly else 0
