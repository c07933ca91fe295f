"""Runs an operation on this project's platform, as Python, and shows its result as the JavaScript side does."""

from __future__ import annotations

import ast
import asyncio
import math
from typing import Any

from support.web_platform.record import COMPATIBILITY_DATE

from wrangler_py.project.python_flags import enabled_flags
from wrangler_py.worker.platform import js_module
from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.convert import create_proxy
from wrangler_py.worker.platform.current import current
from wrangler_py.worker.platform.modules import _cloudflare_compat_flags
from wrangler_py.worker.platform.promise import JsPromise
from wrangler_py.worker.platform.typed_arrays import uint8_array
from wrangler_py.worker.platform.urls import URLSearchParams
from wrangler_py.worker.platform.values import JsException, JsProxy, js_object, js_string, jsnull

_LIMIT_S = 3


class _Request:
    """An invocation that has nothing: operations reach no other server."""

    in_request = True


async def gather(iterable: Any) -> list[Any]:
    return [item async for item in iterable]


async def run_here(operation: str) -> Any:
    """What `run` of the JavaScript side gives."""
    function = compiled(operation)
    current.set(_Request())  # type: ignore[arg-type]
    _cloudflare_compat_flags.enabled = enabled_flags(COMPATIBILITY_DATE, ())
    try:
        return {"value": show(await asyncio.wait_for(function(), _LIMIT_S))}
    except TimeoutError:
        return {"never": True}
    except JsException as error:
        return {"throws": error.message if error.name == "" else show(error)}
    except Exception as error:
        return {"throws": {"$": type(error).__name__, "message": str(error)}}


def compiled(operation: str) -> Any:
    """The operation as an async function. Its own functions are proxies, so that the platform may keep them."""
    tree = _Callbacks().visit(ast.parse(operation))
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.Return(last.value)
    function = ast.parse("async def operation(): pass")
    function.body[0].body = tree.body  # type: ignore[attr-defined]
    scope = _Names()
    exec(compile(ast.fix_missing_locations(function), operation, "exec"), scope)
    return scope["operation"]


class _Callbacks(ast.NodeTransformer):
    def visit_Lambda(self, node: ast.Lambda) -> Any:
        self.generic_visit(node)
        return ast.Call(ast.Name("create_proxy", ast.Load()), [node], [])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.generic_visit(node)
        node.decorator_list.append(ast.Name("create_proxy", ast.Load()))
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        self.generic_visit(node)
        node.decorator_list.append(ast.Name("create_proxy", ast.Load()))
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        self.generic_visit(node)
        node.type = ast.Name("JsException", ast.Load())
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        return ast.Await(node) if isinstance(node.func, ast.Name) and node.func.id == "gather" else node


class _Names(dict[str, Any]):
    def __init__(self) -> None:
        super().__init__(
            u8=lambda data: uint8_array(bytearray(data)),
            obj=lambda *given, **named: js_object(dict(*given, **named)),
            arr=lambda *given: js_array(list(given)),
            items=lambda value: js_array(list(value.entries() if isinstance(value, URLSearchParams) else value)),
            gather=gather,
            undefined=lambda value: value is None,
            null=jsnull,
            create_proxy=create_proxy,
            JsException=JsException,
            str=js_string,
            len=len,
            swap=str.replace,
        )

    def __missing__(self, name: str) -> Any:
        return getattr(js_module.namespace, name)


def show(value: Any) -> Any:
    """The value as JSON, as `show` of the JavaScript side."""
    if value is None:
        return {"$": "undefined"}
    if value is jsnull:
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return {"$": "number", "value": js_string(value)}
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(value, list | tuple):
        return [show(item) for item in value]
    if isinstance(value, JsException):
        return {"$": "error", "name": value.name, "message": value.message}
    if isinstance(value, JsPromise):
        return {"$": "Promise"}
    if not isinstance(value, JsProxy):
        return {"$": "function"} if callable(value) else {"$": f"Python {type(value).__name__}"}
    kind = value.constructor.name
    if isinstance(value, JsBuffer):
        return {"$": kind, "hex": value.to_bytes().hex()}
    return _show_object(kind, value)


def _show_object(kind: str, value: Any) -> Any:
    match kind:
        case "Array":
            return [show(item) for item in value]
        case "URL":
            return {"$": kind, "href": value.href}
        case "File":
            return {"$": kind, "name": value.name, "type": value.type, "size": value.size}
        case "Blob":
            return {"$": kind, "type": value.type, "size": value.size}
        case "Date":
            return {"$": kind, "value": show(value.getTime())}
        case "Headers" | "URLSearchParams" | "FormData" | "Map":
            return {"$": kind, "entries": [show(item) for item in value.entries()]}
        case "Set":
            return {"$": kind, "entries": [show(item) for item in value]}
        case "Object":
            return {"$": "Object", "entries": [show(item) for item in value.object_entries()]}
        case "Function":
            return {"$": "function"}
    return {"$": kind}
