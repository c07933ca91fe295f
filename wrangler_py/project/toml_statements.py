"""The statements of a TOML text - table headers and assignments - with their places.

The text must be valid: `tomllib` has judged it. That leaves this scanner with finding where things are.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from wrangler_py.project.spans import Item, KeyPath, Node, line_end, line_start

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_MULTILINE_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2}(?!"))', re.DOTALL)
_MULTILINE_LITERAL = re.compile(r"'''.*?'''(?:'{0,2}(?!'))", re.DOTALL)
_SCALAR = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:[^\s,\]}#]+|[^\s,\]}#]+")


@dataclass(slots=True)
class Statement:
    """A table header (`value` is None) or an assignment.

    `path` leads to the table or the value from the top of the document; `keys` are the keys as written.
    `start` and `end` take in its whole lines, the comment and line end behind it included.
    """

    path: KeyPath
    keys: tuple[str, ...]
    start: int
    end: int
    value: Node | None = None

    @property
    def is_header(self) -> bool:
        return self.value is None

    def is_within(self, path: KeyPath) -> bool:
        """Whether it is the statement for `path` or for something inside it."""
        return self.path[: len(path)] == path


def statements_of(text: str) -> list[Statement]:
    """The statements of the valid TOML document `text`, in order."""
    return _Scanner(text).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lengths: dict[KeyPath, int] = {}
        """Number of elements so far of each array of tables."""

    def document(self) -> list[Statement]:
        statements = []
        table: KeyPath = ()
        while self.skip(_BLANK) < len(self.text):
            start = line_start(self.text, self.at)
            if self.text[self.at] == "[":
                table, keys = self.header()
                statements.append(Statement(table, keys, start, line_end(self.text, self.at)))
            else:
                keys = self.keys()
                self.at += 1  # the equals sign
                self.skip(_SPACES)
                value = self.value()
                end = line_end(self.text, value.end)
                statements.append(Statement((*table, *keys), keys, start, end, value))
            self.at = statements[-1].end
        return statements

    def skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at

    def header(self) -> tuple[KeyPath, tuple[str, ...]]:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        self.skip(_SPACES)
        keys = self.keys()
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self.resolve((*path, key))
        path = (*path, keys[-1])
        if is_array:
            self.lengths[path] = self.lengths.get(path, 0) + 1
        return self.resolve(path), keys

    def resolve(self, path: KeyPath) -> KeyPath:
        """`path`, with the index of the latest element if it is an array of tables."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def keys(self) -> tuple[str, ...]:
        """A dotted key; leaves the scanner at what follows it."""
        keys = []
        while True:
            start = self.at
            if self.text[start] == '"':
                self.skip(_BASIC)
                keys.append(_unquoted(self.text[start : self.at]))
            elif self.text[start] == "'":
                keys.append(self.text[start + 1 : self.skip(_LITERAL) - 1])
            else:
                keys.append(self.text[start : self.skip(_BARE_KEY)])
            self.skip(_SPACES)
            if self.text[self.at] != ".":
                return tuple(keys)
            self.at += 1
            self.skip(_SPACES)

    def value(self) -> Node:
        start = self.at
        match self.text[start]:
            case "[":
                return self.items("]")
            case "{":
                return self.items("}")
            case '"':
                self.skip(_MULTILINE_BASIC if self.text.startswith('"""', start) else _BASIC)
            case "'":
                self.skip(_MULTILINE_LITERAL if self.text.startswith("'''", start) else _LITERAL)
            case _:
                self.skip(_SCALAR)
        return Node(start, self.at)

    def items(self, close: str) -> Node:
        node = Node(self.at, self.at, items=[], is_object=close == "}")
        assert node.items is not None
        self.at += 1
        while self.text[self.skip(_BLANK)] != close:
            start = self.at
            keys: tuple[str, ...] = ()
            if node.is_object:
                keys = self.keys()
                self.at += 1  # the equals sign
                self.skip(_BLANK)
            item = Item(start, self.value(), keys)
            node.items.append(item)
            if self.text[self.skip(_BLANK)] == ",":
                item.comma = self.at
                self.at += 1
        self.at += 1
        node.end = self.at
        return node


def _unquoted(text: str) -> str:
    value: str = tomllib.loads(f"key = {text}")["key"]
    return value
