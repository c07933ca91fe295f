"""How things are printed: plain text, colours on a terminal only, tables, questions.

Colours follow the terminal: none when the stream is not one, when `NO_COLOR` is set or `TERM` is
`dumb`; `FORCE_COLOR` turns them on. Nothing but the standard library is imported, since this runs in every
command, until there is a table to print.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from wrangler_py.errors import WranglerError
from wrangler_py.masking import mask, mask_surely
from wrangler_py.terminal_text import error_line, printable, styled, warning_line

_UNBOUNDED = 10_000
"""Columns of an output that isn't a terminal."""
_LEAST_WIDTH = 10
"""Of a cell that is folded beside one that never is; a table that is too wide then is for the terminal to fold."""


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
    return styled(text, *names) if names and has_colour(stream) else text


def _style_for_errors(text: str, *names: str) -> str:
    return style(text, *names, stream=sys.stderr)


def out(text: str = "") -> None:
    """Print a line of results."""
    print(text)


def err(text: str = "") -> None:
    """Print a line that is not a result: it goes to standard error."""
    print(text, file=sys.stderr)


def success(text: str) -> None:
    """Say that something was done."""
    out(f"✅ {mask_surely(text)}")


def info(text: str) -> None:
    """Say something by the way, apart from the results."""
    err(mask_surely(text))


def warn(text: str) -> None:
    """Say that something may not be what the person wants."""
    err(warning_line(text, _style_for_errors))


def error(message: str, hint: str | None = None) -> None:
    """Say what went wrong and, indented below it, what to do; a mistyped connection string keeps its secret."""
    err(error_line(message, _style_for_errors))
    if hint:
        err()
        for line in mask(hint).splitlines():
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


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, unfolded: int = 0) -> None:
    """Print `rows` under `columns`; a terminal that is too narrow folds the cells, but not those of the first
    `unfolded` columns, which are for copying."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SQUARE, header_style="bold" if has_colour() else "")
    for index, column in enumerate(columns):
        least = None
        if unfolded:
            longest = max(cell_len(printable(text)) for text in (column, *(row[index] for row in rows)))
            least = longest if index < unfolded else max(cell_len(column), min(longest, _LEAST_WIDTH))
        grid.add_column(Text(column), overflow="fold", no_wrap=index < unfolded, min_width=least)
    for row in rows:
        grid.add_row(*(Text(printable(mask_surely(cell))) for cell in row))
    console = Console(
        color_system="standard" if has_colour() else None,
        width=None if sys.stdout.isatty() else _UNBOUNDED,
        highlight=False,
    )
    console.print(grid, crop=False)
