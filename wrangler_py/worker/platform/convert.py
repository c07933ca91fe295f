"""Python values for JavaScript: `to_js`, and the proxies of Python objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable
from typing import Any

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.borrowed import AFTER_CALL, is_python
from wrangler_py.worker.platform.maps import JsMap, JsSet
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.typed_arrays import copy_to_js, uint8_array
from wrangler_py.worker.platform.values import (
    JsException,
    JsNull,
    JsProxy,
    JsProxyMeta,
    js_object,
    js_string,
    own_properties,
)


class ConversionError(Exception):
    """Pyodide's error for what cannot be converted."""


ConversionError.__module__ = "pyodide.ffi"


class JsDoubleProxy(JsProxy):
    """A Python object that JavaScript may keep, until `destroy()`."""

    js_name = "PyProxy"

    def __init__(self, target: Any = None, once: bool = False) -> None:
        self._target = target
        self._once = once
        self._destroyed = False

    @property
    def typeof(self) -> str:
        return "function" if callable(self._target) else "object"

    @property
    def type(self) -> str:
        """The name of the Python object's class."""
        return type(self.unwrap()).__name__

    def toJs(self, options: Any = None, **named: Any) -> Any:
        return to_js(self.unwrap(), **named)

    def unwrap(self) -> Any:
        """The Python object. Raises JsException once the proxy is destroyed."""
        if self._destroyed:
            raise JsException.new("Object has already been destroyed")
        return self._target

    def destroy(self) -> None:
        self._destroyed = True
        self._target = None

    def getBuffer(self, kind: Any = None) -> Any:
        return _PyBuffer.new(self.unwrap())

    def toString(self) -> str:
        return str(self.unwrap())

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        target = self.unwrap()
        if self._once:
            self.destroy()
        return target(*args, **keywords)

    def __await__(self) -> Generator[Any, None, Any]:
        target = self.unwrap()
        if not inspect.isawaitable(target):
            raise TypeError(f"object {type(target).__name__} can't be used in 'await' expression")
        return target.__await__()

    def __iter__(self) -> Any:
        return iter(self.unwrap())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.unwrap(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self.unwrap(), name, value)


class _PyBuffer(JsProxy):
    """The result of `getBuffer()`: a view of a Python object's memory."""

    js_name = "PyBuffer"

    def __init__(self, target: Any = None) -> None:
        self._view = memoryview(target)
        self.data = uint8_array(self._view if self._view.contiguous else self._view.tobytes())
        self.readonly = self._view.readonly
        self.nbytes = self._view.nbytes
        self.format = self._view.format

    def release(self) -> None:
        """Give the memory back. Whoever kept a view of it copied it before."""


def create_proxy(obj: Any, /, *, capture_this: bool = False, roundtrip: bool = True) -> Any:
    """Give a Python object to JavaScript for longer than a call."""
    return JsDoubleProxy.new(obj)


def create_once_callable(obj: Any, /, *, _may_syncify: bool = False) -> Any:
    """A function that JavaScript may call once."""
    return JsDoubleProxy.new(obj, True)


def destroy_proxies(proxies: Any, /) -> None:
    """Destroy the proxies that an Array holds."""
    for proxy in proxies:
        proxy.destroy()


def unwrap(value: Any) -> Any:
    """The Python object behind a proxy; every other value as it is."""
    return value.unwrap() if isinstance(value, JsDoubleProxy) else value


def kept_callback(function: Any) -> Any:
    """A callback that is called after the function it was passed to has returned.

    Pyodide destroys the proxy of a plain Python function by then: calling it raises JsException.
    """
    if function is None or isinstance(function, JsProxy | JsProxyMeta) or not is_python(function):
        return function

    def destroyed(*_args: Any) -> Any:
        error: Any = JsException.new(AFTER_CALL)
        error.function = function
        raise error

    return destroyed


def from_entries(entries: Iterable[Any]) -> Any:
    """JavaScript's `Object.fromEntries`."""
    return js_object({str(key): value for key, value in entries})


def to_js(
    obj: Any,
    /,
    *,
    depth: int = -1,
    pyproxies: Any = None,
    create_pyproxies: bool = True,
    dict_converter: Callable[[Iterable[Any]], Any] | None = None,
    default_converter: Callable[[Any, Callable[[Any], Any], Callable[[Any, Any], None]], Any] | None = None,
    eager_converter: Callable[[Any, Callable[[Any], Any], Callable[[Any, Any], None]], Any] | None = None,
) -> Any:
    """Convert Python to JavaScript as Pyodide does.

    A dict becomes a Map (an object from Pyodide 0.29 on), unless `dict_converter` makes something else of its
    pairs. bytes become a Uint8Array. What has no counterpart goes to `default_converter`, or becomes a proxy.
    """
    cache: dict[int, Any] = {}

    def remember(value: Any, converted: Any) -> None:
        cache[id(value)] = converted

    def convert(value: Any, levels: int = depth) -> Any:
        if eager_converter is not None and not isinstance(value, _UNCHANGED):
            return eager_converter(value, lambda inner: plain(inner, levels), remember)
        return plain(value, levels)

    def plain(value: Any, levels: int) -> Any:
        if isinstance(value, _UNCHANGED):
            return value
        if id(value) in cache:
            return cache[id(value)]
        if levels == 0:
            return proxy_of(value)
        if isinstance(value, list | tuple):
            array = js_array([])
            cache[id(value)] = array
            array._items.extend(convert(item, levels - 1) for item in value)
            return array
        if isinstance(value, dict):
            return convert_dict(value, levels)
        if isinstance(value, set):
            return JsSet.new([convert(_as_key(item, "Set"), levels - 1) for item in value])
        if isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "__buffer__") or _has_memory(value):
            return copy_to_js(value)
        if default_converter is not None:
            converted = default_converter(value, lambda inner: convert(inner, levels - 1), remember)
            return converted if converted is not value else proxy_of(value)
        return proxy_of(value)

    def convert_dict(value: dict[Any, Any], levels: int) -> Any:
        if dict_converter is not None:
            pairs = [js_array([_as_key(key, "Map"), convert(item, levels - 1)]) for key, item in value.items()]
            converted = dict_converter(js_array(pairs))
            cache[id(value)] = converted
            return converted
        if settings.dicts_are_objects:
            made = js_object({})
            cache[id(value)] = made
            own_properties(made).update(
                (js_string(_as_key(key, "Map")), convert(item, levels - 1)) for key, item in value.items()
            )
            return made
        made_map = JsMap.new()
        cache[id(value)] = made_map
        for key, item in value.items():
            made_map.set(_as_key(key, "Map"), convert(item, levels - 1))
        return made_map

    def proxy_of(value: Any) -> Any:
        if not create_pyproxies:
            raise ConversionError(f"No conversion known for {value!r}")
        proxy = create_proxy(value)
        if isinstance(pyproxies, JsArray):
            pyproxies.push(proxy)
        return proxy

    return convert(obj)


_UNCHANGED = str | bool | int | float | JsProxy | JsProxyMeta | JsNull | None


def _as_key(key: Any, of: str) -> Any:
    """A key of a Map, or an element of a Set. Raises ConversionError for what JavaScript would not find again."""
    if isinstance(key, _UNCHANGED):
        return key
    raise ConversionError(f"Cannot use {key!r} as a key for a Javascript {of}")


def _has_memory(value: Any) -> bool:
    try:
        with memoryview(value):
            return True
    except TypeError:
        return False
