"""What the dev session writes: levels, colours, and lines that never carry a terminal's control codes."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TextIO

from wrangler_py.masking import mask, mask_surely
from wrangler_py.terminal_text import error_line, styled, warning_line

_WIDTH_ELSEWHERE = 100
"""Columns of a line that is cut, where the output is no terminal."""

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], None]
"""Prints rows of cells under their columns."""


class Level(IntEnum):
    """wrangler's log levels, from silent to everything."""

    NONE = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    LOG = 4
    DEBUG = 5


def count_of(number: int, noun: str) -> str:
    """`1 cached answer`, `2 cached answers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Output:
    """One writer for everything the session says, so that lines never mix.

    When the reader goes away (`dev | head`), `closed` turns true and nothing is written any more.
    """

    def __init__(self, *, level: Level, color: bool, table: Table) -> None:
        self.level = level
        self.color = color
        self.closed = False
        self._print_table = table
        self._stream: TextIO = sys.stdout
        self._lock = threading.Lock()

    def style(self, text: str, *styles: str) -> str:
        return styled(text, *styles) if self.color else text

    def error(self, message: str, hint: str | None = None) -> None:
        first, *more = message.splitlines() or [""]
        self._write(Level.ERROR, error_line(first, self.style))
        for line in mask("\n".join((*more, hint or ""))).splitlines():
            self._write(Level.ERROR, f"  {line}")

    def warn(self, message: str) -> None:
        self._write(Level.WARN, warning_line(message, self.style))

    def info(self, message: str = "") -> None:
        self._write(Level.INFO, mask_surely(message))

    def debug(self, message: str) -> None:
        self.aside(message, Level.DEBUG)

    def aside(self, message: str, level: Level) -> None:
        """A line that stands back behind the others."""
        self._write(level, self.style(message, "dim"))

    def cut(self, text: str) -> str:
        """`text`, cut to what fits on one line of the terminal; to 100 characters where there is none."""
        width = shutil.get_terminal_size().columns if self._stream.isatty() else _WIDTH_ELSEWHERE
        return text if len(text) <= width else text[: width - 1] + "…"

    def detail(self, text: str, level: Level = Level.ERROR) -> None:
        """Several lines that belong to the message before, such as a traceback."""
        for line in text.rstrip().splitlines():
            self._write(level, f"  {self.style(line, 'dim')}")

    def worker_line(self, line: str) -> None:
        """A line the Worker itself printed."""
        self._write(Level.LOG, f"{self.style('[worker]', 'cyan')} {line}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if self.level >= Level.INFO and not self.closed:
            try:
                self._print_table(columns, rows)
                self._stream.flush()
            except OSError:
                self.closed = True

    def _write(self, level: Level, line: str) -> None:
        if level > self.level or self.closed:
            return
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except OSError:
            # The terminal is gone, or the reader of our pipe is: nobody to tell.
            self.closed = True
