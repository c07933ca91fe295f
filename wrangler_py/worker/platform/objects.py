"""`Object`, `structuredClone`, and the rest of the language's functions."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.platform.arguments import MISSING, entries_of
from wrangler_py.worker.platform.blobs import Blob, File
from wrangler_py.worker.platform.bodies import Message
from wrangler_py.worker.platform.buffers import ArrayBuffer, DataView, TypedArray, array_buffer
from wrangler_py.worker.platform.containers import JsArray, JsMap, JsSet, iterate, js_array
from wrangler_py.worker.platform.values import (
    DOMException,
    JsException,
    JsObject,
    JsProxy,
    JsTypeError,
    js_function,
    js_object,
    js_string,
    jsnull,
    own_properties,
)


class Object:
    """`Object`: a function, with functions. `isinstance(value, Object)` is not for it: use `typeof`."""

    name = "Object"
    typeof = "function"

    @js_function
    def new(self, value: Any = None) -> Any:
        return js_object({}) if value is None or value is jsnull else value

    __call__ = new

    @staticmethod
    def fromEntries(entries: Any = None) -> JsObject:
        if entries is None or entries is jsnull:
            raise JsTypeError.new(f"{js_string(entries)} is not iterable")
        if isinstance(entries, JsObject):
            raise JsTypeError.new("object is not iterable (cannot read property Symbol(Symbol.iterator))")
        entries = entries.items() if isinstance(entries, dict) else entries_of(entries)
        return js_object({js_string(pair[0]): pair[1] for pair in iterate(entries)})

    @staticmethod
    def keys(value: Any = None) -> JsArray:
        return js_array(list(_properties(value)))

    @staticmethod
    def values(value: Any = None) -> JsArray:
        return js_array(list(_properties(value).values()))

    @staticmethod
    def entries(value: Any = None) -> JsArray:
        return js_array([js_array(list(pair)) for pair in _properties(value).items()])

    getOwnPropertyNames = keys

    @staticmethod
    def assign(target: Any = None, *sources: Any) -> Any:
        if target is None or target is jsnull:
            raise JsTypeError.new("Cannot convert undefined or null to object")
        for source in sources:
            for name, value in ({} if source is None or source is jsnull else _properties(source)).items():
                setattr(target, name, value)
        return target

    @staticmethod
    def is_(one: Any = None, other: Any = None) -> bool:
        if isinstance(one, float) and isinstance(other, float) and one != one and other != other:
            return True
        simple = (str, int, float)
        return one is other or (isinstance(one, simple) and isinstance(other, simple) and one == other)

    @staticmethod
    def freeze(value: Any = None) -> Any:
        return value

    @staticmethod
    def hasOwn(value: Any = None, name: Any = None) -> bool:
        return js_string(name) in _properties(value)

    @staticmethod
    def getPrototypeOf(value: Any = None) -> Any:
        return getattr(value, "constructor", jsnull)

    def __repr__(self) -> str:
        return "function Object() { [native code] }"


object_function = Object()


def _properties(value: Any) -> dict[str, Any]:
    if value is None or value is jsnull:
        raise JsTypeError.new("Cannot convert undefined or null to object")
    if isinstance(value, str):
        return {str(index): character for index, character in enumerate(value)}
    return own_properties(value)


def structuredClone(value: Any = MISSING, options: Any = None) -> Any:
    """A deep copy. Raises DataCloneError for what cannot be copied."""
    return _Copier().copy(None if value is MISSING else value)


class _Copier:
    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        if value is None or value is jsnull or isinstance(value, str | bool | int | float):
            return value
        if id(value) not in self._known:
            self._known[id(value)] = None
            self._copy_object(value)
        return self._known[id(value)]

    def _copy_object(self, value: Any) -> None:
        known = self._known
        if isinstance(value, JsArray):
            known[id(value)] = array = js_array([])
            array.extend([self.copy(item) for item in value])
        elif isinstance(value, JsMap):
            known[id(value)] = copied = JsMap.new()
            for key, item in value.items():
                copied.set(self.copy(key), self.copy(item))
        elif isinstance(value, JsSet):
            known[id(value)] = JsSet.new([self.copy(item) for item in value])
        elif isinstance(value, JsObject):
            values: dict[str, Any] = {}
            known[id(value)] = js_object(values)
            values.update((name, self.copy(item)) for name, item in own_properties(value).items())
        else:
            known[id(value)] = self._copy_other(value)

    def _copy_other(self, value: Any) -> Any:
        if isinstance(value, JsProxy) and value.constructor.name == "Date":
            return value.constructor.new(value)
        if isinstance(value, ArrayBuffer):
            return array_buffer(bytearray(value.memory()))
        if isinstance(value, TypedArray):
            return value.slice()
        if isinstance(value, DataView):
            return DataView.new(self.copy(value.buffer), value.byteOffset, value.byteLength)
        if isinstance(value, File | Blob):
            return value
        if isinstance(value, JsException):
            copied = type(value).new(value.message)
            copied.name = value.name
            return copied
        if isinstance(value, Message) and value._body is not None:
            raise DOMException.new("ReadableStream can only be serialized for RPC.", "DataCloneError")
        if isinstance(value, JsProxy) and not callable(value):
            raise DOMException.new(f"{value.toString()} could not be cloned.", "DataCloneError")
        raise DOMException.new(f"{value!r} could not be cloned.", "DataCloneError")
