"""Runs an operation and shows its result as text. Real Pyodide runs this file, too: it imports nothing else here.

The messages of Python's own exceptions are left out: they name classes, and here they may carry a hint.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
from typing import Any

import js  # type: ignore[import-not-found]
from pyodide import ffi  # type: ignore[import-not-found]

_KINDS = (
    *("JsArray", "JsAsyncGenerator", "JsAsyncIterable", "JsAsyncIterator", "JsBuffer", "JsCallable"),
    *("JsDoubleProxy", "JsException", "JsGenerator", "JsIterable", "JsIterator", "JsMap", "JsMutableMap"),
    *("JsPromise", "JsTypedArray"),
)
_LIMIT_S = 3


def json(text: str) -> Any:
    """A JavaScript value from JSON."""
    return js.JSON.parse(text)


class Thing:
    """An object of Python's own."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def double(self) -> Any:
        return self.value * 2


async def run(operation: str) -> str:
    """What the operation's last expression gives, or raises."""
    tree = ast.parse(operation)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.Return(last.value)
    function = ast.parse("async def operation(): pass")
    function.body[0].body = tree.body  # type: ignore[attr-defined]
    scope = vars(ffi) | {"__name__": "operation", "js": js, "json": json, "Thing": Thing, "asyncio": asyncio}
    exec(compile(ast.fix_missing_locations(function), "operation", "exec"), scope)
    try:
        return show(await asyncio.wait_for(scope["operation"](), _LIMIT_S))
    except TimeoutError:
        return "never"
    except Exception as error:
        return f"raises {_error(error)}"


def _error(error: BaseException) -> str:
    if isinstance(error, ffi.JsException):
        return f"JsException {error.name}: {error.message.splitlines()[0] if error.message else ''}"
    return type(error).__name__


def show(value: Any, depth: int = 4) -> str:
    """The value as text that tells types apart."""
    if depth == 0:
        return "…"
    match value:
        case ffi.JsException():
            return f"<{_error(value)}>"
        case BaseException():
            return f"<{_error(value)}>"
    if value is getattr(ffi, "jsnull", ...):
        return "jsnull"
    if _is_proxy(value):
        return _show_proxy(value, depth)
    match value:
        case list() | tuple():
            inner = ", ".join(show(item, depth - 1) for item in value)
            return f"{type(value).__name__}({inner})"
        case set() | frozenset():
            return f"{type(value).__name__}({', '.join(sorted(show(item, depth - 1) for item in value))})"
        case dict():
            pairs = (f"{show(key, depth - 1)}: {show(item, depth - 1)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
        case memoryview():
            return f"memoryview({value.format}, {value.tobytes()!r})"
        case type():
            return f"class {value.__name__}"
        case Thing():
            return f"Thing({show(value.value, depth - 1)})"
        case None | bool() | int() | float() | str() | bytes() | bytearray() | complex():
            return repr(value)
    return f"a {type(value).__name__}"


def _is_proxy(value: Any) -> bool:
    return isinstance(value, ffi.JsProxy)


def _show_proxy(value: Any, depth: int) -> str:
    kinds = [kind for kind in _KINDS if isinstance(value, getattr(ffi, kind))]
    return f"<{' '.join([_name(value), *kinds])}{_content(value, depth)}>"


def _name(value: Any) -> str:
    if value.typeof != "object":
        return str(value.typeof)
    constructor = getattr(value, "constructor", None)
    return str(getattr(constructor, "name", "?"))


def _content(value: Any, depth: int) -> str:
    name = _name(value)
    if name == "Array":
        return "".join(" " + show(item, depth - 1) for item in value)
    if name == "Set":
        return "".join(" " + show(item, depth - 1) for item in value.values())
    if name == "Map":
        return "".join(f" {show(key, depth - 1)}={show(item, depth - 1)}" for key, item in value.items())
    if name == "Object":
        return "".join(f" {pair[0]}={show(pair[1], depth - 1)}" for pair in js.Object.entries(value))
    if isinstance(value, ffi.JsTypedArray):
        return f" {value.to_bytes().hex()}"
    if name == "Date":
        return f" {value.getTime()}"
    return ""


async def run_all(operations: builtins.list[str]) -> builtins.list[str]:
    """The results of operations, in order."""
    return [await run(operation) for operation in operations]
