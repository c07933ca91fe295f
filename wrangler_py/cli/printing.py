"""How things are printed: plain text, colours on a terminal only, tables, questions.

Colours follow the terminal: none when the stream is not one, when `NO_COLOR` is set or `TERM` is
`dumb`; `FORCE_COLOR` turns them on. Everything here is the standard library, since it runs in every
command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from wrangler_py.errors import WranglerError

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


def prepare_streams() -> None:
    """Make a terminal that cannot show a character show `?` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def has_colour(stream: TextIO | None = None) -> bool:
    """Whether text written to `stream` (standard output by default) may carry colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    if os.environ.get("TERM") == "dumb":
        return False
    return (sys.stdout if stream is None else stream).isatty()


def style(text: str, *names: str, stream: TextIO | None = None) -> str:
    """`text` in the styles `names` (`bold`, `dim`, colours); as it is where `stream` has no colours."""
    if not names or not has_colour(stream):
        return text
    codes = ";".join(str(_CODES[name]) for name in names)
    return f"\x1b[{codes}m{text}\x1b[0m"


def out(text: str = "") -> None:
    """Print a line of results."""
    print(text)


def err(text: str = "") -> None:
    """Print a line that is not a result: it goes to standard error."""
    print(text, file=sys.stderr)


def success(text: str) -> None:
    """Say that something was done."""
    out(f"✅ {text}")


def info(text: str) -> None:
    """Say something by the way, apart from the results."""
    err(text)


def warn(text: str) -> None:
    """Say that something may not be what the person wants."""
    err(f"{style('▲ [WARNING]', 'yellow', 'bold', stream=sys.stderr)} {text}")


def error(message: str, hint: str | None = None) -> None:
    """Say what went wrong and, indented below it, what to do."""
    err(f"{style('✘ [ERROR]', 'red', 'bold', stream=sys.stderr)} {message}")
    if hint:
        err()
        for line in hint.splitlines():
            err(f"  {line}" if line else "")


def report(failure: WranglerError) -> None:
    """Print `failure` as an error."""
    error(failure.message, failure.hint)


def is_interactive() -> bool:
    """Whether a person can be asked: both ends are a terminal, and this is no CI job."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def ask(question: str, default: str) -> str:
    """Ask for a line of text; an empty answer, or nobody to ask, means `default`."""
    if not is_interactive():
        return default
    prompt = f"{style('?', 'green', 'bold')} {style(question, 'bold')} {style(f'({default})', 'dim')} "
    return input(prompt).strip() or default


def confirm(question: str, default: bool) -> bool:
    """Ask a yes-or-no question; an empty answer, or nobody to ask, means `default`."""
    if not is_interactive():
        return default
    choices = "(Y/n)" if default else "(y/N)"
    prompt = f"{style('?', 'green', 'bold')} {style(question, 'bold')} {style(choices, 'dim')} "
    while True:
        answer = input(prompt).strip().lower()
        if not answer:
            return default
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no"):
            return False


def printable(text: str) -> str:
    """`text` with control characters escaped, so that data cannot drive the terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _width(text: str) -> int:
    """Columns `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `columns`; where the terminal is too narrow, one block of lines a row instead."""
    import shutil

    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max([_width(column), *(_width(row[index]) for row in cells)]) for index, column in enumerate(columns)]
    total = sum(widths) + 3 * len(widths) + 1
    if sys.stdout.isatty() and total > shutil.get_terminal_size().columns:
        _blocks(columns, cells)
        return

    def line(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (width + 2) for width in widths) + right

    def text(row: Sequence[str], *styles: str) -> str:
        padded = (
            style(cell, *styles) + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        return "│ " + " │ ".join(padded) + " │"

    out(line("┌", "┬", "┐"))
    out(text(columns, "bold"))
    out(line("├", "┼", "┤"))
    for row in cells:
        out(text(row))
    out(line("└", "┴", "┘"))


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    label = max(_width(column) for column in columns)
    for index, row in enumerate(rows):
        if index:
            out()
        for column, cell in zip(columns, row, strict=True):
            out(f"{style(column + ' ' * (label - _width(column)), 'bold')}  {cell}")
