"""Single keys typed at the terminal while `dev` runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

_CTRL_C = "\x03"
"""The character that `msvcrt.getwch` returns for Ctrl-C, instead of a signal."""
_SPECIAL = ("\0", "\xe0")
"""The first character of arrow and function keys there."""


class Hotkeys:
    """Hands each key typed to `on_key`, from `open` to `close`; the terminal is then as it was before.

    Ctrl-C, Ctrl-Z and output stay the terminal's business.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._loop = asyncio.get_running_loop()
        self._before: list[Any] | None = None
        self._open = False

    @staticmethod
    def possible() -> bool:
        """Whether input and output are a terminal."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()

    def open(self) -> None:
        self._open = True
        if sys.platform == "win32":
            threading.Thread(target=self._read_console, daemon=True).start()
            return
        self._take_terminal()
        self._loop.add_reader(sys.stdin.fileno(), self._read)
        # After Ctrl-Z and `fg` the shell has set the terminal its own way.
        self._loop.add_signal_handler(signal.SIGCONT, self._take_terminal)

    def close(self) -> None:
        """Give the terminal back; harmless when called twice or without `open`."""
        if not self._open:
            return
        self._open = False
        if sys.platform != "win32":
            self._loop.remove_signal_handler(signal.SIGCONT)
            self._loop.remove_reader(sys.stdin.fileno())
            self.restore()

    def restore(self) -> None:
        """Restore the terminal; the only cleanup when the process must end at once."""
        if sys.platform != "win32" and self._before is not None and _in_foreground():
            import termios

            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    if sys.platform == "win32":

        def _read_console(self) -> None:
            import msvcrt

            for key in console_keys(msvcrt.getwch):
                if not self._open:
                    return
                if key == _CTRL_C:
                    signal.raise_signal(signal.SIGINT)
                    continue
                try:
                    self._loop.call_soon_threadsafe(self._on_key, key)
                except RuntimeError:  # the loop has been closed meanwhile
                    return

    else:

        def _take_terminal(self) -> None:
            import termios
            import tty

            # A background job that touched the terminal would be stopped.
            if not _in_foreground():
                return
            with contextlib.suppress(termios.error, OSError):
                if self._before is None:
                    self._before = termios.tcgetattr(sys.stdin.fileno())
                tty.setcbreak(sys.stdin.fileno(), termios.TCSADRAIN)

        def _read(self) -> None:
            if not _in_foreground():
                return
            try:
                keys = os.read(sys.stdin.fileno(), 64)
            except OSError:
                keys = b""
            if not keys:
                self._loop.remove_reader(sys.stdin.fileno())
                return
            # Arrow and function keys come as an escape and several letters.
            if not keys.startswith(b"\033"):
                for key in keys.decode(errors="ignore"):
                    self._on_key(key)


def console_keys(read: Callable[[], str]) -> Iterator[str]:
    """The keys typed at a Windows console; `read` waits for the next character, as `msvcrt.getwch` does."""
    while True:
        key = read()
        if key in _SPECIAL:
            read()  # which one it is comes as a letter
        else:
            yield key


def _in_foreground() -> bool:
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False
