"""The standard output and error of a worker process: one pipe, so that their lines stay in order."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import threading
from collections.abc import Callable

_CHUNK = 65536
_LONGEST_LINE = 1024 * 1024
"""Characters after which an unfinished line is passed on anyway."""


class WorkerOutput:
    """Reads the pipe on the running event loop and hands on whole lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._partial = ""
        self._loop = asyncio.get_running_loop()
        self._read_end, self.write_end = os.pipe()
        self._open = True
        if os.name == "posix":
            os.set_blocking(self._read_end, False)
            self._loop.add_reader(self._read_end, self.read_available)
        else:
            threading.Thread(target=self._read_in_thread, daemon=True).start()

    def process_started(self) -> None:
        """The process has its own copy of the writing end: drop ours, so that its end is seen."""
        os.close(self.write_end)

    def read_available(self) -> None:
        """Pass on what was written up to now.

        Called before an event of the control channel is shown: what the Worker printed during a request
        stands above that request's line. (On Windows, where a pipe cannot be polled, it may stand below.)
        """
        while self._open and os.name == "posix":
            try:
                chunk = os.read(self._read_end, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            if not chunk:
                self.close()
                return
            self._feed(chunk)

    def end_line(self) -> None:
        """Pass on a line that is not finished yet."""
        if self._partial:
            partial, self._partial = self._partial, ""
            self._on_line(partial)

    def close(self) -> None:
        """Pass on the rest. Later output, of processes that the Worker left behind, is not read."""
        if not self._open:
            return
        self._open = False
        if os.name == "posix":
            self._loop.remove_reader(self._read_end)
            os.close(self._read_end)
        self._feed(b"", final=True)

    def _feed(self, chunk: bytes, *, final: bool = False) -> None:
        *lines, self._partial = (self._partial + self._decoder.decode(chunk, final)).split("\n")
        if self._partial and (final or len(self._partial) > _LONGEST_LINE):
            lines.append(self._partial)
            self._partial = ""
        for line in lines:
            self._on_line(line.rstrip("\r"))

    def _read_in_thread(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._read_end, _CHUNK):
                self._loop.call_soon_threadsafe(self._feed, chunk)
