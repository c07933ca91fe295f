"""Functions and namespaces of JavaScript as objects. A function has a name, `call`, `apply` and `bind`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.values import FunctionConstructor, JsObject, JsProxy, js_object, jsnull

_LENGTHS: Final = {
    **dict.fromkeys(("parseFloat", "isFinite", "isNaN", "escape", "unescape", "eval"), 1),
    **dict.fromkeys(("decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent"), 1),
    "parseInt": 2,
    "parse": 2,
    "stringify": 3,
}
"""How many parameters the functions of the language have. Those of the web platform say that they have none."""


class JsFunction(JsProxy):
    """A function of JavaScript. It ignores arguments that it has no parameters for; keywords become an object."""

    js_name = "Function"
    __slots__ = ("_function", "_most", "name")

    _function: Callable[..., Any]
    _most: int
    name: str

    @property
    def typeof(self) -> str:
        return "function"

    @property
    def length(self) -> int:
        return _LENGTHS.get(self.name, 0)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if options:
            args += (js_object(options),)
        return self._function(*args[: self._most])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsFunction) and self._function == other._function

    __hash__ = None

    def call(self, _this: Any = None, *args: Any) -> Any:
        return self(*args)

    def apply(self, _this: Any = None, args: Any = None) -> Any:
        return self(*(() if args is None or args is jsnull else args))

    def bind(self, _this: Any = None, *args: Any) -> JsFunction:
        return js_function_object(lambda *more: self(*args, *more), f"bound {self.name}")

    def toString(self) -> str:
        return f"function {self.name}() {{ [native code] }}"

    def __get__(self, _instance: Any, _owner: Any = None) -> JsFunction:
        return self


_ALL: Final = 1 << 30


def js_function_object(function: Callable[..., Any], name: str) -> JsFunction:
    """A function of the platform as programs see it."""
    if isinstance(function, JsFunction):
        return function
    made = object.__new__(JsFunction)
    made._function, made.name, made._most = function, name, _parameters(function)
    return made


def _parameters(function: Callable[..., Any]) -> int:
    """How many arguments a function takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return _ALL
    return sum(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters)


class FunctionWithFunctions(JsProxy):
    """Base of functions of the language that have functions, such as `Number` and `Object`."""

    name: str

    @property
    def typeof(self) -> str:
        return "function"

    @property
    def constructor(self) -> Any:
        return FunctionConstructor

    @property
    def length(self) -> int:
        return 0 if self.name == "Symbol" else 1

    def __init_subclass__(cls) -> None:
        _make_functions(cls)

    def toString(self) -> str:
        return f"function {self.name}() {{ [native code] }}"


class Namespace(JsProxy):
    """Base of objects that only hold functions: `Math`, `JSON` and `Reflect`."""

    @property
    def constructor(self) -> Any:
        return self._class_of(JsObject)

    def __init_subclass__(cls) -> None:
        _make_functions(cls)


def _make_functions(cls: type) -> None:
    for name, value in list(vars(cls).items()):
        if isinstance(value, staticmethod):
            type.__setattr__(cls, name, js_function_object(value.__func__, name.removesuffix("_")))
