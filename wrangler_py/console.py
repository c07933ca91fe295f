"""What is said to the person, and how: information, warnings, errors with a hint, tables.

Colours follow the terminal: none when the stream is not one, when `NO_COLOR` is set or `TERM` is `dumb`;
`FORCE_COLOR` turns them on. Passwords are masked. Only the standard library is imported, since this runs in every
command, until there is a table to print.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol, TextIO

from wrangler_py.errors import OutputError
from wrangler_py.masking import mask, mask_surely
from wrangler_py.terminal_text import printable, styled

_UNBOUNDED = 10_000
"""Columns of an output that isn't a terminal."""
_LEAST_WIDTH = 10
"""Of a cell that is folded."""


class Level(StrEnum):
    """wrangler's log levels, from silent to everything."""

    NONE = "none"
    ERROR = "error"
    WARN = "warn"
    INFO = "info"
    LOG = "log"
    DEBUG = "debug"

    def includes(self, other: Level) -> bool:
        """Whether a log of this level shows lines of the level `other`."""
        levels = list(Level)
        return levels.index(other) <= levels.index(self)


class Messages(Protocol):
    """Takes messages for the person; a `Console` does. For parts that say things but print no results."""

    def info(self, message: str) -> None:
        """Something worth knowing."""

    def warn(self, message: str) -> None:
        """Something that may not be what the person wants."""

    def error(self, message: str, hint: str | None = None) -> None:
        """What went wrong, and what to do about it."""


class Progress(Messages, Protocol):
    """Takes what an action says while it runs, its results included; a `Console` does."""

    def out(self, line: str = "") -> None:
        """A line of results."""

    def success(self, message: str) -> None:
        """What was done."""


class Console:
    """Writes results to standard output, and messages to standard error."""

    def info(self, message: str) -> None:
        """Say something apart from the results."""
        self.write(Level.INFO, mask_surely(message))

    def warn(self, message: str) -> None:
        """Say that something may not be what the person wants."""
        self.write(Level.WARN, f"{self.style_message('▲ [WARNING]', 'yellow', 'bold')} {mask(message)}")

    def error(self, message: str, hint: str | None = None) -> None:
        """Say what went wrong and, indented below it, what to do."""
        self.write(Level.ERROR, f"{self.style_message('✘ [ERROR]', 'red', 'bold')} {mask(message)}")
        if hint:
            self.write(Level.ERROR, "")
            for line in mask(hint).splitlines():
                self.write(Level.ERROR, f"  {line}" if line else "")

    def write(self, level: Level, line: str) -> None:
        """Write a line of a message of that level, as it is."""
        try:
            print(line, file=sys.stderr)
        except BrokenPipeError:
            raise
        except OSError:
            pass  # a full disk, for example: there is nowhere left to say so

    def out(self, line: str = "") -> None:
        """Write a line of results, as it is. Raises OutputError if that fails."""
        with _writing_results():
            print(line)

    def flush(self) -> None:
        """Write the results that are still buffered. Raises OutputError if that fails."""
        with _writing_results():
            sys.stdout.flush()

    def success(self, message: str) -> None:
        """Say that something was done, which is the command's result."""
        self.out(f"✅ {mask_surely(message)}")

    def style(self, text: str, *names: str) -> str:
        """`text` in the styles `names` (`bold`, `dim`, colours); as it is where results have no colours."""
        return styled(text, *names) if names and has_colour(sys.stdout) else text

    def style_message(self, text: str, *names: str) -> str:
        """As `style`, for messages."""
        return styled(text, *names) if has_colour(sys.stderr) else text

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, unfolded: int = 0) -> None:
        """Print `rows` under `columns`.

        A terminal that is too narrow folds the cells, but not those of the first `unfolded` columns, which are for
        copying. In one that is narrower than that, each row is a paragraph with a line for each cell.
        """
        import shutil

        import rich.console
        from rich import box
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        columns = [printable(column) for column in columns]
        grid = Table(box=box.SQUARE, header_style="bold" if has_colour(sys.stdout) else "")
        narrowest = 1
        for index, column in enumerate(columns):
            longest = max(cell_len(printable(text)) for text in (column, *(row[index] for row in rows)))
            least = longest if index < unfolded else max(cell_len(column), min(longest, _LEAST_WIDTH))
            narrowest += least + len(" │ ")
            grid.add_column(Text(column), overflow="fold", no_wrap=index < unfolded, min_width=least)
        for row in rows:
            grid.add_row(*(Text(printable(mask_surely(cell))) for cell in row))
        console = rich.console.Console(
            color_system="standard" if has_colour(sys.stdout) else None,
            # Without both, rich takes a terminal of the type `dumb` to have 80 columns.
            width=shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBOUNDED,
            height=_UNBOUNDED,
            highlight=False,
        )
        if console.width < narrowest:
            self._paragraphs(columns, rows)
            return
        with _writing_results():
            console.print(grid, crop=False)

    def _paragraphs(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        width = max(map(len, columns))
        for number, row in enumerate(rows):
            if number:
                self.out()
            for column, cell in zip(columns, row, strict=True):
                self.out(f"{self.style(f'{column:{width}}', 'bold')}  {printable(mask_surely(cell))}")


@contextlib.contextmanager
def _writing_results() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"Cannot write to standard output: {error.strerror}.") from None


def has_colour(stream: TextIO) -> bool:
    """Whether text written to `stream` may carry colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    if os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()
