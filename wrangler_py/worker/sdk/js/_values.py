"""JavaScript values as Python sees them: objects, arrays, maps, and the conversions between the two."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any


class JsException(Exception):
    """An error thrown by a JavaScript API."""

    def __init__(self, message: str, name: str = "Error") -> None:
        super().__init__(message)
        self.message = message
        self.name = name


class JsProxy:
    """Base of everything that stands for a JavaScript value."""

    @property
    def js_id(self) -> int:
        return id(self)

    @property
    def typeof(self) -> str:
        return "object"

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> Any:
        """The value as plain Python. A value without a Python counterpart stays what it is."""
        return self

    def destroy(self) -> None:
        """Nothing to release: here Python's own garbage collection takes care of it."""


class JsObject(JsProxy):
    """A plain object: its properties are attributes. As on the platform it is no dict: `to_py()` makes one."""

    _values: dict[str, Any]

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        object.__setattr__(self, "_values", {} if values is None else values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __delattr__(self, name: str) -> None:
        del self._values[name]

    def __dir__(self) -> list[str]:
        return [*self._values, "to_py"]

    def __getitem__(self, key: object) -> Any:
        raise TypeError(f"A JavaScript object has attributes, not items: write .{key}, or call to_py() for a dict")

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> dict[str, Any]:
        return {name: to_py(value) for name, value in self._values.items()}

    def as_object_map(self, *, hereditary: bool = False) -> dict[str, Any]:
        """The properties as a mapping that writes through."""
        return self._values

    def object_keys(self) -> JsArray:
        return JsArray(self._values)

    def object_values(self) -> JsArray:
        return JsArray(self._values.values())

    def object_entries(self) -> JsArray:
        return JsArray(JsArray(pair) for pair in self._values.items())

    def __repr__(self) -> str:
        return stringify(self) or "[object Object]"

    __str__ = __repr__


class JsArray(list[Any], JsProxy):
    """An array."""

    @property
    def length(self) -> int:
        return len(self)

    def push(self, *values: Any) -> int:
        self.extend(values)
        return len(self)

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> list[Any]:
        return [to_py(value) for value in self]


class JsLookup(JsProxy):
    """What has `get`, `has`, `set` and `delete` is also used as a mapping: `headers["accept"]`, None if missing."""

    get: Callable[[str], Any]
    has: Callable[[str], bool]
    set: Callable[[str, Any], None]
    delete: Callable[[str], None]

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.has(name)


class JsMap(dict[Any, Any], JsProxy):
    """A `Map`."""

    @property
    def size(self) -> int:
        return len(self)

    def set(self, key: Any, value: Any) -> JsMap:
        self[key] = value
        return self

    def has(self, key: Any) -> bool:
        return key in self

    def entries(self) -> JsArray:
        return JsArray(JsArray(pair) for pair in self.items())

    @classmethod
    def new(cls, entries: Iterable[Any] = ()) -> JsMap:
        return cls((pair[0], pair[1]) for pair in entries)

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> dict[Any, Any]:
        return {to_py(key): to_py(value) for key, value in self.items()}


class Object:
    """JavaScript's `Object`: its static functions."""

    @staticmethod
    def new() -> JsObject:
        return JsObject()

    @staticmethod
    def fromEntries(entries: Iterable[Any]) -> JsObject:
        """An object from (name, value) pairs: the `dict_converter` that `to_js` is given."""
        pairs = entries.items() if isinstance(entries, dict) else entries
        return JsObject({str(pair[0]): pair[1] for pair in pairs})

    @staticmethod
    def keys(value: Any) -> JsArray:
        return JsArray(properties(value))

    @staticmethod
    def values(value: Any) -> JsArray:
        return JsArray(properties(value).values())

    @staticmethod
    def entries(value: Any) -> JsArray:
        return JsArray(JsArray(pair) for pair in properties(value).items())

    @staticmethod
    def assign(target: Any, *sources: Any) -> Any:
        for source in sources:
            for name, value in properties(source).items():
                setattr(target, name, value)
        return target


class JSON:
    """JavaScript's `JSON`."""

    @staticmethod
    def stringify(value: Any, replacer: Any = None, space: int | str | None = None) -> str | None:
        """JSON text; None (JavaScript's undefined) for what has none."""
        return stringify(value, space)

    @staticmethod
    def parse(text: str) -> Any:
        """A JavaScript value from JSON text. Raises JsException (SyntaxError) for text that is none."""
        try:
            return from_json_value(json.loads(text))
        except ValueError as error:
            raise JsException(f"Unexpected token in JSON: {error}", "SyntaxError") from None


def properties(value: Any) -> dict[str, Any]:
    """The own properties of a JavaScript value, or of the Python dict given in its place."""
    if isinstance(value, JsObject):
        return value._values
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    if value is None:
        return {}
    object_entries = getattr(value, "object_entries", None)
    return {} if object_entries is None else {pair[0]: pair[1] for pair in object_entries()}


def stringify(value: Any, space: int | str | None = None) -> str | None:
    if isinstance(value, dict) and not isinstance(value, JsMap):
        raise TypeError(
            "A Python dict is no JavaScript object: pass to_js(value, dict_converter=Object.fromEntries), "
            "or use Python's json.dumps"
        )
    if callable(value):
        return None
    separators = (",", ":") if not space else (",", ": ")
    return json.dumps(
        {} if isinstance(value, JsMap) else to_py(value),
        indent=space or None,
        separators=separators,
        ensure_ascii=False,
    )


def from_json_value(value: Any) -> Any:
    """What JSON holds, as JavaScript values: objects and arrays."""
    if isinstance(value, dict):
        return JsObject({name: from_json_value(item) for name, item in value.items()})
    if isinstance(value, list):
        return JsArray(from_json_value(item) for item in value)
    return value


def to_py(value: Any) -> Any:
    """A JavaScript value as plain Python; everything else as it is."""
    return value.to_py() if isinstance(value, JsProxy) else value


def to_js(
    obj: Any,
    /,
    *,
    depth: int = -1,
    pyproxies: Any = None,
    create_pyproxies: bool = True,
    dict_converter: Callable[[Iterable[Any]], Any] | None = None,
    default_converter: Callable[[Any, Callable[[Any], Any], Callable[[Any, Any], None]], Any] | None = None,
) -> Any:
    """Convert Python to JavaScript as Pyodide does.

    A dict becomes a `Map`, unless `dict_converter` (most often `Object.fromEntries`) makes something else of
    its pairs. bytes become a `Uint8Array`. What has no counterpart goes to `default_converter`, or stays.
    """

    def convert(value: Any, levels: int) -> Any:
        if value is None or isinstance(value, str | bool | int | float | JsProxy) or levels == 0:
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            from wrangler_py.worker.sdk.js._buffers import Uint8Array

            return Uint8Array(value)
        if isinstance(value, list | tuple):
            return JsArray(convert(item, levels - 1) for item in value)
        if isinstance(value, dict):
            pairs = JsArray(JsArray((key, convert(item, levels - 1))) for key, item in value.items())
            return JsMap.new(pairs) if dict_converter is None else dict_converter(pairs)
        if default_converter is not None:
            return default_converter(value, lambda inner: convert(inner, levels - 1), lambda _value, _result: None)
        return value

    return convert(obj, depth)
