"""A terminal for a program that reads keys itself, while some keys stay ours.

wrangler and Vite read single keys, so two readers of one terminal would each miss some. The program gets a
pseudo-terminal instead; what it writes there is written to ours, and the keys typed at ours are passed on, but for
those that are ours. The program sees a terminal in every way: size, raw mode, prompts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios
    import tty

_CHUNK = 65536
_STDIN, _STDOUT = 0, 1
_LOCAL_FLAGS, _OUTPUT_FLAGS = 3, 1
"""Indexes into the list that `termios.tcgetattr` returns."""
_READY = (b"Ready on", b"open a browser", b"Local:")
"""Output of wrangler and Vite when they are ready. Until then, their questions get all keys."""
_REPLACED = ((b"clear console", b"clear cache  "), (b"open devtools", b"dashboard    "))
"""Keys that are ours, in wrangler's list of keys."""


class TerminalRelay:
    """Stands between our terminal and the one a program gets, from `open` to `close`.

    `on_ready` is called when the program is ready. From then on, the program does not get those of `keys` that are
    typed alone: their functions are called.
    """

    def __init__(
        self, keys: Mapping[str, Callable[[TerminalRelay], None]], on_ready: Callable[[], None] = lambda: None
    ) -> None:
        self._keys = {key.encode(): act for key, act in keys.items()}
        self._on_ready = on_ready
        self._is_ready = False
        self._tail = b""
        self._loop = asyncio.get_running_loop()
        self._open = False
        self._master = -1
        self._size = b""
        self._before: list[Any] | None = None

    @staticmethod
    def possible() -> bool:
        """Whether input and output are a terminal, on a system that has pseudo-terminals."""
        if sys.platform == "win32" or sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return False
        return _in_foreground()

    if sys.platform != "win32":

        def open(self) -> dict[str, Any]:
            """Take our terminal; returns the streams of the program, for `started` as well."""
            self._open = True
            self._is_ready = False
            self._master, slave = pty.openpty()
            settings = termios.tcgetattr(slave)
            settings[_OUTPUT_FLAGS] &= ~termios.OPOST  # our own terminal does that
            termios.tcsetattr(slave, termios.TCSANOW, settings)
            os.set_blocking(self._master, False)
            self._resize()
            self._take_terminal()
            self._loop.add_reader(self._master, self._from_program)
            self._loop.add_reader(_STDIN, self._typed)
            self._loop.add_signal_handler(signal.SIGWINCH, self._resize)
            # After Ctrl-Z and `fg` the shell has set the terminal its own way.
            self._loop.add_signal_handler(signal.SIGCONT, self._take_terminal)
            return dict.fromkeys(("stdin", "stdout", "stderr"), slave)

        def started(self, streams: Mapping[str, Any]) -> None:
            """The program has its own copies of them, or could not be started."""
            os.close(streams["stdin"])

        def close(self) -> None:
            """Write the remaining output and give our terminal back. May be called twice, or without `open`."""
            if not self._open:
                return
            self._open = False
            self._from_program()
            for number in (signal.SIGWINCH, signal.SIGCONT):
                self._loop.remove_signal_handler(number)
            self._loop.remove_reader(_STDIN)
            self._stop_reading()
            if self._before is not None and _in_foreground():
                with contextlib.suppress(termios.error, OSError):
                    termios.tcsetattr(_STDIN, termios.TCSADRAIN, self._before)

        def send(self, text: bytes) -> None:
            """Type `text` into the program's terminal."""
            while text and self._master >= 0:
                try:
                    text = text[os.write(self._master, text) :]
                except BlockingIOError:
                    return  # the program reads nothing, so it does not wait for these keys
                except OSError:
                    self._stop_reading()

        def _from_program(self) -> None:
            while self._master >= 0:
                try:
                    chunk = os.read(self._master, _CHUNK)
                except BlockingIOError:
                    return
                except OSError:  # on Linux: the other end is closed
                    chunk = b""
                if not chunk:
                    self._stop_reading()
                    return
                shown = chunk
                for before, after in _REPLACED:
                    shown = shown.replace(before, after)
                _write(shown)
                self._notice_ready(chunk)

        def _notice_ready(self, chunk: bytes) -> None:
            if self._is_ready:
                return
            text = self._tail + chunk
            self._tail = text[-max(map(len, _READY)) :]
            if any(each in text for each in _READY):
                self._is_ready = True
                self._on_ready()

        def _typed(self) -> None:
            if not _in_foreground():
                return
            try:
                typed = os.read(_STDIN, 1024)
            except OSError:
                typed = b""
            if not typed:
                self._loop.remove_reader(_STDIN)
                return
            act = self._keys.get(typed) if self._is_ready else None
            if act is not None:
                act(self)
            elif (number := _SIGNALS.get(typed)) is not None and self._makes_signals():
                os.killpg(os.getpgrp(), number)  # to this process and to the program, as a terminal does
            else:
                self.send(typed)

        def _makes_signals(self) -> bool:
            """Whether the program leaves Ctrl-C and the like to its terminal."""
            try:
                return bool(termios.tcgetattr(self._master)[_LOCAL_FLAGS] & termios.ISIG)
            except (termios.error, OSError):
                return True

        def _stop_reading(self) -> None:
            if self._master >= 0:
                self._loop.remove_reader(self._master)
                os.close(self._master)
                self._master = -1

        def _take_terminal(self) -> None:
            # A background job that touched the terminal would be stopped.
            if not _in_foreground():
                return
            with contextlib.suppress(termios.error, OSError):
                if self._before is None:
                    self._before = termios.tcgetattr(_STDIN)
                tty.setcbreak(_STDIN, termios.TCSADRAIN)
                settings = termios.tcgetattr(_STDIN)
                settings[_LOCAL_FLAGS] &= ~termios.ISIG
                termios.tcsetattr(_STDIN, termios.TCSADRAIN, settings)

        def _resize(self) -> None:
            with contextlib.suppress(OSError):
                size = fcntl.ioctl(_STDOUT, termios.TIOCGWINSZ, bytes(struct.calcsize("4H")))
                if size == self._size or self._master < 0:
                    return
                first, self._size = not self._size, size
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
                if not first:
                    # It may have got the signal before, and read the old size.
                    os.killpg(os.getpgrp(), signal.SIGWINCH)

    else:

        def open(self) -> dict[str, Any]:
            return {}

        def started(self, streams: Mapping[str, Any]) -> None:
            pass

        def close(self) -> None:
            pass

        def send(self, text: bytes) -> None:
            pass


_SIGNALS: dict[bytes, signal.Signals] = {}
"""The keys that make a terminal send a signal."""
if sys.platform != "win32":
    _SIGNALS = {b"\x03": signal.SIGINT, b"\x1a": signal.SIGTSTP, b"\x1c": signal.SIGQUIT}


def _write(chunk: bytes) -> None:
    """Write to our terminal, after what the session itself has written."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        while chunk:
            chunk = chunk[os.write(_STDOUT, chunk) :]


def _in_foreground() -> bool:
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(_STDIN) == os.getpgrp()
    except OSError:
        return False
