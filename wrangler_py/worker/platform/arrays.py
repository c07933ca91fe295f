"""Arrays, with the Python methods that Pyodide gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any

from wrangler_py.worker.platform.array_methods import ArrayMethods, comparison, end_place, place
from wrangler_py.worker.platform.borrowed import (
    AFTER_ITERATION,
    AFTER_NEW,
    holding,
    is_python,
    kept,
    readable,
    with_kept,
)
from wrangler_py.worker.platform.callbacks import call, callback, entries_of, iterable
from wrangler_py.worker.platform.numbers import to_integer, to_number
from wrangler_py.worker.platform.values import JsProxy, JsRangeError, ToPy, js_string


class JsArray(ArrayMethods):
    """An Array. Indices and slices work as a Python list's; it is no `list`."""

    js_name = "Array"
    is_callable = True
    __slots__ = ("__dict__", "_items")

    _items: list[Any]

    def __init__(self, *items: Any) -> None:
        if len(items) == 1 and isinstance(items[0], int | float) and not isinstance(items[0], bool):
            self._items = [None] * _length(items[0])
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

    # JavaScript's own. What reads only is in `ArrayMethods`.

    def _elements(self) -> list[Any]:
        return self._items

    def _like(self, elements: list[Any]) -> JsArray:
        return js_array(elements)

    def _store(self, elements: list[Any]) -> None:
        self._items[:] = elements

    def _in_order(self, function: Any) -> list[Any]:
        """The elements, sorted by a function or as texts, with undefined behind the others."""
        key = _code_units if function is None else comparison(function)
        defined = [item for item in self._items if item is not None]
        return sorted(defined, key=key) + [None] * (len(self._items) - len(defined))

    @property
    def length(self) -> int:
        return len(self._items)

    @length.setter
    def length(self, length: Any) -> None:
        count = _length(to_number(length))
        del self._items[count:]
        self._items.extend([None] * (count - len(self._items)))

    def push(self, *values: Any) -> int:
        self._items = with_kept(self._items, values)
        return len(self._items)

    def unshift(self, *values: Any) -> int:
        self._replace(0, 0, values)
        return len(self._items)

    def shift(self) -> Any:
        return self._items.pop(0) if self._items else None

    def slice(self, start: Any = None, end: Any = None) -> JsArray:
        length = len(self._items)
        return js_array(self._items[place(start, length) : end_place(end, length)])

    def concat(self, *others: Any) -> JsArray:
        items = list(self._items)
        for other in others:
            items.extend(other if isinstance(other, JsArray | list | tuple) else [other])
        return js_array(items)

    def splice(self, *given: Any) -> JsArray:
        first, last = _spliced(given, len(self._items))
        removed = self._items[first:last]
        self._replace(first, last, given[2:])
        return js_array(removed)

    def toSpliced(self, *given: Any) -> JsArray:
        changed = self.slice()
        changed.splice(*given)
        return changed

    def with_(self, index: Any = None, value: Any = None) -> JsArray:
        position = to_integer(index)
        if not -len(self._items) <= position < len(self._items):
            raise JsRangeError.new(f"Invalid index : {js_string(position)}")
        changed = self.slice()
        changed._items[int(position)] = value
        return changed

    def _replace(self, first: int, last: int, values: Iterable[Any]) -> None:
        """Put arguments of a call in the place of elements."""
        rest = self._items[last:]
        self._items = with_kept(self._items[:first], values)
        self._items += rest

    def fill(self, value: Any = None, start: Any = None, end: Any = None) -> JsArray:
        first, last = place(start, len(self._items)), end_place(end, len(self._items))
        self._replace(first, max(first, last), [value] * max(0, last - first))
        return self

    def flat(self, depth: Any = 1) -> JsArray:
        flat: list[Any] = []
        deeper = to_integer(depth)
        for item in self._items:
            flat.extend(item.flat(deeper - 1)._items if isinstance(item, JsArray) and deeper > 0 else [item])
        return js_array(flat)

    def flatMap(self, function: Any = None, *_: Any) -> JsArray:
        return self.map(function).flat()

    @classmethod
    def from_(cls, source: Any = None, function: Any = None) -> JsArray:
        """JavaScript's `Array.from`."""
        items = items_of(source)
        if function is not None:
            called = callback(function)
            items = [call(called, readable(item), index) for index, item in enumerate(items)]
        return js_array(holding(items))

    @classmethod
    def of(cls, *items: Any) -> JsArray:
        return js_array(with_kept([], items))

    @classmethod
    def isArray(cls, value: Any = None) -> bool:
        return isinstance(value, JsArray)

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


def items_of(source: Any) -> list[Any]:
    """The elements that an Array is made of."""
    if isinstance(source, bool | int | float):
        return []
    length = getattr(source, "length", None)
    if isinstance(length, int | float) and not hasattr(source, "__iter__"):
        return [getattr(source, str(index), None) for index in range(max(0, int(length)))]
    if is_python(source):
        return [kept(item, AFTER_ITERATION) for item in source]
    return list(entries_of(iterable(source)))


def _length(value: float | int) -> int:
    if not 0 <= value < 2**32 or value != int(value):
        raise JsRangeError.new("Invalid array length")
    return int(value)


def _code_units(value: Any) -> bytes:
    """A text as JavaScript compares it."""
    return js_string(value).encode("utf-16-be", "surrogatepass")


def _spliced(given: tuple[Any, ...], length: int) -> tuple[int, int]:
    """Where `splice` removes elements."""
    if not given:
        return 0, 0
    first = place(given[0], length)
    if len(given) == 1:
        return first, length
    return first, first + int(min(max(to_integer(given[1]), 0), length - first))
