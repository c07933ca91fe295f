"""Values with their place in a text, and edits that leave the rest of the text as it is.

The JSON document reads and edits its text by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and array indexes from the top of a document to a value."""


@dataclass(slots=True)
class Item:
    """An element of an array, or a member of an object, as it stands in the text.

    `start` is where the element, or the member's key, begins; `comma` is the offset of the comma behind it.
    """

    start: int
    value: Node
    key: str = ""
    comma: int | None = None

    @property
    def end(self) -> int:
        """Where the item ends, its comma included."""
        return self.value.end if self.comma is None else self.comma + 1


@dataclass(slots=True)
class Node:
    """A value from `start` up to `end`; `items` is None for what is neither an array nor an object."""

    start: int
    end: int
    items: list[Item] | None = None
    is_object: bool = False
    data: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text from `start` up to `end` by `text`."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with `edits`, which must not overlap, all done at once."""
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def newline_of(text: str) -> str:
    """The line end `text` uses: that of its first line."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def line_start(text: str, offset: int) -> int:
    """Offset of the first character of the line `offset` is in."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Offset just behind the line `offset` is in, its line end included."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def indent_at(text: str, offset: int) -> str:
    """The white space the line of `offset` begins with."""
    start = line_start(text, offset)
    line = text[start : line_end(text, start)]
    return line[: len(line) - len(line.lstrip())].rstrip("\r\n")


def starts_line(text: str, offset: int) -> bool:
    """Whether nothing but white space stands before `offset` on its line."""
    return not text[line_start(text, offset) : offset].strip()


def insert_item(text: str, container: Node, render: Callable[[str | None], str], unit: str) -> Edit:
    """The edit that puts one more item at the end of `container`, laid out as its other items are.

    `render` makes the item's text; it gets the indentation of the item's line, or None where the item shares
    a line with others. `unit` is one step of indentation.
    """
    items = container.items or []
    close = container.end - 1
    own_line = starts_line(text, close) and line_start(text, close) > container.start
    newline = newline_of(text)
    if not own_line:
        if not items:
            return Edit(close, close, render(None))
        last = items[-1]
        if last.comma is None:
            return Edit(last.end, last.end, f", {render(None)}")
        return Edit(last.end, last.end, f" {render(None)},")
    indent = indent_at(text, close) + unit
    if items and starts_line(text, items[-1].start):
        indent = indent_at(text, items[-1].start)
    comma = "," if items and items[-1].comma is not None else ""
    line = f"{indent}{render(indent)}{comma}{newline}"
    at = line_start(text, close)
    if not items or items[-1].comma is not None:
        return Edit(at, at, line)
    end = items[-1].end
    return Edit(end, at, f",{text[end:at]}{line}")


def remove_item(text: str, container: Node, index: int) -> list[Edit]:
    """The edits that take item `index` out of `container`.

    An item with lines of its own goes with these lines, the comment behind it included.
    """
    items = container.items or []
    item = items[index]
    edits: list[Edit] = []
    inside = text[container.start + 1 : item.start] + text[item.end : container.end - 1]
    if not inside.strip():
        return [Edit(container.start + 1, container.end - 1, "")]
    is_last = index == len(items) - 1
    if is_last and index > 0 and item.comma is None:
        comma = items[index - 1].comma
        assert comma is not None
        edits.append(Edit(comma, comma + 1, ""))
    end = line_end(text, item.end)
    behind = text[item.end : end].strip()
    if starts_line(text, item.start) and (not behind or behind.startswith("//")):
        edits.append(Edit(line_start(text, item.start), end, ""))
        return edits
    start, end = item.start, item.end
    if not is_last:
        while end < len(text) and text[end] in " \t":
            end += 1
    elif index > 0:
        while text[start - 1] in " \t":
            start -= 1
    edits.append(Edit(start, end, ""))
    return edits
