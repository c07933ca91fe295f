"""What `_headers` and `_redirects` have in common: lines, and notes about those that are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wrangler_py.worker.assets.rules import MAX_LINE_LENGTH


class InvalidLine(NamedTuple):
    """A line that is left out, and why."""

    message: str
    line: str | None = None
    number: int | None = None


def meaningful_lines(text: str, invalid: list[InvalidLine]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without the empty ones, comments, and those that are too long."""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if len(line) > MAX_LINE_LENGTH:
            message = f"Ignoring line {number} as it exceeds the maximum allowed length of {MAX_LINE_LENGTH}."
            invalid.append(InvalidLine(message))
            continue
        yield number, line


def describe_invalid(kind: str, file: str, invalid: Sequence[InvalidLine]) -> str:
    """One warning for all lines of `file` that are left out, in wrangler's words; `kind` is header or redirect."""
    lines = [f"Found {len(invalid)} invalid {kind} rule{'' if len(invalid) == 1 else 's'}:"]
    for message, line, number in invalid:
        lines.append(f"▶︎ {message}")
        if line:
            lines.append(f"    at {file}{'' if number is None else f':{number}'} | {line}")
    return "\n".join(lines)


def describe_valid(kind: str, count: int) -> str:
    return f"✨ Parsed {count} valid {kind} rule{'' if count == 1 else 's'}."
