"""`wrangler.toml`, edited by tomlkit one section at a time and read by `tomllib`.

tomlkit keeps comments and layout. It also moves tables that are out of order, and writes its own line ends, so it
gets only the section that is edited. The result is checked before it counts: the data must be what was meant, and
every line outside the edited statement must be what it was. Otherwise the text stays as it is.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from wrangler_py.project.document import Document, DocumentSyntaxError, UnsafeEditError, same
from wrangler_py.project.open_section import OpenSection, is_part
from wrangler_py.project.spans import Edit, KeyPath, line_end, line_start, newline_of
from wrangler_py.project.toml_sections import Section, is_blank, is_comment, sections_of

if TYPE_CHECKING:
    import tomlkit
    from tomlkit.items import Array, Item

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


_Operation = TypeVar("_Operation", bound="Callable[..., Sequence[Edit]]")


def _all_or_nothing(operation: _Operation) -> _Operation:
    """Have any error of tomlkit's refuse the edit: nothing is written then."""

    @functools.wraps(operation)
    def guarded(*arguments: Any) -> Sequence[Edit]:
        try:
            return operation(*arguments)
        except UnsafeEditError:
            raise
        except Exception as error:
            raise UnsafeEditError(f"tomlkit cannot edit it ({error})") from error

    return cast(_Operation, guarded)


@dataclass(slots=True)
class _Place:
    """A key or an array's element in an open section: `parent[key]`."""

    opened: OpenSection
    parent: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.parent[self.key]


class TOMLDocument(Document):
    """A TOML document whose comments, order, quoting and line ends are kept."""

    _sections: list[Section] | None

    def _parse(self, text: str) -> dict[str, Any]:
        self._sections = None
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _syntax_error(str(error), text) from error
        except RecursionError:
            raise DocumentSyntaxError("Nested too deeply", 1, 1) from None

    @property
    def sections(self) -> list[Section]:
        """The sections of the text, found when an edit needs them."""
        if self._sections is None:
            self._sections = sections_of(self.text)
        return self._sections

    def lines(self, path: KeyPath, value: Any) -> str:
        return _nested(path, value)

    @_all_or_nothing
    def _set(self, path: KeyPath, value: Any, after: str | None) -> Sequence[Edit]:
        place = self._find(path)
        if place is not None:
            lines = _line_count(place.value)
            place.parent[place.key] = _item(value)
            return [place.opened.edit(lambda old, new: _changes(old, new) <= lines)]
        table, key = path[:-1], str(path[-1])
        parent = self._find(table)
        if parent is not None:
            parent.value[key] = _item(value)
            return [parent.opened.edit(is_part)]
        return [self._assign(table, key, value, after)]

    @_all_or_nothing
    def _append(self, path: KeyPath, value: Any) -> Sequence[Edit]:
        for add in (_add_element, _add_line):
            array = self._find(path)
            if array is not None:
                add(array.value, _item(value))
                if add is _add_line or _is_written(array.opened.document):
                    return [array.opened.edit(is_part)]
        if not isinstance(value, dict) or self._find(path[:-1]) is not None:
            return self._set(path, [value], None)
        elements = [section for section in self.sections if section.is_within(path)]
        at = self._behind(elements[-1]) if elements else self._place_for_table(path[:-1])
        return [self._block(at, _nested(path, [value]))]

    @_all_or_nothing
    def _remove(self, path: KeyPath) -> Sequence[Edit]:
        place = self._find(path)
        if place is not None:
            del place.parent[place.key]
            return [place.opened.edit(lambda old, new: is_part(new, old))]
        sections = self.sections
        runs: list[list[Section]] = []
        for index, section in enumerate(sections):
            if section.is_within(path):
                if index > 0 and runs and runs[-1][-1] is sections[index - 1]:
                    runs[-1].append(section)
                else:
                    runs.append([section])
        table = path[:-2] if isinstance(path[-1], int) else path[:-1]
        is_elsewhere = any(s.is_within(table) and not s.is_within(path) for s in sections)
        if not table or is_elsewhere or self._find_dotted(table) is not None:
            return [self._without(run) for run in runs]
        # Nothing else says that the table above exists.
        header = _with_line_ends(_nested(table, {}), newline_of(self.text))
        return [Edit(run[0].start, run[-1].end, header if run is runs[0] else "") for run in runs]

    def is_inline(self, path: KeyPath) -> bool:
        """Whether `path` is in the lines of an assignment: not a table with a header, or made by dotted keys."""
        return self._find(path) is not None

    def _keeps_empty_array(self, path: KeyPath) -> bool:
        return self.is_inline(path)

    def _find(self, path: KeyPath) -> _Place | None:
        """The value assigned to `path`, or inside of one; None for tables with headers or made by dotted keys."""
        return next((place for place in self._places(path) if not _is_open(place.value)), None)

    def _find_dotted(self, path: KeyPath) -> _Place | None:
        """The table that dotted keys make at `path`."""
        return next((place for place in self._places(path) if _is_open(place.value)), None)

    def _places(self, path: KeyPath) -> Iterator[_Place]:
        for section in self.sections:
            if path[: len(section.path)] == section.path != path:
                place = self._look_up(section, path[len(section.path) :])
                if place is not None:
                    yield place

    def _look_up(self, section: Section, path: KeyPath) -> _Place | None:
        opened = self._open(section)
        item, parent, key = opened.table, None, path[0]
        for key in path:
            parent = item
            if isinstance(key, int) != isinstance(parent, list):
                return None
            if isinstance(key, int) and not 0 <= key < len(parent):
                return None
            if isinstance(key, str) and (not isinstance(parent, dict) or key not in parent):
                return None
            item = parent[key]
        return _Place(opened, parent, key)

    def _open(self, section: Section) -> OpenSection:
        return OpenSection(self.text, section)

    def _assign(self, table: KeyPath, key: str, value: Any, after: str | None) -> Edit:
        """The edit that adds an assignment to a table that is not an inline one."""
        own = next((section for section in self.sections if section.path == table), None)
        if own is not None and (table or own.end > own.start):
            opened = self._open(own)
            container = opened.table.value if table else opened.table
            if after is not None and after in container and not _is_open(container[after]):
                container._insert_after(after, key, _item(value))  # noqa: SLF001 - nothing public does it
            else:
                container.append(key, _item(value))
            return opened.edit(is_part)
        if not table:
            at = self._above(self.sections[1]) if len(self.sections) > 1 else len(self.text)
            return self._block(at, _nested((key,), value))
        dotted = self._find_dotted(table)
        if dotted is not None:
            dotted.value[key] = _item(value)
            return dotted.opened.edit(is_part)
        inner = [section for section in self.sections if section.is_within(table)]
        at = self._above(inner[0]) if inner else self._place_for_table(table[:-1])
        return self._block(at, _nested((*table, key), value))

    def _without(self, run: list[Section]) -> Edit:
        """The edit that removes `run`, and of the blank lines around it the one that would be too many."""
        start, end = run[0].start, run[-1].end
        blank_above = start == 0 or is_blank(self.text, line_start(self.text, start - 1))
        if blank_above and end < len(self.text) and is_blank(self.text, end):
            end = line_end(self.text, end)
        elif blank_above and end == len(self.text) and start > 0:
            start = line_start(self.text, start - 1)
        return Edit(start, end, "")

    def _block(self, at: int, lines: str) -> Edit:
        """The edit that puts `lines` at `at`, a line's start, with a blank line before and behind."""
        newline = newline_of(self.text)
        text = _with_line_ends(lines, newline)
        if not self.text[:at].endswith("\n") and at > 0:
            text = newline + newline + text
        elif at > 0 and not is_blank(self.text, line_start(self.text, at - 1)):
            text = newline + text
        if at < len(self.text) and not is_blank(self.text, at):
            text += newline
        return Edit(at, at, text)

    def _place_for_table(self, parent: KeyPath) -> int:
        """Where a new table of `parent` goes: behind its last one; at the top, before the environments."""
        if not parent:
            for section in self.sections:
                if section.path[:1] == ("env",):
                    return self._above(section)
            return len(self.text)
        within = [section for section in self.sections if section.is_within(parent)]
        return self._behind(within[-1]) if within else len(self.text)

    def _behind(self, section: Section) -> int:
        """The end of `section` and of the comment lines that belong to it: not those of the next one."""
        at = section.end
        while at < len(self.text) and is_comment(self.text, at):
            at = line_end(self.text, at)
        return at if at == len(self.text) or is_blank(self.text, at) else section.end

    def _above(self, section: Section) -> int:
        """The start of `section` and of the comment lines directly above it."""
        at = section.start
        while at > 0 and is_comment(self.text, line_start(self.text, at - 1)):
            at = line_start(self.text, at - 1)
        return at


def _item(value: Any) -> Item:
    """`value` as tomlkit has it, on one line."""
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, element in value.items():
            table.append(key, _item(element))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for element in value:
            array.append(_item(element))
        return array
    item: Item = tomlkit.item(value)
    return item


def _add_element(array: Array, item: Item) -> None:
    array.append(item)


def _add_line(array: Array, item: Item) -> None:
    """Add `item` on a line of its own, which has room for it where a comment is the last thing in `array`."""
    *lines, _ = array.as_string().split("\n")
    indent = lines[-1][: len(lines[-1]) - len(lines[-1].lstrip())] if lines else ""
    array.add_line(item, indent=indent or "  ", newline=True)


def _is_written(document: tomlkit.TOMLDocument) -> bool:
    """Whether the text of `document` has all its values. Behind a comment, tomlkit may forget a comma."""
    try:
        return same(tomllib.loads(document.as_string()), document.unwrap())
    except tomllib.TOMLDecodeError:
        return False


def _nested(path: KeyPath, value: Any) -> str:
    """The lines that give `path` the `value`, with the header its table needs."""
    import tomlkit

    for key in reversed(path):
        if isinstance(key, str):
            value = {key: value}
    return tomlkit.dumps(value)


def _is_open(item: Any) -> bool:
    """Whether `item` is a table made by dotted keys, which has no place of its own."""
    from tomlkit.container import OutOfOrderTableProxy
    from tomlkit.items import AoT, Table

    return isinstance(item, (AoT, OutOfOrderTableProxy, Table))


def _line_count(item: Any) -> int:
    return item.as_string().count("\n") + 1 if hasattr(item, "as_string") else 1


def _changes(old: str, new: str) -> int:
    """How many lines of `old`, from the first to the last, are not in `new`."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    same = 0
    while same < min(len(old_lines), len(new_lines)) and old_lines[same] == new_lines[same]:
        same += 1
    old_lines, new_lines = old_lines[same:], new_lines[same:]
    while old_lines and new_lines and old_lines[-1] == new_lines[-1]:
        old_lines.pop()
        new_lines.pop()
    return len(old_lines)


def _with_line_ends(text: str, newline: str) -> str:
    return text.replace("\n", newline)


def _syntax_error(message: str, text: str) -> DocumentSyntaxError:
    """The error of `tomllib`, with the line and column taken from its message."""
    match = _POSITION.search(message)
    if match is None:
        return DocumentSyntaxError(message, 1, 1)
    message = message[: match.start()]
    if message == r"Illegal character '\n'":
        message = "The string is not closed in this line"
    if match[1]:
        return DocumentSyntaxError(message, int(match[1]), int(match[2]))
    lines = text.splitlines() or [""]
    return DocumentSyntaxError(f"{message} (the file ends here)", len(lines), len(lines[-1]) + 1)
