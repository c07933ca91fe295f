"""The names of workerd's global scope and its classes: each is there, or says that it is not emulated."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from support.node_packages import Node
from support.web_platform.names import names_on_workerd, recorded_names

from wrangler_py.worker.platform import js_module
from wrangler_py.worker.platform.not_emulated import MissingGlobal, NotEmulatedError

_RECORD = "run python -m support.web_platform.names, and look at what changed in names.json"
_js = js_module.namespace

_OF_PRIMITIVES = ("BigInt", "Boolean", "Number", "String", "Symbol")
"""Python has values of its own in the place of their instances."""

LACKING: dict[str, dict[str, str]] = {
    "Array": {"keys": "Pyodide does not show Python this method"},
    "Object": {"*": "of every object, where Python has its own ways: `in`, `str`, `==`"},
    "WritableStreamDefaultController": {"signal": "it is there when a stream is made, which tests of streams show"},
    "console": {"context": "for the debugger", "createTask": "for the debugger"},
}
"""What is missing here, by global, with the reason."""

_INSTANCES: dict[str, Any] = {
    "AbortSignal": lambda: _js.AbortSignal.abort(),
    "ByteLengthQueuingStrategy": lambda: _js.ByteLengthQueuingStrategy.new(highWaterMark=1),
    "CountQueuingStrategy": lambda: _js.CountQueuingStrategy.new(highWaterMark=1),
    "ErrorEvent": lambda: _js.ErrorEvent.new("error"),
    "Event": lambda: _js.Event.new("x"),
    "File": lambda: _js.File.new(_js.Array.new(), "x"),
    "TextDecoder": lambda: _js.TextDecoder.new(),
    "TextDecoderStream": lambda: _js.TextDecoderStream.new(),
    "TransformStream": lambda: _js.TransformStream.new(),
    "WebSocket": lambda: _js.WebSocketPair.new().object_values()[0],
    **{name: (lambda name=name: getattr(_js, name).new("x")) for name in (
        "Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError",
    )},
    "AggregateError": lambda: _js.AggregateError.new(_js.Array.new()),
}  # fmt: skip
"""Makes an instance of a class whose instances get their properties when they are made."""


def _python_name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _is_there(value: Any, name: str) -> bool:
    """Whether a value has the name, or says that it is not emulated."""
    try:
        getattr(value, _python_name(name))
    except NotEmulatedError:
        return True
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(recorded_names()))
async def test_names_of_the_platform_are_there(name: str) -> None:
    value = getattr(_js, _python_name(name))
    if isinstance(value, MissingGlobal):
        return
    names, lacking = recorded_names()[name], LACKING.get(name, {})
    missing = [own for own in names["own"] if not _is_there(value, own)]
    if name not in _OF_PRIMITIVES and "*" not in lacking:
        instance = _INSTANCES[name]() if name in _INSTANCES else getattr(value, "_cls", value)
        missing += [own for own in names.get("of_instances", []) if not _is_there(instance, own)]
    assert [each for each in missing if each not in lacking] == []
    assert [each for each in lacking if each != "*" and each not in missing] == [], "there now: not `LACKING`"


async def test_the_newest_workerd_has_the_recorded_names(newest_node: Node) -> None:
    assert names_on_workerd(newest_node.modules, newest_node.environment) == recorded_names(), _RECORD
