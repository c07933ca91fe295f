"""`WeakMap` and `WeakSet`."""

from __future__ import annotations

import weakref
from typing import Any

from wrangler_py.worker.platform.borrowed import kept, readable
from wrangler_py.worker.platform.callbacks import iterate
from wrangler_py.worker.platform.not_emulated import Lacking
from wrangler_py.worker.platform.symbols import JsSymbol
from wrangler_py.worker.platform.values import JsProxy, JsProxyMeta, JsTypeError


class _Entries:
    """Values by the identity of an object. An entry goes when its object does, if Python can tell."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[Any, Any]] = {}

    def put(self, key: Any, value: Any) -> None:
        number = id(key)
        holder: Any
        try:
            holder = weakref.ref(key, lambda _: self._values.pop(number, None))
        except TypeError:  # Python has no weak references to it

            def holder() -> Any:
                return key

        self._values[number] = (holder, value)

    def find(self, key: Any) -> tuple[bool, Any]:
        """Whether the object has an entry, and its value."""
        holder, value = self._values.get(id(key), (None, None))
        return holder is not None and holder() is key, value

    def drop(self, key: Any) -> bool:
        there, _ = self.find(key)
        if there:
            del self._values[id(key)]
        return there


class _WeakCollection(JsProxy):
    """What `WeakMap` and `WeakSet` share."""

    def __init__(self) -> None:
        self._entries = _Entries()

    def has(self, key: Any = None) -> bool:
        return self._entries.find(key)[0]

    def delete(self, key: Any = None) -> bool:
        return self._entries.drop(key)

    def __contains__(self, key: object) -> bool:
        return self.has(key)


class WeakMap(_WeakCollection):
    """Values by objects, which it does not keep alive."""

    getOrInsert, getOrInsertComputed = Lacking(), Lacking()

    def __init__(self, entries: Any = None) -> None:
        super().__init__()
        for pair in iterate(entries):
            key, value = pair
            self._put(key, value)

    def _put(self, key: Any, value: Any) -> None:
        if not _is_object(key):
            raise JsTypeError.new("Invalid value used as weak map key")
        self._entries.put(key, value)

    def get(self, key: Any = None) -> Any:
        return readable(self._entries.find(key)[1])

    def set(self, key: Any = None, value: Any = None) -> WeakMap:
        self._put(key, kept(value))
        return self

    def __getitem__(self, key: Any) -> Any:
        if not self.has(key):
            raise KeyError(key)
        return self.get(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._put(key, value)

    __iter__ = None  # or Python would iterate by index


class WeakSet(_WeakCollection):
    """Objects, which it does not keep alive."""

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        for value in iterate(values):
            self.add(value)

    def add(self, value: Any = None) -> WeakSet:
        if not _is_object(value):
            raise JsTypeError.new("Invalid value used in weak set")
        self._entries.put(value, None)
        return self


def _is_object(value: Any) -> bool:
    if isinstance(value, JsSymbol):
        return not value.is_registered
    return isinstance(value, JsProxy | JsProxyMeta) or callable(value)
