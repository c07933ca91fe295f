"""ArrayBuffer, and the base of everything that is memory of JavaScript's."""

from __future__ import annotations

import weakref
from typing import Any

from wrangler_py.worker.platform.array_methods import end_place, place
from wrangler_py.worker.platform.js_big_int import is_big
from wrangler_py.worker.platform.not_emulated import Lacking
from wrangler_py.worker.platform.numbers import to_integer
from wrangler_py.worker.platform.values import JsProxy, JsRangeError, JsTypeError, ToPy


class JsBuffer(JsProxy):
    """Memory, with the methods that Pyodide gives every buffer."""

    __slots__ = ("__dict__", "__weakref__")

    def memory(self) -> memoryview:
        """The bytes, as one flat view that writes through where the memory is writable."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Become empty, because the buffer was detached."""

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

        try:
            return str(self.memory(), encoding or "utf-8")
        except (UnicodeDecodeError, LookupError):
            raise ValueError("Failed to decode the buffer") from None

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
    """An ArrayBuffer.

    It knows the views of it that programs may have, because they are empty once it is detached.
    """

    resize = Lacking()

    __slots__ = ("_data", "_views")

    _data: memoryview
    _views: list[weakref.ref[JsBuffer]] | None

    def __init__(self, length: Any = 0, _options: Any = None) -> None:
        self._data = memoryview(bytearray(position(length, "Invalid array buffer length")))
        self._views = []

    def memory(self) -> memoryview:
        return self._data

    @property
    def resizable(self) -> bool:
        return False

    @property
    def detached(self) -> bool:
        return self._views is None

    @property
    def maxByteLength(self) -> int:
        return len(self._data)

    def slice(self, start: Any = None, end: Any = None) -> ArrayBuffer:
        length = len(self._data)
        return array_buffer(bytearray(self._data[place(start, length) : end_place(end, length)]))

    def transfer(self, length: Any = None) -> ArrayBuffer:
        """A buffer with the same content, padded or cut to a length. This one is detached."""
        content = self.detach()
        if length is None:
            return array_buffer(content)
        size = position(length, "Invalid array buffer length")
        return array_buffer(bytearray(content[:size]).ljust(size, b"\0"))

    transferToFixedLength = transfer

    def detach(self) -> memoryview:
        """The memory, which this buffer and its views lose. Raises TypeError if it has none any more."""
        if self._views is None:
            raise JsTypeError.new("Cannot perform ArrayBuffer.prototype.transfer on a detached ArrayBuffer")
        content, self._data = self._data, memoryview(bytearray())
        views, self._views = self._views, None
        for reference in views:
            view = reference()
            if view is not None:
                view.let_go()
        return content

    def has_view(self, view: JsBuffer) -> None:
        """Note a view of this buffer."""
        if self._views is None:
            raise JsTypeError.new("Cannot perform Construct on a detached ArrayBuffer")
        self._views = [known for known in self._views if known() is not None]
        self._views.append(weakref.ref(view))

    @classmethod
    def isView(cls, value: Any = None) -> bool:
        return isinstance(value, JsBuffer) and not isinstance(value, ArrayBuffer)


def array_buffer(data: bytes | bytearray | memoryview) -> ArrayBuffer:
    """An ArrayBuffer over this memory, which is not copied."""
    made = object.__new__(ArrayBuffer)
    made._data, made._views = memoryview(data).cast("B"), []
    return made


def position(value: Any, wrong: str) -> int:
    """A length or an offset. Raises RangeError with text `wrong` for one that can't be."""
    if is_big(value):
        raise JsTypeError.new("Cannot convert a BigInt value to a number")
    given = to_integer(value)
    if not 0 <= given < 2**53:
        raise JsRangeError.new(wrong)
    return int(given)
