"""Functions that JavaScript calls back, and values that it iterates over."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.conversions import js_typeof
from wrangler_py.worker.platform.values import JsObject, JsProxy, JsTypeError, js_string, jsnull, own_properties

_PLATFORM: Final = "wrangler_py.worker.platform."


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Call a callback as Pyodide does for JavaScript: a Python function gets every argument, and must take it.

    A coroutine begins to run, whether or not somebody waits for it.
    """
    code = getattr(function, "__code__", None)
    if code is not None and not code.co_flags & inspect.CO_VARARGS and function.__module__.startswith(_PLATFORM):
        args = args[: code.co_argcount - (1 if hasattr(function, "__self__") else 0)]
    result = function(*args)
    return asyncio.ensure_future(result) if inspect.iscoroutine(result) else result


def callback(value: Any) -> Callable[..., Any]:
    """A function that the language's own methods call. Raises TypeError for what is no function."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    raise JsTypeError.new(f"{described(value)} is not a function")


def described(value: Any) -> str:
    """A value in an error, with its type in front."""
    if value is None:
        return "undefined"
    if isinstance(value, str):
        return f'string "{value}"'
    if value is jsnull or isinstance(value, bool | int | float):
        return f"{js_typeof(value)} {js_string(value)}"
    return js_string(value)


def iterate(values: Any) -> Any:
    """The values of what a constructor was given. Raises TypeError for what has none."""
    return () if values is None or values is jsnull else iterable(values)


def iterable(values: Any) -> Any:
    """What JavaScript can iterate over. Raises TypeError for anything else."""
    if isinstance(values, JsObject):
        raise JsTypeError.new("object is not iterable (cannot read property Symbol(Symbol.iterator))")
    if values is None or values is jsnull or isinstance(values, bool | int | float):
        raise JsTypeError.new(f"{described(values)} is not iterable (cannot read property Symbol(Symbol.iterator))")
    return values


def entry(pair: Any) -> tuple[Any, Any]:
    """The key and the value of an entry of a Map or an object. Raises TypeError for what is no object."""
    if pair is None or pair is jsnull or isinstance(pair, str | bool | int | float):
        raise JsTypeError.new(f"Iterator value {js_string(pair)} is not an entry object")
    if isinstance(pair, JsObject | dict):
        properties = own_properties(pair)
        return properties.get("0"), properties.get("1")
    parts = [*pair, None, None]
    return parts[0], parts[1]


def entries_of(value: Any) -> Any:
    """The values that JavaScript iterates over: of a Map, the pairs, where Python iterates over the keys."""
    named = type(value).__name__ if isinstance(value, JsProxy) else ""
    return value.entries() if named in {"JsMap", "LiteralMap", "FormData", "URLSearchParams"} else value
