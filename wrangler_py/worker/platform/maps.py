"""Maps and Sets, with the Python methods that Pyodide gives them."""

from __future__ import annotations

import math
from collections.abc import Callable, ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from typing import Any

from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.borrowed import kept, readable
from wrangler_py.worker.platform.callbacks import call, callback, described, entries_of, entry, iterable, iterate
from wrangler_py.worker.platform.iterators import JsLookup, LanguageIterator
from wrangler_py.worker.platform.values import JsException, JsProxy, JsTypeError, ToPy


class JsMap(JsLookup):
    """A Map. JavaScript tells keys apart: 1 and true are two of them, and NaN is one."""

    js_name = "Map"

    def __init__(self, entries: Any = None) -> None:
        self._entries: dict[Any, tuple[Any, Any]] = {}
        for pair in entries_of(iterate(entries)):
            key, value = entry(pair)
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

    def get(self, key: Any = None, default: Any = None) -> Any:
        return readable(self._entries.get(map_key(key), (key, default))[1])

    def set(self, key: Any = None, value: Any = None) -> JsMap:
        self[kept(key)] = kept(value)
        return self

    def has(self, key: Any = None) -> bool:
        return map_key(key) in self._entries

    def getOrInsert(self, key: Any = None, value: Any = None) -> Any:
        return self.get(key) if self.has(key) else self.set(key, value).get(key)

    def getOrInsertComputed(self, key: Any = None, function: Any = None) -> Any:
        called = callback(function)
        return self.get(key) if self.has(key) else self.set(key, call(called, key)).get(key)

    def delete(self, key: Any = None) -> bool:
        return self._entries.pop(map_key(key), None) is not None

    def clear(self) -> None:
        self._entries.clear()

    def keys(self) -> Any:
        return KeysView(self)

    def values(self) -> Any:
        return ValuesView(self)

    def items(self) -> Any:
        return ItemsView(self)

    def entries(self) -> LanguageIterator:
        return LanguageIterator.new(js_array(list(pair)) for pair in self._pairs())

    def _pairs(self) -> Iterator[tuple[Any, Any]]:
        return ((readable(key), readable(value)) for key, value in _in_turn(self._entries))

    def forEach(self, function: Any = None, *_: Any) -> None:
        called = callback(function)
        for key, value in self._pairs():
            call(called, value, key, self)

    @classmethod
    def groupBy(cls, items: Any = None, function: Any = None) -> JsMap:
        """JavaScript's `Map.groupBy`."""
        made: JsMap = cls.new()
        for key, group in groups(items, function):
            made[key] = group
        return made

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


def _in_turn(entries: dict[Any, Any]) -> Iterator[Any]:
    """The entries as they are when their turn comes: what is added follows, what is removed is left out."""
    done: set[Any] = set()
    while waiting := [key for key in entries if key not in done]:
        for key in waiting:
            done.add(key)
            if key in entries:
                yield entries[key]


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


class LiteralMap(JsMap):
    """The Map that `to_js` makes of a dict before Pyodide 314. Its entries are properties, too."""

    js_name = "LiteralMap"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not self.has(name):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def _own_properties(self) -> dict[str, Any]:
        return {key: value for key, value in self._pairs() if isinstance(key, str)}

    def __delattr__(self, name: str) -> None:
        self.delete(name)

    def toString(self) -> str:
        return "[object Map]"


class JsSet(JsProxy):
    """A Set. It tells its values apart as a Map does its keys."""

    js_name = "Set"

    def __init__(self, values: Any = None) -> None:
        self._values: dict[Any, Any] = {}
        for value in entries_of(iterate(values)):
            self._add(value)

    def _add(self, value: Any) -> None:
        self._values.setdefault(map_key(value), _zero(value))

    @property
    def size(self) -> int:
        return len(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return map(readable, _in_turn(self._values))

    def __contains__(self, value: object) -> bool:
        return self.has(value)

    def has(self, value: Any = None) -> bool:
        return map_key(value) in self._values

    def add(self, value: Any = None) -> JsSet:
        self._add(kept(value))
        return self

    def delete(self, value: Any = None) -> bool:
        there = self.has(value)
        self._values.pop(map_key(value), None)
        return there

    def clear(self) -> None:
        self._values.clear()

    def values(self) -> LanguageIterator:
        return LanguageIterator.new(iter(self))

    keys = values

    def entries(self) -> LanguageIterator:
        return LanguageIterator.new(js_array([value, value]) for value in self)

    def forEach(self, function: Any = None, *_: Any) -> None:
        called = callback(function)
        for value in self:
            call(called, value, value, self)

    def union(self, other: Any = None) -> JsSet:
        return _set_of([*self, *_values_of(other)])

    def intersection(self, other: Any = None) -> JsSet:
        contains = _membership(other)
        return _set_of([value for value in self if contains(value)])

    def difference(self, other: Any = None) -> JsSet:
        contains = _membership(other)
        return _set_of([value for value in self if not contains(value)])

    def symmetricDifference(self, other: Any = None) -> JsSet:
        contains = _membership(other)
        return _set_of(
            [
                *(value for value in self if not contains(value)),
                *(value for value in _values_of(other) if not self.has(value)),
            ]
        )

    def isSubsetOf(self, other: Any = None) -> bool:
        return all(map(_membership(other), self))

    def isSupersetOf(self, other: Any = None) -> bool:
        return all(map(self.has, _values_of(other)))

    def isDisjointFrom(self, other: Any = None) -> bool:
        return not any(map(_membership(other), self))

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        result: set[Any] = set()
        for value in self:
            result.add(_python_key(value, converter, depth, result, "Set"))
        return result


def _set_of(values: list[Any]) -> JsSet:
    made: JsSet = JsSet.new()
    for value in values:
        made.add(value)
    return made


def _membership(other: Any) -> Callable[[Any], bool]:
    _check_set(other)
    return other.has  # type: ignore[no-any-return]


def _values_of(other: Any) -> Any:
    """The values of a Set, or the keys of a Map."""
    _check_set(other)
    return iter(other)


def _check_set(other: Any) -> None:
    if not isinstance(other, JsSet | JsMap):
        raise JsTypeError.new(f"{described(other)} is not an object, or has no size, has and keys")


def groups(items: Any, function: Any) -> list[tuple[Any, Any]]:
    """Keys that a function gives, each with an Array of the items it was given for."""
    called = callback(function)
    found: dict[Any, tuple[Any, list[Any]]] = {}
    for index, item in enumerate(iterable(items)):
        key = call(called, item, index)
        found.setdefault(map_key(key), (key, []))[1].append(item)
    return [(key, js_array(group)) for key, group in found.values()]
