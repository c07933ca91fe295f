"""`structuredClone`."""

from __future__ import annotations

from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, not_of_type, options_argument, wrong_field
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.blobs import Blob, File
from wrangler_py.worker.platform.bodies import Message
from wrangler_py.worker.platform.buffers import ArrayBuffer, array_buffer
from wrangler_py.worker.platform.data_views import DataView
from wrangler_py.worker.platform.dom_exception import DOMException
from wrangler_py.worker.platform.headers import Headers, copy_of
from wrangler_py.worker.platform.maps import JsMap, JsSet, LiteralMap
from wrangler_py.worker.platform.typed_arrays import TypedArray
from wrangler_py.worker.platform.values import (
    JsException,
    JsObject,
    JsProxy,
    JsTypeError,
    js_function,
    js_object,
    member,
    own_properties,
)

_STREAMS: Final = frozenset({"ReadableStream", "WritableStream"})
_LANGUAGE: Final = frozenset({"Promise", "WeakMap", "WeakSet", "Function", "Iterator"})
"""Objects of JavaScript itself, which its own message names."""


@js_function
def structuredClone(value: Any = MISSING, options: Any = None) -> Any:
    """A deep copy. Raises DataCloneError for what cannot be copied."""
    if value is MISSING:
        raise not_of_type("ServiceWorkerGlobalScope", 1, "Value", "structuredClone")
    given = options_argument(options, "ServiceWorkerGlobalScope", 2, "StructuredCloneOptions", "structuredClone")
    transferred = member(given, "transfer")
    copied = _Copier().copy(value)
    if transferred is not None and not isinstance(transferred, JsArray):
        raise wrong_field("transfer", "StructuredCloneOptions", "Array")
    for buffer in () if transferred is None else transferred:
        if not isinstance(buffer, ArrayBuffer):
            raise JsTypeError.new("Object is not transferable")
        if not buffer.detached:
            buffer.detach()
    return copied


class _Copier:
    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        if not isinstance(value, JsProxy):
            if value is None or isinstance(value, str | bool | int | float) or type(value).__name__ == "JsNull":
                return value
            shown = "function(){}" if callable(value) else "[object Object]"
            if type(value).__name__ == "JsModule":
                shown = "#<ServiceWorkerGlobalScope>"
            raise DOMException.new(f"{shown} could not be cloned.", "DataCloneError")
        if id(value) not in self._known:
            self._copy_object(value)
        return self._known[id(value)]

    def _copy_object(self, value: Any) -> None:
        known = self._known
        if isinstance(value, JsArray):
            known[id(value)] = array = js_array([])
            array.extend([self.copy(item) for item in value])
        elif isinstance(value, JsMap):
            if isinstance(value, LiteralMap):
                raise DOMException.new("[object Map] could not be cloned.", "DataCloneError")
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

    def _copy_other(self, value: JsProxy) -> Any:
        if value.constructor.name == "Date":
            return type(value).new(value)
        if isinstance(value, ArrayBuffer):
            return array_buffer(bytearray(value.memory()))
        if isinstance(value, TypedArray):
            return type(value).new(self.copy(value.buffer), value.byteOffset, value.length)
        if isinstance(value, DataView):
            return DataView.new(self.copy(value.buffer), value.byteOffset, value.byteLength)
        if isinstance(value, Blob) and not isinstance(value, File):
            return value
        if isinstance(value, JsException):
            copied = type(value).new()
            copied.message = value.message
            copied.name = value.name
            if hasattr(value, "cause"):
                copied.cause = self.copy(value.cause)
            return copied
        if isinstance(value, Headers):
            return copy_of(value)
        if isinstance(value, Message) and value._body is None:
            return value.clone()  # type: ignore[attr-defined]
        raise DOMException.new(_refusal(value), "DataCloneError")


def _refusal(value: JsProxy) -> str:
    name = value.constructor.name
    if isinstance(value, Message) or name in _STREAMS:
        return f"{'ReadableStream' if isinstance(value, Message) else name} can only be serialized for RPC."
    if name == "AbortSignal":
        return "AbortSignal serialization is not enabled."
    if name in _LANGUAGE:
        return f"#<{name}> could not be cloned."
    if name == "PyProxy" or callable(value):
        return f"{value.toString()} could not be cloned."
    return f'Could not serialize object of type "{name}". This type does not support serialization.'
