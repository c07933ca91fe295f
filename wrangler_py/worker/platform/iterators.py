"""Iterators, and the base of objects that look values up by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wrangler_py.worker.platform.values import JsObject, JsProxy, js_object


class JsIterator(JsProxy):
    """An iterator, as `headers.entries()` makes one. It serves Python's loops and JavaScript's `next()`."""

    js_name = "Iterator"

    def __init__(self, values: Iterator[Any]) -> None:
        self._iterator = values

    def __iter__(self) -> JsIterator:
        return self

    def __next__(self) -> Any:
        return next(self._iterator)

    def next(self, _value: Any = None) -> JsObject:
        try:
            return js_object({"done": False, "value": next(self._iterator)})
        except StopIteration:
            return js_object({"done": True, "value": None})


class LanguageIterator(JsIterator):
    """An iterator of the language's own, over an Array, a Map or a Set. Its results have `value` first."""

    js_name = "Iterator"

    def next(self, _value: Any = None) -> JsObject:
        try:
            return js_object({"value": next(self._iterator), "done": False})
        except StopIteration:
            return js_object({"value": None, "done": True})


class JsLookup(JsProxy):
    """Base of what has `get`, `has`, `set` and `delete`: Python code may also use it with items."""

    __slots__ = ()

    get: Callable[[Any], Any]
    has: Callable[[Any], bool]
    set: Callable[..., Any]
    delete: Callable[[Any], bool | None]

    def __getitem__(self, name: Any) -> Any:
        value = self.get(name)
        if value is None and not self.has(name):
            raise KeyError(name)
        return value

    def __setitem__(self, name: Any, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: Any) -> None:
        # `delete` of a Map says whether there was such a key. Others say nothing, which Pyodide takes for no.
        if not self.delete(name):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return bool(self.has(name))
