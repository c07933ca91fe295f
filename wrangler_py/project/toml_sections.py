"""The sections of a TOML text: the assignments above the first table header, then each header with its own.

Each section is valid TOML on its own. This is how they are found: a line that begins with `[` starts a
section if what stands above it, back to the header before, is a complete document. Inside of a string or an
array over several lines it isn't.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from wrangler_py.project.spans import KeyPath, line_end


@dataclass(frozen=True, slots=True)
class Section:
    """A section in the lines from `start` up to `end`; those without a statement at its end don't belong to it.

    `path` leads to its table from the top of the document, with the index of the element for an array of
    tables. It is empty for the assignments above the first header, which may be none.
    """

    path: KeyPath
    start: int
    end: int

    def is_within(self, path: KeyPath) -> bool:
        """Whether it is the section of `path` or of a table inside it."""
        return self.path[: len(path)] == path


def sections_of(text: str) -> list[Section]:
    """The sections of the valid TOML document `text`, in order; the first has no header."""
    starts = _starts(text)
    lengths: dict[KeyPath, int] = {}
    """Number of elements so far of each array of tables."""
    sections = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        path = _path(text, start, lengths) if start > 0 or _is_header(text, 0) else ()
        sections.append(Section(path, start, _end_of_statements(text, start, end)))
    if sections[0].path:
        sections.insert(0, Section((), 0, 0))
    return sections


def is_comment(text: str, start: int) -> bool:
    """Whether the line at `start` is a comment."""
    return text[start : line_end(text, start)].lstrip().startswith("#")


def is_blank(text: str, start: int) -> bool:
    """Whether the line at `start` is empty."""
    return not text[start : line_end(text, start)].strip()


def _starts(text: str) -> list[int]:
    starts = [0]
    at = 0
    while at < len(text):
        if at > 0 and _is_header(text, at) and _parse(text[starts[-1] : at]) is not None:
            starts.append(at)
        at = line_end(text, at)
    return starts


def _is_header(text: str, start: int) -> bool:
    return text[start : line_end(text, start)].lstrip(" \t").startswith("[")


def _path(text: str, start: int, lengths: dict[KeyPath, int]) -> KeyPath:
    """The path of the header at `start`. Counts it in `lengths` if it is an element of an array of tables."""
    table: Any = _parse(text[start : line_end(text, start)])
    path: KeyPath = ()
    while table:
        if path in lengths:
            path = (*path, lengths[path] - 1)
        ((key, table),) = table.items()
        path = (*path, key)
        if isinstance(table, list):
            lengths[path] = lengths.get(path, 0) + 1
            break
    return (*path, lengths[path] - 1) if path in lengths else path


def _end_of_statements(text: str, start: int, end: int) -> int:
    """`end` without the blank lines and comments before it."""
    candidates = [start]
    at = start
    while at < end:
        if not is_blank(text, at) and not is_comment(text, at):
            candidates.clear()
        at = line_end(text, at)
        candidates.append(at)
    # What looks like a comment may be the last line of a string.
    return next(at for at in candidates if _parse(text[start:at]) is not None)


def _parse(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
