"""The methods that Arrays and typed arrays share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Self

from wrangler_py.worker.platform.callbacks import call, callback
from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.iterators import LanguageIterator
from wrangler_py.worker.platform.numbers import to_integer, to_number
from wrangler_py.worker.platform.values import JsProxy, JsTypeError, js_string, jsnull


class ArrayMethods(JsProxy):
    """Base of arrays. Positions may be negative, and may be anything that JavaScript makes a number of."""

    __slots__ = ()

    def _elements(self) -> Sequence[Any]:
        """The elements."""
        raise NotImplementedError

    def _like(self, elements: list[Any]) -> Self:
        """An array of the same kind with other elements."""
        raise NotImplementedError

    def _store(self, elements: list[Any]) -> None:
        """Replace all elements by as many others."""
        raise NotImplementedError

    def _in_order(self, function: Any) -> list[Any]:
        """The elements, sorted."""
        raise NotImplementedError

    @property
    def length(self) -> int:
        return len(self._elements())

    def at(self, index: Any = None) -> Any:
        elements, position = self._elements(), to_integer(index)
        return elements[int(position)] if -len(elements) <= position < len(elements) else None

    def includes(self, value: Any = None, start: Any = 0) -> bool:
        elements = self._elements()
        return any(_same(value, elements[index]) for index in range(place(start, len(elements)), len(elements)))

    def indexOf(self, value: Any = None, start: Any = 0) -> int:
        elements = self._elements()
        return _first(range(place(start, len(elements)), len(elements)), lambda i: _equal(value, elements[i]))

    def lastIndexOf(self, value: Any = None, *start: Any) -> int:
        elements = self._elements()
        last = len(elements) - 1
        if start:
            position = to_integer(start[0])
            last = int(min(last, position if position >= 0 else len(elements) + position))
        return _first(range(last, -1, -1), lambda i: _equal(value, elements[i]))

    def _matching(self, function: Any, *, backwards: bool = False) -> int:
        test, elements = callback(function), self._elements()
        order = range(len(elements))
        return _first(
            reversed(order) if backwards else order, lambda i: is_truthy(call(test, elements[i], i, self))
        )

    def find(self, function: Any = None, *_: Any) -> Any:
        found = self._matching(function)
        return None if found < 0 else self._elements()[found]

    def findIndex(self, function: Any = None, *_: Any) -> int:
        return self._matching(function)

    def findLast(self, function: Any = None, *_: Any) -> Any:
        found = self._matching(function, backwards=True)
        return None if found < 0 else self._elements()[found]

    def findLastIndex(self, function: Any = None, *_: Any) -> int:
        return self._matching(function, backwards=True)

    def some(self, function: Any = None, *_: Any) -> bool:
        return self._matching(function) >= 0

    def every(self, function: Any = None, *_: Any) -> bool:
        test = callback(function)
        return all(is_truthy(call(test, item, i, self)) for i, item in enumerate(self._elements()))

    def forEach(self, function: Any = None, *_: Any) -> None:
        called = callback(function)
        for index, item in enumerate(self._elements()):
            call(called, item, index, self)

    def map(self, function: Any = None, *_: Any) -> Self:
        called = callback(function)
        return self._like([call(called, item, index, self) for index, item in enumerate(self._elements())])

    def filter(self, function: Any = None, *_: Any) -> Self:
        test = callback(function)
        return self._like(
            [item for index, item in enumerate(self._elements()) if is_truthy(call(test, item, index, self))]
        )

    def reduce(self, function: Any = None, *initial: Any) -> Any:
        return self._reduced(function, list(enumerate(self._elements())), initial)

    def reduceRight(self, function: Any = None, *initial: Any) -> Any:
        return self._reduced(function, list(enumerate(self._elements()))[::-1], initial)

    def _reduced(self, function: Any, values: list[tuple[int, Any]], initial: tuple[Any, ...]) -> Any:
        called = callback(function)
        if not values and not initial:
            raise JsTypeError.new("Reduce of empty array with no initial value")
        total, rest = (initial[0], values) if initial else (values[0][1], values[1:])
        for index, item in rest:
            total = call(called, total, item, index, self)
        return total

    def sort(self, function: Any = None) -> Self:
        self._store(self._in_order(function))
        return self

    def toSorted(self, function: Any = None) -> Self:
        return self._like(self._in_order(function))

    def toReversed(self) -> Self:
        return self._like(list(self._elements())[::-1])

    def copyWithin(self, target: Any = 0, start: Any = 0, end: Any = None) -> Self:
        elements = list(self._elements())
        length = len(elements)
        to, first, last = place(target, length), place(start, length), end_place(end, length)
        count = max(0, min(last - first, length - to))
        elements[to : to + count] = elements[first : first + count]
        self._store(elements)
        return self

    def join(self, separator: Any = None) -> str:
        between = "," if separator is None else js_string(separator)
        return between.join("" if item is None or item is jsnull else js_string(item) for item in self._elements())

    def values(self) -> LanguageIterator:
        return LanguageIterator.new(iter(list(self._elements())))

    def entries(self) -> LanguageIterator:
        return LanguageIterator.new(self._js_array(list(pair)) for pair in enumerate(self._elements()))

    def toString(self) -> str:
        return self.join()

    def toLocaleString(self) -> str:
        return self.join()

    def hasOwnProperty(self, name: Any = None) -> bool:
        text = js_string(name)
        return text == "length" or (text.isdecimal() and int(text) < len(self._elements()))

    def _own_properties(self) -> dict[str, Any]:
        return {str(index): item for index, item in enumerate(self._elements())}


def place(position: Any, length: int) -> int:
    """The index that a position of `slice` and its kin stands for."""
    given = to_integer(position)
    return int(max(0, length + given) if given < 0 else min(given, length))


def end_place(position: Any, length: int) -> int:
    """The same for where a part ends: undefined is the end of the array."""
    return length if position is None else place(position, length)


def comparison(function: Any) -> Any:
    """A key for sorting by a function of JavaScript's kind. Raises TypeError for what is no function."""
    if not callable(function):
        raise JsTypeError.new(
            f"The comparison function must be either a function or undefined: {js_string(function)}"
        )
    return functools.cmp_to_key(lambda one, other: _sign(to_number(call(function, one, other))))


def _sign(number: float | int) -> int:
    return (number > 0) - (number < 0)


def _first(order: Any, test: Callable[[int], bool]) -> int:
    return next((index for index in order if test(index)), -1)


def _equal(one: Any, other: Any) -> bool:
    """JavaScript's `===`: a boolean is no number, and NaN is not equal to itself."""
    if isinstance(one, float | int) and isinstance(other, float | int):
        return isinstance(one, bool) == isinstance(other, bool) and one == other
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)


def _same(one: Any, other: Any) -> bool:
    """The same, but NaN is itself."""
    return _equal(one, other) or (
        isinstance(one, float) and isinstance(other, float) and one != one and other != other
    )
