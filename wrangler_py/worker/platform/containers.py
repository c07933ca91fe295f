"""Arrays, Maps and Sets, with the Python methods that Pyodide gives them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, MutableMapping, MutableSequence
from typing import Any, Final

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
            self._items = list(items)

    # What Python's mutable sequences have.

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
        self._items.extend(values)
        return len(self._items)

    def unshift(self, *values: Any) -> int:
        self._items[:0] = values
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
        self._items[first:last] = items
        return js_array(removed)

    def fill(self, value: Any = None, start: int = 0, end: Any = None) -> JsArray:
        for index in range(*slice(start, end).indices(len(self._items))):
            self._items[index] = value
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
            items = list(source)
        return js_array(items if function is None else [call(function, item, i) for i, item in enumerate(items)])

    @classmethod
    def of(cls, *items: Any) -> JsArray:
        return js_array(list(items))

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
    """A Map."""

    js_name = "Map"

    def __init__(self, entries: Any = None) -> None:
        self._entries: dict[Any, Any] = {}
        for pair in iterate(entries):
            key, value = pair
            self._entries[key] = value

    @property
    def size(self) -> int:
        return len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        """Python iterates over the keys, as over a dict's."""
        return iter(self._entries)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._entries.get(key, default)

    def set(self, key: Any, value: Any = None) -> JsMap:
        self._entries[key] = value
        return self

    def has(self, key: Any) -> bool:
        return key in self._entries

    def delete(self, key: Any) -> bool:
        there = key in self._entries
        self._entries.pop(key, None)
        return there

    def clear(self) -> None:
        self._entries.clear()

    def keys(self) -> Any:
        return self._entries.keys()

    def values(self) -> Any:
        return self._entries.values()

    def items(self) -> Any:
        return self._entries.items()

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array(list(pair)) for pair in self._entries.items())

    def forEach(self, function: Callable[..., Any], *_: Any) -> None:
        for key, value in self._entries.items():
            call(function, value, key, self)

    def pop(self, key: Any, *default: Any) -> Any:
        return self._entries.pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        return self._entries.setdefault(key, default)

    def popitem(self) -> tuple[Any, Any]:
        key = next(iter(self._entries), None)
        if key is None and not self._entries:
            raise KeyError
        return key, self._entries.pop(key)

    def update(self, *args: Any, **values: Any) -> None:
        self._entries.update(*args, **values)

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        result: dict[Any, Any] = {}
        converter.remember(self, result)
        for key, value in self._entries.items():
            result[_python_key(key, converter, depth, "dict")] = converter.convert(value, depth - 1)
        return result


def _python_key(key: Any, converter: ToPy, depth: int, of: str) -> Any:
    """The key for a dict or set. Raises JsException for an object of JavaScript's, which has no hash in Pyodide.

    Promises and Python objects are hashable there, too.
    """
    converted = converter.convert(key, depth - 1)
    is_object = isinstance(converted, JsProxy) and type(converted).js_name not in {"Promise", "PyProxy"}
    if is_object or isinstance(converted, list | dict | set | memoryview):
        raise JsException.new(f"Cannot use key of type {type(key).js_name} as a key to a Python {of}")
    return converted


MutableMapping.register(JsMap)


class JsSet(JsProxy):
    """A Set."""

    js_name = "Set"

    def __init__(self, values: Any = None) -> None:
        self._values: dict[Any, None] = dict.fromkeys(iterate(values))

    @property
    def size(self) -> int:
        return len(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def has(self, value: Any) -> bool:
        return value in self._values

    def add(self, value: Any) -> JsSet:
        self._values[value] = None
        return self

    def delete(self, value: Any) -> bool:
        there = value in self._values
        self._values.pop(value, None)
        return there

    def clear(self) -> None:
        self._values.clear()

    def values(self) -> JsIterator:
        return JsIterator.new(iter(list(self._values)))

    keys = values

    def entries(self) -> JsIterator:
        return JsIterator.new(js_array([value, value]) for value in list(self._values))

    def forEach(self, function: Callable[..., Any], *_: Any) -> None:
        for value in list(self._values):
            call(function, value, value, self)

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        return {_python_key(value, converter, depth, "set") for value in self._values}
