"""`Reflect`."""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.conversions import js_typeof
from wrangler_py.worker.platform.functions import Namespace
from wrangler_py.worker.platform.not_emulated import Lacking
from wrangler_py.worker.platform.objects import object_function
from wrangler_py.worker.platform.values import JsObject, JsProxy, JsTypeError, js_string, own_properties


class Reflect(Namespace):
    """`Reflect`: functions."""

    @staticmethod
    def ownKeys(target: Any = None) -> JsArray:
        names = list(own_properties(_object(target, "ownKeys")))
        return js_array([*names, "length"] if isinstance(target, JsArray) else names)

    @staticmethod
    def has(target: Any = None, name: Any = None) -> bool:
        _object(target, "has")
        return js_string(name) in own_properties(target) or hasattr(target, js_string(name))

    @staticmethod
    def get(target: Any = None, name: Any = None, _receiver: Any = None) -> Any:
        _object(target, "get")
        index = _index(target, name)
        return target.at(index) if index is not None else getattr(target, js_string(name), None)

    @staticmethod
    def set(target: Any = None, name: Any = None, value: Any = None, _receiver: Any = None) -> bool:
        _object(target, "set")
        index = _index(target, name)
        try:
            if index is not None:
                target[index] = value
            else:
                setattr(target, js_string(name), value)
        except AttributeError:
            return False
        return True

    setPrototypeOf = Lacking()

    @staticmethod
    def getPrototypeOf(target: Any = None) -> Any:
        return object_function.getPrototypeOf(_object(target, "getPrototypeOf"))

    @staticmethod
    def isExtensible(target: Any = None) -> Any:
        return object_function.isExtensible(_object(target, "isExtensible"))

    @staticmethod
    def preventExtensions(target: Any = None) -> bool:
        object_function.preventExtensions(_object(target, "preventExtensions"))
        return True

    @staticmethod
    def getOwnPropertyDescriptor(target: Any = None, name: Any = None) -> Any:
        return object_function.getOwnPropertyDescriptor(_object(target, "getOwnPropertyDescriptor"), name)

    @staticmethod
    def defineProperty(target: Any = None, name: Any = None, descriptor: Any = None) -> bool:
        object_function.defineProperty(_object(target, "defineProperty"), name, descriptor)
        return True

    @staticmethod
    def deleteProperty(target: Any = None, name: Any = None) -> bool:
        if isinstance(_object(target, "deleteProperty"), JsObject):
            delattr(target, js_string(name))
            return True
        return js_string(name) not in own_properties(target)

    @staticmethod
    def apply(function: Any = None, _this: Any = None, arguments: Any = None) -> Any:
        if not callable(function):
            raise JsTypeError.new(
                f"Function.prototype.apply was called on {js_string(function)}, which is "
                f"{_article(js_typeof(function))} and not a function"
            )
        return function(*_list(arguments))

    @staticmethod
    def construct(constructor: Any = None, arguments: Any = None, _new_target: Any = None) -> Any:
        make = getattr(constructor, "new", None)
        if make is None:
            raise JsTypeError.new(f"{js_string(constructor)} is not a constructor")
        return make(*_list(arguments))


def _object(value: Any, name: str) -> Any:
    if not isinstance(value, JsProxy) and js_typeof(value) not in {"object", "function"}:
        raise JsTypeError.new(f"Reflect.{name} called on non-object")
    return value


def _index(target: Any, name: Any) -> int | None:
    """The index that a name is, if the object is an array."""
    text = js_string(name)
    return int(text) if isinstance(target, JsArray) and text.isascii() and text.isdecimal() else None


def _list(arguments: Any) -> list[Any]:
    if not isinstance(arguments, JsArray):
        raise JsTypeError.new("CreateListFromArrayLike called on non-object")
    return list(arguments)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


reflect_object: Any = object.__new__(Reflect)
