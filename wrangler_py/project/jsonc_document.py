"""`wrangler.json` and `wrangler.jsonc`: JSON with comments and trailing commas, edited in place."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from wrangler_py.project.document import Document, DocumentSyntaxError
from wrangler_py.project.spans import (
    Edit,
    Item,
    KeyPath,
    Node,
    indent_at,
    insert_item,
    line_end,
    line_start,
    newline_of,
    remove_item,
    starts_line,
)

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MEMBER = re.compile(rf"\s*(?:{_STRING.pattern}\s*:\s*)?")
_CONSTANTS = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 100


class JSONCDocument(Document):
    """A JSON document whose comments, order and layout are kept."""

    _root: Node

    def _parse(self, text: str) -> dict[str, Any]:
        self._root = _Parser(text).document()
        data: dict[str, Any] = self._root.data
        return data

    def lines(self, path: KeyPath, value: Any) -> str:
        for key in reversed(path):
            value = {key: value}
        return json.dumps(value, indent=2, ensure_ascii=False)

    def _set(self, path: KeyPath, value: Any, after: str | None) -> Sequence[Edit]:
        node = self._find(path)
        if node is not None:
            return [Edit(node.start, node.end, self._render(value, indent_at(self.text, node.start)))]
        return [self._insert(path, value, after)]

    def _append(self, path: KeyPath, value: Any) -> Sequence[Edit]:
        node = self._find(path)
        if node is None:
            return [self._insert(path, [value], None)]
        if self.text[node.start : node.end] == "[]":
            return [Edit(node.start, node.end, self._render([value], self._indent_of_member(node)))]
        return [insert_item(self.text, node, lambda indent: self._render(value, indent), self._unit())]

    def _remove(self, path: KeyPath) -> Sequence[Edit]:
        parent = self._find(path[:-1])
        assert parent is not None
        assert parent.items is not None
        key = path[-1]
        if isinstance(key, int):
            return remove_item(self.text, parent, key)
        indexes = [index for index, item in enumerate(parent.items) if item.key == key]
        return [edit for index in indexes for edit in remove_item(self.text, parent, index)]

    def _find(self, path: KeyPath) -> Node | None:
        node: Node | None = self._root
        for key in path:
            items = None if node is None else node.items
            if items is None:
                return None
            if isinstance(key, int):
                node = items[key].value
            else:
                members = [item.value for item in items if item.key == key]
                node = members[-1] if members else None
        return node

    def _insert(self, path: KeyPath, value: Any, after: str | None) -> Edit:
        """The edit that adds a key, with the objects above it that are missing."""
        *parents, key = path
        parent = self._find(tuple(parents))
        while parent is None:
            value = {key: value}
            key = parents.pop()
            parent = self._find(tuple(parents))

        if self.text[parent.start : parent.end] == "{}":
            return Edit(parent.start, parent.end, self._render({key: value}, self._indent_of_member(parent)))

        def member(indent: str | None) -> str:
            return f"{json.dumps(key, ensure_ascii=False)}: {self._render(value, indent)}"

        siblings: list[Item] = parent.items or []
        sibling = next((item for item in siblings if item.key == after), None)
        if sibling is not None and sibling.comma is not None and starts_line(self.text, sibling.start):
            at = line_end(self.text, sibling.end)
            behind = self.text[sibling.end : at].strip()
            if not behind or behind.startswith("//"):
                indent = indent_at(self.text, sibling.start)
                return Edit(at, at, f"{indent}{member(indent)},{newline_of(self.text)}")
        return insert_item(self.text, parent, member, self._unit())

    def _indent_of_member(self, node: Node) -> str | None:
        """The indentation of the line that begins with the member `node` is the value of, or None."""
        before = self.text[line_start(self.text, node.start) : node.start]
        return indent_at(self.text, node.start) if _MEMBER.fullmatch(before) else None

    def _unit(self) -> str:
        """One step of indentation: that of the first member, two spaces where it does not tell."""
        items = self._root.items
        if items and starts_line(self.text, items[0].start):
            return indent_at(self.text, items[0].start) or "  "
        return "  "

    def _render(self, value: Any, indent: str | None) -> str:
        """`value` as JSON: on lines of its own from `indent` on if it holds objects, else on one line."""
        nested = isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(element, dict) for element in value)
        )
        if indent is None or not nested:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self._unit()).split("\n")
        return (newline_of(self.text) + indent).join(lines)


class _Parser:
    """Reads a document into nodes; says where it is broken."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Node:
        self.skip()
        if not self.text.startswith("{", self.at):
            raise self.error("Expected '{': a config file is one JSON object")
        node = self.value(0)
        self.skip()
        if self.at < len(self.text):
            raise self.error("Expected the end of the file")
        return node

    def skip(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        if self.text.startswith("/*", self.at):
            raise self.error("Unterminated comment")

    def value(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise self.error("Nested too deeply")
        start = self.at
        character = self.text[start : start + 1]
        if character == "{":
            return self.object(depth)
        if character == "[":
            return self.array(depth)
        if character == '"':
            text = self.string()
            return Node(start, self.at, data=text)
        if number := _NUMBER.match(self.text, start):
            self.at = number.end()
            if self.text[self.at : self.at + 1].isalnum():
                raise self.error("Invalid number")
            return Node(start, self.at, data=json.loads(number[0]))
        word = _WORD.match(self.text, start)
        if word is not None and word[0] in _CONSTANTS:
            self.at = word.end()
            return Node(start, self.at, data=_CONSTANTS[word[0]])
        raise self.error("Expected a value" if character else "Expected a value, not the end of the file")

    def object(self, depth: int) -> Node:
        node = Node(self.at, self.at, items=[], is_object=True, data={})
        assert node.items is not None
        self.at += 1
        while not self.closes("}"):
            start = self.at
            if not self.text.startswith('"', start):
                raise self.error("Expected a key in double quotes, or '}'")
            key = self.string()
            self.skip()
            if not self.text.startswith(":", self.at):
                raise self.error("Expected ':' after a key")
            self.at += 1
            self.skip()
            item = Item(start, self.value(depth + 1), key=key)
            node.items.append(item)
            node.data[key] = item.value.data
            self.comma(item, "}")
        node.end = self.at
        return node

    def array(self, depth: int) -> Node:
        node = Node(self.at, self.at, items=[], data=[])
        assert node.items is not None
        self.at += 1
        while not self.closes("]"):
            item = Item(self.at, self.value(depth + 1))
            node.items.append(item)
            node.data.append(item.value.data)
            self.comma(item, "]")
        node.end = self.at
        return node

    def closes(self, bracket: str) -> bool:
        self.skip()
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return True
        return False

    def comma(self, item: Item, bracket: str) -> None:
        self.skip()
        if self.text.startswith(",", self.at):
            item.comma = self.at
            self.at += 1
        elif not self.text.startswith(bracket, self.at):
            raise self.error(f"Expected ',' or '{bracket}'")

    def string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise self.error("Invalid or unterminated string")
        self.at = match.end()
        text: str = json.loads(match[0])
        return text

    def error(self, message: str) -> DocumentSyntaxError:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - (self.text.rfind("\n", 0, self.at) + 1) + 1
        return DocumentSyntaxError(message, line, column)
