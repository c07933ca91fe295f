"""One section of a TOML text, opened for an edit by tomlkit."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

from wrangler_py.project.document import UnsafeEditError
from wrangler_py.project.spans import Edit, newline_of
from wrangler_py.project.toml_sections import Section


class OpenSection:
    """`section` of `text`: `document` as tomlkit parses it, and its `table` in there.

    Raises UnsafeEditError if tomlkit cannot read it.
    """

    def __init__(self, text: str, section: Section) -> None:
        import tomlkit

        self._start, self._end = section.start, section.end
        self._before = text[section.start : section.end]
        self._newline = newline_of(text)
        self._lines = _with_line_feeds(self._before)
        try:
            self.document = tomlkit.parse(self._lines)
        except Exception as error:
            raise UnsafeEditError(f"tomlkit cannot read it ({error})") from error
        if self.document.as_string() != self._lines:
            raise UnsafeEditError("tomlkit would write it otherwise")
        table: Any = self.document
        for key in section.path:
            if isinstance(key, str):
                table = table[key]
            elif isinstance(table, list):  # else the header is that of a table inside an array's element
                table = table[0]
        self.table = table

    def edit(self, is_right: Callable[[str, str], bool]) -> Edit:
        """The edit that writes `document` as it is now; `is_right` compares the text before and now.

        Raises UnsafeEditError if it is wrong.
        """
        now = self.document.as_string()
        if not is_right(self._lines, now):
            raise UnsafeEditError("other lines would have changed")
        return Edit(self._start, self._end, _merge_line_ends(self._before, now, self._newline))


def _with_line_feeds(text: str) -> str:
    """`text` as tomlkit gets it: each line ends with a line feed, the last one too."""
    text = text.replace("\r\n", "\n")
    return text + "\n" if text and not text.endswith("\n") else text


def is_part(part: str, whole: str) -> bool:
    """Whether `part` is `whole` with characters left out."""
    rest = iter(whole)
    return all(character in rest for character in part)


def _merge_line_ends(old: str, new: str, newline: str) -> str:
    """`new`, which has line feeds only, with the line ends its lines have in `old`; `newline` for new lines."""
    old_lines = old.split("\n")
    before = [line.removesuffix("\r") for line in old_lines]
    ends = ["\r\n" if line.endswith("\r") else "\n" for line in old_lines]
    if before[-1]:  # no line end at the end of the file
        ends[-1] = newline
        before.append("")
        ends.append("\n")
        new = new.removesuffix("\n")
    lines = new.split("\n")
    result = [newline] * len(lines)
    for _, start, end, new_start, new_end in SequenceMatcher(None, before, lines, autojunk=False).get_opcodes():
        kept = ends[start:end][: new_end - new_start]
        result[new_start : new_start + len(kept)] = kept
    return "".join(line + end for line, end in zip(lines[:-1], result, strict=False)) + lines[-1]
