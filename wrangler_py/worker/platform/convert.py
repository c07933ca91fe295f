"""Python values for JavaScript: `to_js`, and the proxies of Python objects."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterable, Sequence, Sized
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.borrowed import AFTER_CALL, is_python
from wrangler_py.worker.platform.maps import JsSet, LiteralMap
from wrangler_py.worker.platform.settings import settings
from wrangler_py.worker.platform.typed_arrays import copy_to_js, uint8_array
from wrangler_py.worker.platform.values import (
    JsException,
    JsNull,
    JsProxy,
    JsProxyMeta,
    js_object,
    js_string,
    jsnull,
    own_properties,
)


class ConversionError(Exception):
    """Pyodide's error for what cannot be converted."""


ConversionError.__module__ = "pyodide.ffi"


class JsDoubleProxy(JsProxy):
    """A Python object that JavaScript may keep, until `destroy()`."""

    js_name = "PyProxy"

    def __init__(self, target: Any = None, once: bool = False, capture_this: bool = False) -> None:
        self._target = target
        self._once = once
        self._capture_this = capture_this
        self._destroyed = False

    def __new__(cls, target: Any = None, *_: Any) -> JsDoubleProxy:
        made: JsDoubleProxy = object.__new__(_CallableProxy if callable(target) else cls)
        return made

    @property
    def typeof(self) -> str:
        return "function" if callable(self._target) else "object"

    @property
    def type(self) -> str:
        """The name of the Python object's class."""
        return type(self.unwrap()).__name__

    def toJs(self, options: Any = None, **named: Any) -> Any:
        return to_js(self.unwrap(), **named)

    def copy(self) -> JsDoubleProxy:
        """Another proxy of the object, with a life of its own."""
        made: JsDoubleProxy = JsDoubleProxy.new(self.unwrap(), self._once, self._capture_this)
        return made

    def unwrap(self) -> Any:
        """The Python object. Raises JsException once the proxy is destroyed."""
        if self._destroyed:
            raise JsException.new(
                "OnceProxy can only be called once" if self._once else "Object has already been destroyed"
            )
        return self._target

    def destroy(self) -> None:
        self._destroyed = True
        self._target = None

    def getBuffer(self, kind: Any = None) -> Any:
        return _PyBuffer.new(self.unwrap())

    def toString(self) -> str:
        return str(self.unwrap())

    def __len__(self) -> int:
        return len(self.unwrap())

    def __bool__(self) -> bool:
        return True

    def _own_properties(self) -> dict[str, Any]:
        return own_properties(self._target) if isinstance(self._target, dict) else {}

    def __getitem__(self, key: Any) -> Any:
        target = self.unwrap()
        if isinstance(target, Sequence) or (isinstance(target, dict) and not settings.dicts_become_objects):
            return target[key]
        raise IndexError(key) if isinstance(key, int) else TypeError(f"{type(target).__name__} has no such item")

    def __await__(self) -> Generator[Any, None, Any]:
        target = self.unwrap()
        if not inspect.isawaitable(target):
            raise TypeError(f"object {type(target).__name__} can't be used in 'await' expression")
        return target.__await__()

    def __iter__(self) -> Any:
        return iter(self.unwrap())

    def __aiter__(self) -> Any:
        target = self.unwrap()
        if not hasattr(target, "__aiter__"):
            raise TypeError(f"'async for' requires an object with __aiter__ method, got {type(target).__name__}")
        return aiter(target)

    def __getattr__(self, name: str) -> Any:
        target = self.unwrap() if name in {"__name__", "__doc__"} or not name.startswith("_") else None
        if target is None:
            raise AttributeError(name)
        if name == "length" and isinstance(target, Sized):
            return len(target)
        if isinstance(target, dict) and settings.dicts_have_properties and name in target:
            return target[name]
        return getattr(target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        target = self.unwrap()
        if isinstance(target, dict) and settings.dicts_have_properties:
            target[name] = value
        else:
            setattr(target, name, value)


class _CallableProxy(JsDoubleProxy):
    """The proxy of a Python object that can be called."""

    js_name = "PyProxy"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        target = self.unwrap()
        if self._once:
            self.destroy()
        if keywords:
            args += (js_object(keywords),)
        return target(None, *args) if self._capture_this else target(*args)

    def call(self, this: Any = None, *args: Any) -> Any:
        return self.unwrap()(this, *args) if self._capture_this else self(*args)

    def apply(self, this: Any = None, args: Any = None) -> Any:
        return self.call(this, *(() if args is None or args is jsnull else args))

    def bind(self, this: Any = None, *args: Any) -> Any:
        return create_proxy(functools.partial(self.call, this, *args))


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
    return JsDoubleProxy.new(obj, False, capture_this)


def create_once_callable(obj: Any, /, *, _may_syncify: bool = False) -> Any:
    """A function that JavaScript may call once."""
    return JsDoubleProxy.new(obj, True)


def destroy_proxies(proxies: Any, /) -> None:
    """Destroy the proxies that an Array holds. Raises TypeError for a list of Python's."""
    if not isinstance(proxies, JsArray):
        raise TypeError("object is not a JsProxy: to_js makes an Array of a list, or js.Array.new()")
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


_NOT_GIVEN: Final = object()
"""The default of arguments for which None is a value."""


def to_js(
    obj: Any,
    /,
    *,
    depth: int = -1,
    pyproxies: Any = _NOT_GIVEN,
    create_pyproxies: bool = True,
    dict_converter: Any = _NOT_GIVEN,
    default_converter: Any = _NOT_GIVEN,
    eager_converter: Callable[[Any, Callable[[Any], Any], Callable[[Any, Any], None]], Any] | None = None,
) -> Any:
    """Convert Python to JavaScript as Pyodide does.

    A dict becomes a Map (an object from Pyodide 0.29 on), unless `dict_converter` makes something else of its
    pairs. bytes become a Uint8Array. What has no counterpart goes to `default_converter`, or becomes a proxy.
    None for a converter is no default: Pyodide fails when it calls it.
    """
    if pyproxies is not _NOT_GIVEN and not isinstance(pyproxies, JsProxy):
        raise TypeError("pyproxies must be an Array of JavaScript: js.Array.new()")
    conversion = _ToJs(pyproxies, create_pyproxies, dict_converter, default_converter, eager_converter)
    return conversion.convert(obj, depth, is_part=False)


class _ToJs:
    """One conversion of a Python object. What is found twice is converted once."""

    def __init__(
        self,
        pyproxies: Any,
        create_pyproxies: bool,
        dict_converter: Any,
        default_converter: Any,
        eager_converter: Any,
    ) -> None:
        self._pyproxies, self._create_pyproxies = pyproxies, create_pyproxies
        self._dict_converter, self._default_converter = dict_converter, default_converter
        self._eager_converter = eager_converter
        self._cache: dict[int, Any] = {}

    def convert(self, value: Any, depth: int, *, is_part: bool = True) -> Any:
        """A value, which is a part of another, or the whole."""
        if self._eager_converter is not None and not isinstance(value, _UNCHANGED):
            return self._asked(
                self._eager_converter, value, lambda inner: self._plain(inner, depth, is_part), self._remember
            )
        return self._plain(value, depth, is_part)

    def _plain(self, value: Any, depth: int, is_part: bool) -> Any:
        if isinstance(value, _UNCHANGED):
            return str.__str__(value) if is_part and isinstance(value, str) else value
        if id(value) in self._cache:
            return self._cache[id(value)]
        if depth == 0:
            return self._proxy(value, is_part)
        if isinstance(value, list | tuple):
            array = js_array([])
            self._remember(value, array)
            array._items.extend(self.convert(item, depth - 1) for item in value)
            return array
        if isinstance(value, dict):
            return self._dict(value, depth)
        if isinstance(value, set):
            return JsSet.new([self.convert(_as_key(item, "Set"), depth - 1) for item in value])
        if isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "__buffer__") or _has_memory(value):
            return _copied(value)
        if self._default_converter is not _NOT_GIVEN:
            converted = self._asked(
                self._default_converter, value, lambda inner: self.convert(inner, depth - 1), self._remember
            )
            return converted if converted is not value else self._proxy(value, is_part)
        return self._proxy(value, is_part)

    def _remember(self, value: Any, converted: Any) -> None:
        self._cache[id(value)] = converted

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if self._dict_converter is not _NOT_GIVEN:
            pairs = [js_array([_as_key(key, "Map"), self.convert(item, depth - 1)]) for key, item in value.items()]
            converted = self._asked(self._dict_converter, js_array(pairs))
            self._remember(value, converted)
            return converted
        if settings.dicts_become_objects:
            made = js_object({})
            self._remember(value, made)
            properties = own_properties(made)
            for key, item in value.items():
                name = js_string(_as_key(key, "Map"))
                if name in properties or name in _OF_EVERY_OBJECT:
                    raise ConversionError(
                        f"Key collision when converting Python dictionary to JavaScript. Key: {key!r}"
                    )
                properties[name] = self.convert(item, depth - 1)
            return made
        made_map: LiteralMap = LiteralMap.new()
        self._remember(value, made_map)
        for key, item in value.items():
            made_map[_as_key(key, "Map")] = self.convert(item, depth - 1)
        return made_map

    def _asked(self, converter: Any, *arguments: Any) -> Any:
        """What a converter of the program gives. Raises ConversionError for its exceptions."""
        try:
            return converter(*arguments)
        except Exception as error:
            raise ConversionError("Conversion from python to javascript failed") from error

    def _proxy(self, value: Any, is_part: bool) -> Any:
        """The proxy of an object. In another it is the object itself, which Python gets when it reads the part."""
        if not self._create_pyproxies:
            raise ConversionError(f"No conversion known for {value!r}")
        if isinstance(self._pyproxies, JsArray):
            proxy = create_proxy(value)
            self._pyproxies.push(proxy)
            return proxy
        return value if is_part else create_proxy(value)


_OF_EVERY_OBJECT: Final = frozenset({
    *("toString", "valueOf", "hasOwnProperty", "constructor", "isPrototypeOf", "propertyIsEnumerable"),
    *("toLocaleString", "__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__"),
    "__lookupSetter__",
})  # fmt: skip
"""Properties that every object has in JavaScript: `to_js` refuses dicts with such a key."""


def _copied(value: Any) -> Any:
    """A typed array with what is in memory; an Array of them for memory with several dimensions."""
    view = memoryview(value)
    if view.format in {"u", "w"}:
        raise ConversionError(f"No type of JavaScript's for elements of format {view.format!r}")
    if view.ndim <= 1:
        return copy_to_js(value)
    if not view.c_contiguous:
        raise ConversionError("Only memory in the order of C is converted")
    form: Any = view.format
    kind = copy_to_js(view.cast("B").cast(form)).constructor
    return _rows(view.tolist(), kind, view.ndim)


def _rows(rows: list[Any], kind: Any, dimensions: int) -> Any:
    return (
        kind.new(js_array(rows))
        if dimensions == 1
        else js_array([_rows(row, kind, dimensions - 1) for row in rows])
    )


_UNCHANGED: Final = str | bool | int | float | JsProxy | JsProxyMeta | JsNull | None


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
