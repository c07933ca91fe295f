"""`Object`."""

from __future__ import annotations

import math
from typing import Any

from wrangler_py.worker.platform.arguments import is_object
from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.callbacks import entries_of, entry, iterate
from wrangler_py.worker.platform.functions import FunctionWithFunctions
from wrangler_py.worker.platform.maps import groups
from wrangler_py.worker.platform.not_emulated import Lacking, NotEmulatedError
from wrangler_py.worker.platform.values import (
    JsObject,
    JsTypeError,
    js_function,
    js_object,
    js_string,
    jsnull,
    own_properties,
)


class Object(FunctionWithFunctions):
    """`Object`: a function, with functions. `isinstance(value, Object)` is not for it: use `typeof`."""

    name = "Object"

    @js_function
    def new(self, value: Any = None) -> Any:
        return js_object({}) if value is None or value is jsnull else value

    __call__ = new

    @staticmethod
    def fromEntries(entries: Any = None) -> JsObject:
        if entries is None or entries is jsnull:
            raise JsTypeError.new(f"{js_string(entries)} is not iterable")
        entries = entries_of(entries)
        return js_object({js_string(key): value for key, value in map(entry, iterate(entries))})

    @staticmethod
    def keys(value: Any = None) -> JsArray:
        return js_array(list(_properties(value)))

    @staticmethod
    def values(value: Any = None) -> JsArray:
        return js_array(list(_properties(value).values()))

    @staticmethod
    def entries(value: Any = None) -> JsArray:
        return js_array([js_array(list(pair)) for pair in _properties(value).items()])

    @staticmethod
    def getOwnPropertyNames(value: Any = None) -> JsArray:
        has_length = isinstance(value, str | JsArray)
        return js_array([*_properties(value), *(["length"] if has_length else [])])

    @staticmethod
    def assign(target: Any = None, *sources: Any) -> Any:
        if target is None or target is jsnull:
            raise JsTypeError.new("Cannot convert undefined or null to object")
        for source in sources:
            for name, value in ({} if source is None or source is jsnull else _properties(source)).items():
                if isinstance(target, JsArray) and name.isdecimal():
                    target[int(name)] = value
                else:
                    setattr(target, name, value)
        return target

    @staticmethod
    def is_(one: Any = None, other: Any = None) -> bool:
        if isinstance(one, int | float) and isinstance(other, int | float):
            if isinstance(one, bool) or isinstance(other, bool):
                return one is other
            signs = math.copysign(1, one) == math.copysign(1, other)
            return (one == other and (one != 0 or signs)) or (one != one and other != other)
        return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)

    @staticmethod
    def freeze(value: Any = None) -> Any:
        return _closed(value, "frozen")

    @staticmethod
    def seal(value: Any = None) -> Any:
        return _closed(value, "sealed")

    @staticmethod
    def preventExtensions(value: Any = None) -> Any:
        return _closed(value, "closed")

    @staticmethod
    def isFrozen(value: Any = None) -> bool:
        return value.is_closed_to("frozen") if isinstance(value, JsObject) else not is_object(value)

    @staticmethod
    def isSealed(value: Any = None) -> bool:
        return value.is_closed_to("sealed") if isinstance(value, JsObject) else not is_object(value)

    @staticmethod
    def isExtensible(value: Any = None) -> bool:
        return not value.is_closed_to("closed") if isinstance(value, JsObject) else is_object(value)

    @staticmethod
    def groupBy(items: Any = None, function: Any = None) -> JsObject:
        return js_object({js_string(key): group for key, group in groups(items, function)})

    @staticmethod
    def hasOwn(value: Any = None, name: Any = None) -> bool:
        return js_string(name) in _properties(value)

    @staticmethod
    def create(prototype: Any = None, properties: Any = None) -> JsObject:
        if prototype is not jsnull and not is_object(prototype):
            raise JsTypeError.new(f"Object prototype may only be an Object or null: {js_string(prototype)}")
        if prototype is jsnull and properties is None:
            return js_object({})
        raise _no_descriptors("Object.create with a prototype or properties")

    @staticmethod
    def defineProperty(target: Any = None, name: Any = None, descriptor: Any = None) -> Any:
        if not is_object(target):
            raise JsTypeError.new("Object.defineProperty called on non-object")
        if not is_object(descriptor):
            raise JsTypeError.new(f"Property description must be an object: {js_string(descriptor)}")
        given = own_properties(descriptor)
        plain = all(given.get(part) is True for part in ("writable", "enumerable", "configurable"))
        if "value" not in given or not plain:
            raise _no_descriptors("Object.defineProperty of what is not writable, enumerable and configurable")
        setattr(target, js_string(name), given["value"])
        return target

    defineProperties, setPrototypeOf = Lacking(), Lacking()

    @staticmethod
    def getOwnPropertyDescriptor(value: Any = None, name: Any = None) -> Any:
        return Object.getOwnPropertyDescriptors(value)._values.get(js_string(name))

    @staticmethod
    def getOwnPropertyDescriptors(value: Any = None) -> JsObject:
        closed = value.is_closed_to if isinstance(value, JsObject) else lambda _: False
        loose = {"writable": not closed("frozen"), "enumerable": True, "configurable": not closed("sealed")}
        return js_object({key: js_object({"value": item, **loose}) for key, item in _properties(value).items()})

    @staticmethod
    def getOwnPropertySymbols(value: Any = None) -> JsArray:
        _properties(value)
        return js_array([])

    @staticmethod
    def getPrototypeOf(value: Any = None) -> Any:
        return getattr(value, "constructor", jsnull)


object_function: Any = object.__new__(Object)


def _no_descriptors(what: str) -> NotEmulatedError:
    return NotEmulatedError(
        f"wrangler-py has no {what}. Set the properties themselves, or run this route with `pywrangler dev`"
    )


def _closed(value: Any, sealing: str) -> Any:
    """The value, which takes no more changes of a kind.

    Raises NotEmulatedError for objects that can't be closed here.
    """
    if isinstance(value, JsObject):
        value.close_to_changes(sealing)
    elif is_object(value):
        raise NotEmulatedError(
            f"wrangler-py can't make an object of class {value.constructor.name} {sealing}: "
            "only plain objects. Leave the call out, or run this route with `pywrangler dev`"
        )
    return value


def _properties(value: Any) -> dict[str, Any]:
    if value is None or value is jsnull:
        raise JsTypeError.new("Cannot convert undefined or null to object")
    if isinstance(value, str):
        return {str(index): character for index, character in enumerate(value)}
    return own_properties(value)
