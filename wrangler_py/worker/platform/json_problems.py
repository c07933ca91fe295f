"""What is wrong with a text that is not JSON, in V8's words."""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = " \t\n\r"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def json_problem(text: str) -> str:
    """The message of the SyntaxError for a text that is not JSON."""
    return _Finder(text).problem()


class _Finder:
    """Reads a text until what is wrong in it, as V8 does."""

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
        start, end = (max(0, self._at - 10), self._at + 10) if len(shown) > 20 else (0, len(shown))
        before, behind = "..." if start else "", "..." if end < len(shown) else ""
        raise _Found(
            f"Unexpected token '{self._text[self._at]}', {before}\"{shown[start:end]}\"{behind} is not valid JSON"
        )

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
                if not escape:
                    raise _Found("Unexpected end of JSON input")
                if escape == "u":
                    for _ in range(4):
                        self._at += 1
                        if self._text[self._at : self._at + 1] not in _HEX:
                            self._stop("Bad Unicode escape")
                elif escape not in '"\\/bfnrt':
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
