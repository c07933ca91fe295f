"""`pyodide.ffi`: conversions and proxies."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.platform import js_big_int
from wrangler_py.worker.platform.blocking import can_run_sync, run_sync
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.convert import (
    ConversionError,
    JsDoubleProxy,
    create_once_callable,
    create_proxy,
    destroy_proxies,
    to_js,
)
from wrangler_py.worker.platform.iterators import JsIterator
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.typed_arrays import TypedArray as JsTypedArray
from wrangler_py.worker.platform.values import JsException, JsNull, JsProxy, JsProxyMeta, jsnull

IN_PYODIDE = True


class InternalError(Exception):
    """Pyodide's error for a failure of its own."""


class _KindMeta(JsProxyMeta):
    """A kind of JavaScript objects, told by what they can do."""

    _methods: tuple[str, ...]

    def __instancecheck__(cls, instance: Any) -> bool:
        if isinstance(instance, JsDoubleProxy):
            instance = instance.unwrap()
        elif not isinstance(instance, JsProxy | JsProxyMeta):
            return False
        return all(getattr(instance, method, None) is not None for method in cls._methods)


class JsArray(JsProxy, metaclass=_KindMeta):
    """Arrays, typed ones included."""

    _methods = ("__len__", "__getitem__", "__reversed__")


class JsIterable(JsProxy, metaclass=_KindMeta):
    """Objects that Python can loop over."""

    _methods = ("__iter__",)


class JsAsyncIterable(JsProxy, metaclass=_KindMeta):
    """Objects that `async for` can loop over."""

    _methods = ("__aiter__",)


class JsAsyncIterator(JsProxy, metaclass=_KindMeta):
    """Asynchronous iterators."""

    _methods = ("__anext__",)


class JsGenerator(JsProxy, metaclass=_KindMeta):
    """Generators."""

    _methods = ("__iter__", "send")


class JsAsyncGenerator(JsProxy, metaclass=_KindMeta):
    """Asynchronous generators."""

    _methods = ("__aiter__", "asend")


class JsFetchResponse(JsProxy, metaclass=_KindMeta):
    """Responses."""

    _methods = ("statusText", "arrayBuffer")


class JsMap(JsProxy, metaclass=_KindMeta):
    """Maps, and what has items by key as they do."""

    _methods = ("get", "__len__", "__getitem__", "keys")


class JsMutableMap(JsProxy, metaclass=_KindMeta):
    """Maps that can be changed."""

    _methods = ("get", "__len__", "__getitem__", "keys", "__setitem__")


class JsCallable(JsProxy, metaclass=_KindMeta):
    """Functions."""

    _methods = ("__call__",)


class JsDomElement(JsProxy):
    """Elements of a page: Workers have none."""


class JsOnceCallable(JsCallable):
    """Functions to call once."""


class JsCallableDoubleProxy(JsDoubleProxy):
    """Proxies of Python functions."""


class JsWeakRef(JsProxy):
    """Weak references."""


class _ToJsConverter:
    """The type of functions that `to_js` takes as converters."""


ToJsConverter = _ToJsConverter


def register_js_module(name: str, module: Any) -> None:
    """Make a JavaScript object importable under a name."""
    import sys

    sys.modules[name] = module


def unregister_js_module(name: str) -> None:
    """Undo `register_js_module`."""
    import sys

    sys.modules.pop(name, None)


def __getattr__(name: str) -> Any:
    if name == "JsBigInt" and settings.has_big_int_class:
        return js_big_int.JsBigInt
    raise AttributeError(f"module 'pyodide.ffi' has no attribute {name!r}")


__all__ = [
    "IN_PYODIDE",
    "ConversionError",
    "InternalError",
    "JsArray",
    "JsAsyncGenerator",
    "JsAsyncIterable",
    "JsAsyncIterator",
    "JsBuffer",
    "JsCallable",
    "JsCallableDoubleProxy",
    "JsDomElement",
    "JsDoubleProxy",
    "JsException",
    "JsFetchResponse",
    "JsGenerator",
    "JsIterable",
    "JsIterator",
    "JsMap",
    "JsMutableMap",
    "JsNull",
    "JsOnceCallable",
    "JsPromise",
    "JsProxy",
    "JsTypedArray",
    "JsWeakRef",
    "ToJsConverter",
    "can_run_sync",
    "create_once_callable",
    "create_proxy",
    "destroy_proxies",
    "jsnull",
    "register_js_module",
    "run_sync",
    "to_js",
    "unregister_js_module",
]
