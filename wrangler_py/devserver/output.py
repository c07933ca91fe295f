"""The output of the dev session: a log with levels."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Sequence
from typing import TextIO

from wrangler_py.console import Console, Level
from wrangler_py.masking import mask
from wrangler_py.terminal_text import styled

_WIDTH_ELSEWHERE = 100
"""The longest line, in columns, if the output is not a terminal."""


def count_of(number: int, noun: str) -> str:
    """`1 cached answer`, `2 cached answers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Output(Console):
    """The console of a dev session: a log with levels, all of it on standard output, whose lines never mix.

    When the reader goes away (`dev | head`), `closed` turns true and nothing is written any more.
    """

    def __init__(self, *, level: Level, color: bool) -> None:
        self.level = level
        self.color = color
        self.closed = False
        self._stream: TextIO = sys.stdout
        self._lock = threading.Lock()

    def style(self, text: str, *names: str) -> str:
        return styled(text, *names) if self.color else text

    style_message = style

    def error(self, message: str, hint: str | None = None) -> None:
        """As a console's, but without blank lines, and with all lines but the first indented."""
        first, *more = message.splitlines() or [""]
        self.write(Level.ERROR, f"{self.style('✘ [ERROR]', 'red', 'bold')} {mask(first)}")
        for line in mask("\n".join((*more, hint or ""))).splitlines():
            self.write(Level.ERROR, f"  {line}")

    def debug(self, message: str) -> None:
        self.aside(message, Level.DEBUG)

    def aside(self, message: str, level: Level) -> None:
        """A line in a less prominent style."""
        self.write(level, self.style(message, "dim"))

    def cut(self, text: str) -> str:
        """`text`, cut to what fits on one line of the terminal; to 100 characters where there is none."""
        width = shutil.get_terminal_size().columns if self._stream.isatty() else _WIDTH_ELSEWHERE
        return text if len(text) <= width else text[: width - 1] + "…"

    def detail(self, text: str, level: Level = Level.ERROR) -> None:
        """Several lines that belong to the message before, such as a traceback."""
        for line in text.rstrip().splitlines():
            self.write(level, f"  {self.style(line, 'dim')}")

    def worker_line(self, line: str) -> None:
        """A line the Worker itself printed."""
        self.write(Level.LOG, f"{self.style('[worker]', 'cyan')} {line}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, unfolded: int = 0) -> None:
        if self.level.includes(Level.INFO) and not self.closed:
            try:
                super().table(columns, rows, unfolded=unfolded)
                self._stream.flush()
            except OSError:
                self.closed = True

    def write(self, level: Level, line: str) -> None:
        """Write a line if that level is shown."""
        if self.closed or not self.level.includes(level):
            return
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except OSError:
            # The terminal or the reader of our pipe has closed: nothing can be shown any more.
            self.closed = True
