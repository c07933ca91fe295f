"""Constructors, as programs see them.

In Pyodide a constructor of JavaScript is an object, and no class of Python's: `isinstance(value, js.Response)`,
`except js.TypeError` and `class Mine(js.EventTarget)` raise TypeError. The classes of this package are classes, so
programs get an object in front of each.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Final

from wrangler_py.worker.platform.functions import js_function_object
from wrangler_py.worker.platform.not_emulated import NotEmulatedAttributeError
from wrangler_py.worker.platform.values import JsProxy, JsProxyMeta, JsTypeError

_LENGTHS: Final = {
    **dict.fromkeys(("Array", "ArrayBuffer", "DataView", "Promise", "Error", "EvalError", "RangeError"), 1),
    **dict.fromkeys(("ReferenceError", "SyntaxError", "TypeError", "URIError"), 1),
    **dict.fromkeys(("Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array"), 3),
    **dict.fromkeys(("Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"), 3),
    "AggregateError": 2,
    "Date": 7,
}
"""How many parameters the constructors of the language have. Those of the web platform say that they have none."""

_OWN = frozenset({"_cls", "_js_class", "new"})


class JsClass(JsProxy):
    """A constructor. What it has are the attributes of the class behind it."""

    js_name = "Function"
    __slots__ = ("_cls", "new")

    _cls: JsProxyMeta
    new: Callable[..., Any]
    """The class's own, at hand: programs ask for nothing more often."""

    @property
    def js_id(self) -> int:
        return id(self)

    @property
    def typeof(self) -> str:
        return "function"

    def toString(self) -> str:
        return repr(self._cls)

    def __call__(self, *args: Any, **options: Any) -> Any:
        make: Any = self._cls.new if self._cls.is_callable else self._cls
        return make(*args, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _OWN:
            raise AttributeError(name)
        if name in {"prototype", "length"}:
            return self._property(name)
        value = getattr(self._cls, name)
        if isinstance(value, FunctionType | property) and _is_of_instances(self._cls, name):
            raise AttributeError(name)  # of instances: JavaScript has it in the prototype
        return js_function_object(value, name.removesuffix("_")) if isinstance(value, _FUNCTIONS) else value

    def _property(self, name: str) -> Any:
        if name == "length":
            return _LENGTHS.get(self._cls.js_name, 0)
        raise NotEmulatedAttributeError(
            f"wrangler-py has no js.{self._cls.js_name}.prototype. Call the method on an object, "
            "or run this route with `pywrangler dev`"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        elif name in {"name", "length", "prototype"}:
            raise JsTypeError.new(f"Cannot assign to read only property '{name}' of function '{self.toString()}'")
        else:
            setattr(self._cls, name, value)

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        raise TypeError(f"js.{self._cls.js_name} is a constructor of JavaScript, which Python can't extend")

    def __dir__(self) -> list[str]:
        return [*dir(self._cls), "new"]


_FUNCTIONS = (FunctionType, MethodType)


def _is_of_instances(cls: type, name: str) -> bool:
    found = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
    return isinstance(found, FunctionType | property)


def js_class(cls: JsProxyMeta) -> JsClass:
    """The constructor of a class: one object for each."""
    made: JsClass | None = cls.__dict__.get("_js_class")
    if made is None:
        made = object.__new__(JsClass)
        made._cls, made.new = cls, cls.new
        type.__setattr__(cls, "_js_class", made)
    return made


JsProxy._class_of = staticmethod(js_class)
