"""`JSON`, with V8's messages for text that is not JSON."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.callbacks import call
from wrangler_py.worker.platform.values import (
    JsException,
    JsObject,
    JsProxy,
    JsSyntaxError,
    JsTypeError,
    js_function,
    js_object,
    js_string,
    jsnull,
    own_properties,
)

_SPACE: Final = " \t\n\r"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


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
    error: Exception = JsSyntaxError.new(_Finder(text).problem())
    return error


class _Finder:
    """Looks for what is wrong in a text, as V8 does."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def problem(self) -> str:
        try:
            self._value()
            self._skip()
            if self._at < len(self._text):
                self._stop("Unexpected non-whitespace character after JSON")
        except _Found as found:
            return str(found)
        except RecursionError:
            return "Maximum call stack size exceeded"
        return "Unexpected end of JSON input"

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1

    def _peek(self) -> str:
        self._skip()
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        self._skip()
        if self._at >= len(self._text):
            raise _Found("Unexpected end of JSON input")
        return self._text[self._at]

    def _stop(self, what: str) -> None:
        before = self._text[: self._at]
        line = before.count("\n") + 1
        column = self._at - (before.rfind("\n") + 1) + 1
        where = "" if what.endswith("JSON") else " in JSON"
        raise _Found(f"{what}{where} at position {self._at} (line {line} column {column})")

    def _unexpected(self) -> None:
        shown = self._text
        if self._text in {"undefined", "NaN", "Infinity", "[object Object]"}:
            raise _Found(f'"{shown}" is not valid JSON')
        if len(shown) > 40:
            start, end = max(0, self._at - 10), self._at + 10
            shown = f"{'...' if start else ''}{shown[start:end]}"
            shown = f'"{shown}"' + ("... " if end < len(self._text) else " ")
            raise _Found(f"Unexpected token '{self._text[self._at]}', {shown}is not valid JSON")
        raise _Found(f"Unexpected token '{self._text[self._at]}', \"{shown}\" is not valid JSON")

    def _value(self) -> None:
        first = self._next()
        if first == "{":
            self._object()
        elif first == "[":
            self._array()
        elif first == '"':
            self._string()
        elif first in "-0123456789":
            self._number()
        else:
            self._word()

    def _word(self) -> None:
        for word in ("true", "false", "null"):
            if word[0] == self._text[self._at]:
                for letter in word:
                    if self._at >= len(self._text):
                        raise _Found("Unexpected end of JSON input")
                    if self._text[self._at] != letter:
                        self._unexpected()
                    self._at += 1
                return
        self._unexpected()

    def _number(self) -> None:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            self._at += 1
            self._stop("No number after minus sign")
        else:
            self._at = found.end()
            rest = self._text[self._at :]
            if rest[:1] == "." and not rest[1:2].isdigit():
                self._at += 1
                self._stop("Unterminated fractional number")
            if rest[:1] in {"e", "E"}:
                self._at += 2 if rest[1:2] in {"+", "-"} else 1
                self._stop("Exponent part is missing a number")
            if found[0].lstrip("-") == "0" and self._at < len(self._text) and self._text[self._at].isdigit():
                self._stop("Unexpected number")

    def _string(self) -> None:
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                self._at += 1
                return
            if character < " ":
                self._stop("Bad control character in string literal")
            if character == "\\":
                self._at += 1
                escape = self._text[self._at : self._at + 1]
                if escape == "u":
                    if not re.fullmatch("[0-9A-Fa-f]{4}", self._text[self._at + 1 : self._at + 5]):
                        self._stop("Bad Unicode escape")
                elif escape and escape not in '"\\/bfnrt':
                    self._stop("Bad escaped character")
            self._at += 1
        self._stop("Unterminated string")

    def _object(self) -> None:
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        first = True
        while True:
            if self._peek() != '"':
                self._stop("Expected property name or '}'" if first else "Expected double-quoted property name")
            self._string()
            if self._peek() != ":":
                self._stop("Expected ':' after property name")
            self._at += 1
            self._value()
            first = False
            if self._peek() == "}":
                self._at += 1
                return
            if self._peek() != ",":
                self._stop("Expected ',' or '}' after property value")
            self._at += 1

    def _array(self) -> None:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            self._value()
            if self._peek() == "]":
                self._at += 1
                return
            if self._peek() != ",":
                self._stop("Expected ',' or ']' after array element")
            self._at += 1


class _Found(Exception):
    """The fault that a text has."""


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
        self._inside: set[int] = set()

    def write(self, _holder: Any, key: str, value: Any, margin: str) -> str | None:
        to_json = getattr(value, "toJSON", None) if isinstance(value, JsProxy) else None
        if callable(to_json):
            value = call(to_json, key)
        if self._function is not None:
            value = call(self._function, key, value)
        if value is None or callable(value):
            return None
        if value is jsnull:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return _quoted(value)
        if isinstance(value, int | float):
            return js_string(value) if value == value and abs(value) != float("inf") else "null"
        if not isinstance(value, JsProxy | list | tuple | dict):
            return "{}"  # a Python object has no properties of its own for JavaScript
        return self._write_object(value, margin)

    def _write_object(self, value: JsProxy | list[Any] | tuple[Any, ...] | dict[Any, Any], margin: str) -> str:
        if id(value) in self._inside:
            raise JsTypeError.new("Converting circular structure to JSON")
        self._inside.add(id(value))
        inner = margin + self._indent
        if isinstance(value, JsArray | list | tuple):  # JavaScript sees an array in Python's sequences
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
        self._inside.discard(id(value))
        return text

    def _joined(self, opening: str, parts: list[str], closing: str, margin: str) -> str:
        if not parts or not self._indent:
            return opening + ",".join(parts) + closing
        inner = "\n" + margin + self._indent
        return opening + inner + f",{inner}".join(parts) + "\n" + margin + closing


def _members(value: object) -> dict[str, Any]:
    return {} if isinstance(value, JsException) else own_properties(value)


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    if text.isascii():
        return quoted
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", quoted)


class JSON(JsProxy):
    """`JSON`."""

    illegal_constructor = True

    @staticmethod
    def parse(text: Any = None, reviver: Any = None) -> Any:
        value = parse(js_string(text))
        return value if reviver is None else _revive(js_object({"": value}), "", value, reviver)

    @staticmethod
    @js_function
    def stringify(value: Any = None, replacer: Any = None, space: Any = None) -> Any:
        return stringify(value, replacer, space)


def _revive(_holder: Any, key: str, value: Any, reviver: Any) -> Any:
    if isinstance(value, JsArray):
        for index, item in enumerate(list(value)):
            value[index] = _revive(value, str(index), item, reviver)
    elif isinstance(value, JsObject):
        values = own_properties(value)
        for name, item in list(values.items()):
            revived = _revive(value, name, item, reviver)
            if revived is None:
                del values[name]
            else:
                values[name] = revived
    return call(reviver, key, value)
