"""Arrays, Maps and Sets, with the Python methods that Pyodide gives them."""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    MutableMapping,
    MutableSequence,
    ValuesView,
)
from typing import Any, Final

from wrangler_py.worker.platform.borrowed import AFTER_ITERATION, AFTER_NEW, is_python, kept, readable, with_kept
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.iterators import JsIterator, JsLookup
from wrangler_py.worker.platform.values import (
    JsException,
    JsProxy,
    JsRangeError,
    JsTypeError,
    ToPy,
    js_string,
    jsnull,
)

_PLATFORM: Final = "wrangler_py.worker.platform."


class JsArray(JsProxy):
    """An Array. Indices and slices work as a Python list's; it is no `list`."""

    js_name = "Array"
    __slots__ = ("__dict__", "_items")

    _items: list[Any]

    def __init__(self, *items: Any) -> None:
        if len(items) == 1 and isinstance(items[0], int) and not isinstance(items[0], bool):
            if items[0] < 0:
                raise JsRangeError.new("Invalid array length")
            self._items = [None] * items[0]
        else:
            self._items = with_kept([], items, AFTER_NEW)

    # The methods of Python's mutable sequences.

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        found = self._items[index]
        return js_array(found) if isinstance(index, slice) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, slice) and index >= len(self._items):
            self._items.extend([None] * (index - len(self._items) + 1))
        self._items[index] = value

    def __mul__(self, count: int) -> JsArray:
        return js_array(self._items * count)

    def __delitem__(self, index: Any) -> None:
        del self._items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._items[::-1])

    def __contains__(self, value: object) -> bool:
        return value in self._items

    def __add__(self, other: Iterable[Any]) -> JsArray:
        return js_array([*self._items, *other])

    def append(self, value: Any) -> None:
        self._items.append(value)

    def extend(self, values: Iterable[Any]) -> None:
        self._items.extend(values)

    def insert(self, index: int, value: Any) -> None:
        self._items.insert(index, value)

    def remove(self, value: Any) -> None:
        self._items.remove(value)

    def index(self, value: Any, start: int = 0, stop: int = 2**53) -> int:
        return self._items.index(value, start, stop)

    def count(self, value: Any) -> int:
        return self._items.count(value)

    def pop(self, index: int = -1) -> Any:
        return self._items.pop(index)

    def reverse(self) -> JsArray:
        self._items.reverse()
        return self

    # JavaScript's own.

    @property
    def length(self) -> int:
        return len(self._items)

    @length.setter
    def length(self, length: int) -> None:
        del self._items[length:]
        self._items.extend([None] * (length - len(self._items)))

    def push(self, *values: Any) -> int:
        self._items = with_kept(self._items, values)
        return len(self._items)

    def unshift(self, *values: Any) -> int:
        self._replace(0, 0, values)
        return len(self._items)

    def shift(self) -> Any:
        return self._items.pop(0) if self._items else None

    def slice(self, start: Any = 0, end: Any = None) -> JsArray:
        return js_array(self._items[start or 0 : end])

    def concat(self, *others: Any) -> JsArray:
        items = list(self._items)
        for other in others:
            items.extend(other if isinstance(other, JsArray | list | tuple) else [other])
        return js_array(items)

    def join(self, separator: Any = None) -> str:
        between = "," if separator is None else js_string(separator)
        return between.join("" if item is None or item is jsnull else js_string(item) for item in self._items)

    def includes(self, value: Any, *_: Any) -> bool:
        return value in self._items

    def indexOf(self, value: Any, *_: Any) -> int:
        return self._items.index(value) if value in self._items else -1

    def at(self, index: int) -> Any:
        return self._items[index] if -len(self._items) <= index < len(self._items) else None

    def map(self, function: Callable[..., Any], *_: Any) -> JsArray:
        return js_array([call(function, item, index, self) for index, item in enumerate(self._items)])

    def filter(self, function: Callable[..., Any], *_: Any) -> JsArray:
        kept = [item for index, item in enumerate(self._items) if is_truthy(call(function, item, index, self))]
        return js_array(kept)

    def find(self, function: Callable[..., Any], *_: Any) -> Any:
        for index, item in enumerate(self._items):
            if is_truthy(call(function, item, index, self)):
                return item
        return None

    def some(self, function: Callable[..., Any], *_: Any) -> bool:
        return any(is_truthy(call(function, item, index, self)) for index, item in enumerate(self._items))

    def every(self, function: Callable[..., Any], *_: Any) -> bool:
        return all(is_truthy(call(function, item, index, self)) for index, item in enumerate(self._items))

    def forEach(self, function: Callable[..., Any], *_: Any) -> None:
        for index, item in enumerate(self._items):
            call(function, item, index, self)

    def reduce(self, function: Callable[..., Any], *initial: Any) -> Any:
        if not self._items and not initial:
            raise JsTypeError.new("Reduce of empty array with no initial value")
        values = enumerate(self._items)
        total = initial[0] if initial else next(values)[1]
        for index, item in values:
            total = call(function, total, item, index, self)
        return total

    def sort(self, function: Callable[..., Any] | None = None) -> JsArray:
        self._items.sort(key=functools.cmp_to_key(function) if function is not None else js_string)
        return self

    def splice(self, start: int = 0, count: Any = None, *items: Any) -> JsArray:
        first = slice(start, None).indices(len(self._items))[0]
        last = len(self._items) if count is None else min(len(self._items), first + max(0, count))
        removed = self._items[first:last]
        self._replace(first, last, items)
        return js_array(removed)

    def _replace(self, first: int, last: int, values: Iterable[Any]) -> None:
        """Put arguments of a call in the place of elements."""
        rest = self._items[last:]
        self._items = with_kept(self._items[:first], values)
        self._items += rest

    def fill(self, value: Any = None, start: int = 0, end: Any = None) -> JsArray:
        first, last, _ = slice(start, end).indices(len(self._items))
        self._replace(first, max(first, last), [value] * max(0, last - first))
        return self

    def flat(self, depth: int = 1) -> JsArray:
        flat: list[Any] = []
        for item in self._items:
            flat.extend(item.flat(depth - 1)._items if isinstance(item, JsArray) and depth > 0 else [item])
        return js_array(flat)

    def values(self) -> JsIterator:
        return JsIterator.new(iter(list(self._items)))

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array(list(pair)) for pair in enumerate(self._items))

    @classmethod
    def from_(cls, source: Any, function: Callable[..., Any] | None = None) -> JsArray:
        """JavaScript's `Array.from`."""
        if isinstance(getattr(source, "length", None), int) and not hasattr(source, "__iter__"):
            items = [getattr(source, str(index), None) for index in range(source.length)]
        else:
            items = [kept(item, AFTER_ITERATION) for item in source] if is_python(source) else list(source)
        if function is not None:
            items = [call(function, readable(item), index) for index, item in enumerate(items)]
        return js_array(with_kept([], items))

    @classmethod
    def of(cls, *items: Any) -> JsArray:
        return js_array(with_kept([], items))

    @classmethod
    def isArray(cls, value: Any) -> bool:
        return isinstance(value, JsArray)

    def toString(self) -> str:
        return self.join()

    def _own_properties(self) -> dict[str, Any]:
        return {str(index): item for index, item in enumerate(self._items)}

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        result: list[Any] = []
        converter.remember(self, result)
        result.extend(converter.convert(item, depth - 1) for item in self._items)
        return result


def js_array(items: list[Any]) -> JsArray:
    """An Array with these elements. The list is kept, not copied."""
    array = object.__new__(JsArray)
    array._items = items
    return array


JsProxy._js_array = staticmethod(js_array)
MutableSequence.register(JsArray)


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Call a callback as Pyodide does for JavaScript: a Python function gets every argument, and must take it.

    A coroutine begins to run, whether or not somebody waits for it.
    """
    code = getattr(function, "__code__", None)
    if code is not None and not code.co_flags & inspect.CO_VARARGS and function.__module__.startswith(_PLATFORM):
        args = args[: code.co_argcount - (1 if hasattr(function, "__self__") else 0)]
    result = function(*args)
    return asyncio.ensure_future(result) if inspect.iscoroutine(result) else result


def iterate(values: Any) -> Any:
    """The values of what a constructor was given. Raises TypeError for what has none."""
    if values is None or values is jsnull:
        return ()
    if isinstance(values, bool | int | float):
        kind = "boolean" if isinstance(values, bool) else "number"
        raise JsTypeError.new(
            f"{kind} {js_string(values)} is not iterable (cannot read property Symbol(Symbol.iterator))"
        )
    return values


class JsMap(JsLookup):
    """A Map. JavaScript tells keys apart: 1 and true are two of them, and NaN is one."""

    js_name = "Map"

    def __init__(self, entries: Any = None) -> None:
        self._entries: dict[Any, tuple[Any, Any]] = {}
        for pair in iterate(entries):
            key, value = pair
            self[key] = value

    @property
    def size(self) -> int:
        return len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        """Python iterates over the keys, as over a dict's."""
        return iter([readable(key) for key, _ in self._entries.values()])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._entries.setdefault(map_key(key), (_zero(key), None))
        self._entries[map_key(key)] = (self._entries[map_key(key)][0], value)

    def get(self, key: Any, default: Any = None) -> Any:
        return readable(self._entries.get(map_key(key), (key, default))[1])

    def set(self, key: Any, value: Any = None) -> JsMap:
        self[kept(key)] = kept(value)
        return self

    def has(self, key: Any) -> bool:
        return map_key(key) in self._entries

    def delete(self, key: Any) -> bool:
        return self._entries.pop(map_key(key), None) is not None

    def clear(self) -> None:
        self._entries.clear()

    def keys(self) -> Any:
        return KeysView(self)

    def values(self) -> Any:
        return ValuesView(self)

    def items(self) -> Any:
        return ItemsView(self)

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array(list(pair)) for pair in self._pairs())

    def _pairs(self) -> Iterator[tuple[Any, Any]]:
        return ((readable(key), readable(value)) for key, value in list(self._entries.values()))

    def forEach(self, function: Callable[..., Any], *_: Any) -> None:
        for key, value in self._pairs():
            call(function, value, key, self)

    def pop(self, key: Any, *default: Any) -> Any:
        if map_key(key) not in self._entries:
            if default:
                return default[0]
            raise KeyError(key)
        return readable(self._entries.pop(map_key(key))[1])

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if not self.has(key):
            self[key] = default
        return self.get(key)

    def popitem(self) -> tuple[Any, Any]:
        for key, value in self._pairs():
            del self[key]
            return key, value
        raise KeyError

    def update(self, *args: Any, **values: Any) -> None:
        other = args[0] if args else ()
        pairs = ((key, other[key]) for key in other.keys()) if hasattr(other, "keys") else other  # noqa: SIM118
        for key, value in [*pairs, *values.items()]:
            self[key] = value

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        result: dict[Any, Any] = {}
        converter.remember(self, result)
        for key, value in self._pairs():
            converted = _python_key(key, converter, depth, result, "Map")
            result[converted] = converter.convert(value, depth - 1)
        return result


class _Key:
    """A key of the dict behind a Map: Python takes it for no other one."""


_TRUE, _FALSE, _NAN = _Key(), _Key(), _Key()


def map_key(value: Any) -> Any:
    """The key under which a dict has `value`, if keys are to be told apart as in a Map."""
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, float):
        return _NAN if math.isnan(value) else value
    if value is None or isinstance(value, str | int):
        return value
    return _Key, id(value)  # the entry keeps the object


def _zero(key: Any) -> Any:
    """A key as a Map keeps it: negative zero becomes zero."""
    return 0 if isinstance(key, float) and key == 0 else key


def _python_key(key: Any, converter: ToPy, depth: int, converted: dict[Any, Any] | set[Any], kind: str) -> Any:
    """The key for a dict or set that has `converted` already.

    Raises JsException for an object of JavaScript's, which has no hash in Pyodide, and where Python takes two keys
    for one. Promises and Python objects are hashable there, too.
    """
    found = converter.convert(key, depth - 1)
    is_object = isinstance(found, JsProxy) and type(found).js_name not in {"Promise", "PyProxy"}
    if is_object or isinstance(found, list | dict | set | memoryview):
        of = "dict" if kind == "Map" else "set"
        raise JsException.new(f"Cannot use key of type {type(key).js_name} as a key to a Python {of}")
    if isinstance(found, bool | int) and found in converted:
        raise JsException.new(
            f"Cannot faithfully convert {kind} into Python since it contains both {int(found)} and "
            f"{str(bool(found)).lower()} as keys."
        )
    return found


MutableMapping.register(JsMap)


class JsSet(JsProxy):
    """A Set. It tells its values apart as a Map does its keys."""

    js_name = "Set"

    def __init__(self, values: Any = None) -> None:
        self._values: dict[Any, Any] = {}
        for value in iterate(values):
            self._add(value)

    def _add(self, value: Any) -> None:
        self._values.setdefault(map_key(value), _zero(value))

    @property
    def size(self) -> int:
        return len(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return map(readable, list(self._values.values()))

    def __contains__(self, value: object) -> bool:
        return self.has(value)

    def has(self, value: Any) -> bool:
        return map_key(value) in self._values

    def add(self, value: Any) -> JsSet:
        self._add(kept(value))
        return self

    def delete(self, value: Any) -> bool:
        there = self.has(value)
        self._values.pop(map_key(value), None)
        return there

    def clear(self) -> None:
        self._values.clear()

    def values(self) -> JsIterator:
        return JsIterator.new(iter(self))

    keys = values

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array([value, value]) for value in self)

    def forEach(self, function: Callable[..., Any], *_: Any) -> None:
        for value in self:
            call(function, value, value, self)

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        result: set[Any] = set()
        for value in self:
            result.add(_python_key(value, converter, depth, result, "Set"))
        return result
