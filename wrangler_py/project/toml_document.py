"""`wrangler.toml`, edited in place.

The text is spliced at the places `toml_statements` finds, and `tomllib` reads it before and after. A library
that writes a whole document back cannot promise to leave every byte of the rest alone; this can.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any

from wrangler_py.project.document import Document, DocumentSyntaxError
from wrangler_py.project.spans import (
    Edit,
    KeyPath,
    Node,
    indent_at,
    insert_item,
    line_end,
    line_start,
    newline_of,
    remove_item,
)
from wrangler_py.project.toml_statements import Statement, statements_of

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_INDENT = "  "


class TOMLDocument(Document):
    """A TOML document whose comments, order, quoting and line ends are kept."""

    _statements: list[Statement]

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _syntax_error(str(error), text) from error
        except RecursionError:
            raise DocumentSyntaxError("Nested too deeply", 1, 1) from None
        self._statements = statements_of(text)
        return data

    def _set(self, path: KeyPath, value: Any, after: str | None) -> Sequence[Edit]:
        node = self._find(path)
        if node is not None:
            return [Edit(node.start, node.end, render(value))]
        table, key = path[:-1], str(path[-1])
        parent = self._find(table)
        if parent is not None:
            assignment = f"{_render_key(key)} = {render(value)}"
            return [insert_item(self.text, parent, lambda _: assignment, _INDENT)]
        return [self._assign(table, key, value, after)]

    def _append(self, path: KeyPath, value: Any) -> Sequence[Edit]:
        array = self._find(path)
        if array is not None:
            return [insert_item(self.text, array, lambda _: render(value), _INDENT)]
        if not isinstance(value, dict) or self._find(path[:-1]) is not None:
            return self._set(path, [value], None)
        lines = [f"[[{_render_keys(path)}]]", *_assignments(value)]
        elements = [statement for statement in self._statements if statement.is_within(path)]
        if elements:
            return [self._block(self._behind(elements[-1]), lines)]
        return [self._block(self._place_for_table(path[:-1]), lines)]

    def _remove(self, path: KeyPath) -> Sequence[Edit]:
        parent = self._find(path[:-1])
        if parent is not None:
            assert parent.items is not None
            key = path[-1]
            if isinstance(key, int):
                return remove_item(self.text, parent, key, "#")
            keys = [item.key for item in parent.items]
            return remove_item(self.text, parent, keys.index((key,)), "#")
        runs = self._runs(path)
        table = path[:-2] if isinstance(path[-1], int) else path[:-1]
        if not table or any(s.is_within(table) and not s.is_within(path) for s in self._statements):
            return [self._without(run) for run in runs]
        # Nothing else says that the table above exists.
        header = f"[{_render_keys(table)}]{newline_of(self.text)}"
        return [Edit(run[0].start, run[-1].end, header if run is runs[0] else "") for run in runs]

    def _keeps_empty_array(self, path: KeyPath) -> bool:
        return self._find(path) is not None

    def _find(self, path: KeyPath) -> Node | None:
        """The value assigned to `path`, or written inside of one; None for tables with headers."""
        for statement in self._statements:
            if statement.value is not None and path[: len(statement.path)] == statement.path:
                return _inside(statement.value, path[len(statement.path) :])
        return None

    def _assign(self, table: KeyPath, key: str, value: Any, after: str | None) -> Edit:
        """The edit that adds an assignment to a table that is not an inline one."""
        assignment = f"{_render_key(key)} = {render(value)}"
        own = self._own_statements(table)
        sibling = next((s for s in own if after is not None and s.path == (*table, after)), None)
        if own:
            return self._line_behind(sibling or own[-1], assignment)
        if not table:
            at = self._above(self._statements[0]) if self._statements else len(self.text)
            return self._block(at, [assignment])
        dotted = [s for s in self._statements if not s.is_header and s.is_within(table)]
        if dotted and not any(s.is_header and s.path[: len(table)] == table for s in self._statements):
            last = dotted[-1]
            prefix = last.keys[: len(last.keys) - (len(last.path) - len(table))]
            return self._line_behind(last, f"{_render_keys(prefix)}.{assignment}")
        lines = [f"[{_render_keys(table)}]", assignment]
        inner = [s for s in self._statements if s.is_header and s.is_within(table)]
        return self._block(self._above(inner[0]) if inner else self._place_for_table(table[:-1]), lines)

    def _own_statements(self, table: KeyPath) -> list[Statement]:
        """The header of `table` and the assignments below it; for the top level, those above any header."""
        own: list[Statement] = []
        inside = not table
        for statement in self._statements:
            if statement.is_header:
                inside = statement.path == table
            if inside:
                own.append(statement)
        return own

    def _runs(self, path: KeyPath) -> list[list[Statement]]:
        """The statements of `path`, in groups that no other statement interrupts."""
        runs: list[list[Statement]] = []
        previous: Statement | None = None
        for statement in self._statements:
            if statement.is_within(path):
                if previous is not None and runs and previous is runs[-1][-1]:
                    runs[-1].append(statement)
                else:
                    runs.append([statement])
            previous = statement
        return runs

    def _without(self, run: list[Statement]) -> Edit:
        """The edit that removes `run`, and of the blank lines around it the one that would be too many."""
        start, end = run[0].start, run[-1].end
        if run[0].is_header:
            blank_above = start == 0 or self._is_blank(line_start(self.text, start - 1))
            if blank_above and end < len(self.text) and self._is_blank(end):
                end = line_end(self.text, end)
            elif blank_above and end == len(self.text) and start > 0:
                start = line_start(self.text, start - 1)
        return Edit(start, end, "")

    def _line_behind(self, statement: Statement, line: str) -> Edit:
        newline = newline_of(self.text)
        line = indent_at(self.text, statement.start) + line
        at = statement.end
        if not self.text[:at].endswith("\n"):
            return Edit(at, at, newline + line)
        return Edit(at, at, line + newline)

    def _block(self, at: int, lines: list[str]) -> Edit:
        """The edit that puts `lines` at `at`, a line's start, with a blank line before and behind."""
        newline = newline_of(self.text)
        text = "".join(line + newline for line in lines)
        if not self.text[:at].endswith("\n") and at > 0:
            text = newline + newline + text
        elif at > 0 and not self._is_blank(line_start(self.text, at - 1)):
            text = newline + text
        if at < len(self.text) and not self._is_blank(at):
            text += newline
        return Edit(at, at, text)

    def _place_for_table(self, parent: KeyPath) -> int:
        """Where a new table of `parent` goes: behind its last one; at the top, before the environments."""
        if not parent:
            for statement in self._statements:
                if statement.is_header and statement.path[0] == "env":
                    return self._above(statement)
            return len(self.text)
        within = [statement for statement in self._statements if statement.is_within(parent)]
        return self._behind(within[-1]) if within else len(self.text)

    def _behind(self, statement: Statement) -> int:
        """The end of `statement` and of the comment lines that belong to it: not those of the next one."""
        at = statement.end
        while at < len(self.text) and self._is_comment(at):
            at = line_end(self.text, at)
        return at if at == len(self.text) or self._is_blank(at) else statement.end

    def _above(self, statement: Statement) -> int:
        """The start of `statement` and of the comment lines directly above it."""
        at = statement.start
        while at > 0 and self._is_comment(line_start(self.text, at - 1)):
            at = line_start(self.text, at - 1)
        return at

    def _is_blank(self, start: int) -> bool:
        return not self.text[start : line_end(self.text, start)].strip()

    def _is_comment(self, start: int) -> bool:
        return self.text[start : line_end(self.text, start)].lstrip().startswith("#")


def render(value: Any) -> str:
    """`value` as a TOML value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_assignments(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(render, value)) + "]"
    # TOML's strings, booleans and numbers are JSON's, but that JSON lets DEL stand in a string.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _assignments(table: dict[str, Any]) -> list[str]:
    return [f"{_render_key(key)} = {render(value)}" for key, value in table.items()]


def _render_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else render(key)


def _render_keys(path: KeyPath) -> str:
    return ".".join(_render_key(key) for key in path if isinstance(key, str))


def _inside(node: Node, path: KeyPath) -> Node | None:
    """The value at `path` inside of an array or inline table."""
    if not path:
        return node
    for index, item in enumerate(node.items or ()):
        keys: KeyPath = item.key if node.is_object else (index,)
        if path[: len(keys)] == keys:
            return _inside(item.value, path[len(keys) :])
    return None


def _syntax_error(message: str, text: str) -> DocumentSyntaxError:
    """What `tomllib` says, its line and column taken out of the message."""
    match = _POSITION.search(message)
    if match is None:
        return DocumentSyntaxError(message, 1, 1)
    message = message[: match.start()]
    if match[1]:
        return DocumentSyntaxError(message, int(match[1]), int(match[2]))
    lines = text.splitlines() or [""]
    return DocumentSyntaxError(f"{message} (the file ends here)", len(lines), len(lines[-1]) + 1)
