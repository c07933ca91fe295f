"""`JSON`, with V8's messages for text that is not JSON."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.borrowed import AFTER_ITERATION, DestroyedProxy, kept
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.convert import JsDoubleProxy
from wrangler_py.worker.platform.functions import Namespace
from wrangler_py.worker.platform.js_big_int import is_big
from wrangler_py.worker.platform.json_problems import json_problem
from wrangler_py.worker.platform.json_revival import revived
from wrangler_py.worker.platform.values import (
    JsException,
    JsObject,
    JsProxy,
    JsSyntaxError,
    JsTypeError,
    js_object,
    js_string,
    jsnull,
    own_properties,
)

_SPACE: Final = " \t\n\r"


def parse(text: str) -> Any:
    """A value from JSON. Raises JavaScript's SyntaxError for text that is not JSON."""
    try:
        return from_python(json.loads(text, parse_constant=_refuse, parse_float=_float))
    except (ValueError, RecursionError):
        raise _problem(text) from None


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _float(text: str) -> float | int:
    value = float(text)
    return int(value) if value == value and abs(value) < 2**53 and value == int(value) and value else value


def from_python(value: Any) -> Any:
    """The values that Python's `json` reads from a text, as JavaScript values."""
    if isinstance(value, dict):
        return js_object({name: from_python(item) for name, item in value.items()})
    if isinstance(value, list):
        return js_array([from_python(item) for item in value])
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return float(value) if abs(value) < 10**308 else (float("inf") if value > 0 else float("-inf"))
    return jsnull if value is None else value


def _problem(text: str) -> Exception:
    error: Exception = JsSyntaxError.new(json_problem(text))
    return error


class RawJSON(JsObject):
    """What `JSON.rawJSON` makes: a text that `JSON.stringify` takes as it is."""

    js_name = "Object"


def raw_json(text: str) -> RawJSON:
    """Raises SyntaxError for a text that is not JSON of a value without parts."""
    if not text or text[0] in _SPACE or text[-1] in _SPACE:
        raise JsSyntaxError.new("Invalid value for JSON.rawJSON")
    if text[0] in "{[":
        raise JsSyntaxError.new(f"Unexpected token '{text[0]}', \"{text}\" is not valid JSON")
    parse(text)
    made = RawJSON.new({"rawJSON": text})
    made.close_to_changes("frozen")
    return made


def stringify(value: Any, replacer: Any = None, space: Any = None) -> str | None:
    """JSON text; None for what has none."""
    indent = ""
    if isinstance(space, int | float) and not isinstance(space, bool):
        indent = " " * max(0, min(10, int(space)))
    elif isinstance(space, str):
        indent = space[:10]
    allowed = {js_string(name) for name in replacer} if isinstance(replacer, JsArray) else None
    function = replacer if callable(replacer) else None
    return _Writer(indent, allowed, function).write(js_object({"": value}), "", value, "")


class _Writer:
    def __init__(self, indent: str, allowed: set[str] | None, function: Any) -> None:
        self._indent, self._allowed, self._function = indent, allowed, function
        self._inside: list[tuple[str, Any]] = []
        """The objects that are being written, outermost first, each with its key."""

    def write(self, _holder: Any, key: str, value: Any, margin: str) -> str | None:
        to_json = getattr(value, "toJSON", None) if isinstance(value, JsProxy) else None
        if callable(to_json):
            value = call(to_json, key)
        if self._function is not None:
            value = call(self._function, key, value)
        if isinstance(value, JsDoubleProxy):
            value = value.unwrap()
        if value is None or callable(value) or (isinstance(value, JsProxy) and value.typeof == "symbol"):
            return None
        if value is jsnull:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return _quoted(value)
        if is_big(value):
            raise JsTypeError.new("Do not know how to serialize a BigInt")
        if isinstance(value, int | float):
            return js_string(value) if value == value and abs(value) != float("inf") else "null"
        if isinstance(value, RawJSON):
            return str(value.rawJSON)
        if isinstance(value, DestroyedProxy):
            value.fail()
        if not isinstance(value, JsProxy | dict) and not _is_sequence(value):
            return "{}"  # a Python object has no properties of its own for JavaScript
        return self._write_object(key, value, margin)

    def _write_object(
        self, key: str, value: JsProxy | Sequence[Any] | bytearray | dict[Any, Any], margin: str
    ) -> str:
        for depth, (_, outer) in enumerate(self._inside):
            if outer is value:
                raise JsTypeError.new(_circle(self._inside[depth:], key))
        self._inside.append((key, value))
        inner = margin + self._indent
        if not isinstance(value, JsProxy | dict):
            # Pyodide makes an Array of a Python sequence, and destroys the proxies of its items when it is made.
            parts = [
                self.write(value, str(i), kept(item, AFTER_ITERATION), inner) or "null"
                for i, item in enumerate(value)
            ]
            text = self._joined("[", parts, "]", margin)
        elif isinstance(value, JsArray):
            parts = [self.write(value, str(i), item, inner) or "null" for i, item in enumerate(value)]
            text = self._joined("[", parts, "]", margin)
        else:
            parts = []
            for name, item in _members(value).items():
                if self._allowed is not None and name not in self._allowed:
                    continue
                written = self.write(value, name, item, inner)
                if written is not None:
                    parts.append(f"{_quoted(name)}:{' ' if self._indent else ''}{written}")
            text = self._joined("{", parts, "}", margin)
        self._inside.pop()
        return text

    def _joined(self, opening: str, parts: list[str], closing: str, margin: str) -> str:
        if not parts or not self._indent:
            return opening + ",".join(parts) + closing
        inner = "\n" + margin + self._indent
        return opening + inner + f",{inner}".join(parts) + "\n" + margin + closing


def _is_sequence(value: object) -> bool:
    """Whether JavaScript makes an Array of a Python object."""
    return isinstance(value, Sequence | bytearray) and not isinstance(value, memoryview | str | JsProxy)


def _circle(chain: list[tuple[str, Any]], key: str) -> str:
    """The message for an object that contains itself: the way from it to the property `key`, which holds it."""

    def kind(value: Any) -> str:
        return f"object with constructor '{value.constructor.name if isinstance(value, JsProxy) else 'Object'}'"

    def at(holder: Any, name: str) -> str:
        return f"index {name}" if isinstance(holder, JsArray | Sequence) else f"property '{name}'"

    steps = [
        f"    |     {at(holder, name)} -> {kind(value)}" for (_, holder), (name, value) in itertools.pairwise(chain)
    ]
    if len(steps) > 3:
        steps[2:-1] = ["    |     ..."]
    start, end = f"    --> starting at {kind(chain[0][1])}", f"    --- {at(chain[-1][1], key)} closes the circle"
    return "\n".join(["Converting circular structure to JSON", start, *steps, end])


def _members(value: object) -> dict[str, Any]:
    return {} if isinstance(value, JsException) else own_properties(value)


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    if text.isascii():
        return quoted
    quoted = quoted.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # joins pairs
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", quoted)


class JSON(Namespace):
    """`JSON`."""

    @staticmethod
    def parse(text: Any = None, reviver: Any = None) -> Any:
        source = js_string(text)
        value = parse(source)
        return revived(source, value, reviver) if callable(reviver) else value

    @staticmethod
    def stringify(value: Any = None, replacer: Any = None, space: Any = None) -> Any:
        return stringify(value, replacer, space)

    @staticmethod
    def rawJSON(text: Any = None) -> Any:
        return raw_json(js_string(text))

    @staticmethod
    def isRawJSON(value: Any = None) -> bool:
        return isinstance(value, RawJSON)


json_namespace: Any = object.__new__(JSON)
