"""An object of JavaScript as a mapping of its properties: `as_object_map` and `as_py_json`."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from wrangler_py.worker.platform.arrays import JsArray
from wrangler_py.worker.platform.values import JsObject, JsProxy, ToPy, own_properties


class ObjectMap(JsProxy):
    """The properties of an object by name. Changes change the object."""

    js_name = "Object"

    def __init__(self, target: Any = None, hereditary: bool = False) -> None:
        self._target, self._hereditary = target, hereditary

    @property
    def constructor(self) -> Any:
        return self._target.constructor

    def _shown(self, value: Any) -> Any:
        """A property as it is read: with `hereditary`, an object in the object is a mapping, too."""
        return object_map(value, True) if self._hereditary and isinstance(value, JsObject | JsArray) else value

    def __getitem__(self, key: Any) -> Any:
        return self._shown(own_properties(self._target)[key])

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self._target, key, value)

    def __delitem__(self, key: str) -> None:
        if key not in own_properties(self._target):
            raise KeyError(key)
        delattr(self._target, key)

    def __iter__(self) -> Iterator[str]:
        return iter(own_properties(self._target))

    def __len__(self) -> int:
        return len(own_properties(self._target))

    def __contains__(self, key: object) -> bool:
        return key in own_properties(self._target)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._target, name)

    def _own_properties(self) -> dict[str, Any]:
        return own_properties(self._target)

    def toString(self) -> str:
        return str(self._target.toString())

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        return converter.convert(self._target, depth)

    keys = MutableMapping.keys
    values = MutableMapping.values
    items = MutableMapping.items
    get = MutableMapping.get
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update
    clear = MutableMapping.clear
    __eq__ = JsProxy.__eq__


MutableMapping.register(ObjectMap)


class _ArrayMap(JsProxy):
    """An Array whose objects are mappings."""

    js_name = "Array"

    def __init__(self, target: Any = None) -> None:
        self._target = target

    def __len__(self) -> int:
        return len(self._target)

    def __getitem__(self, index: Any) -> Any:
        return object_map(self._target[index], True)

    def __iter__(self) -> Iterator[Any]:
        return (object_map(item, True) for item in self._target)

    def __reversed__(self) -> Iterator[Any]:
        return (object_map(item, True) for item in reversed(self._target))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._target, name)

    def _convert_to_py(self, converter: ToPy, depth: int) -> Any:
        return converter.convert(self._target, depth)


def object_map(value: Any, hereditary: bool) -> Any:
    """A value's properties as a mapping. Raises AttributeError for an Array, unless it is asked for with others."""
    if isinstance(value, JsArray):
        if hereditary:
            return _ArrayMap.new(value)
        raise AttributeError("as_object_map")
    return ObjectMap.new(value, hereditary) if isinstance(value, JsProxy) else value
