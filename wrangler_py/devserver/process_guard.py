"""A process that ends the children of this one if this one is killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from wrangler_py.worker import started_processes


class ProcessGuard:
    """Watches over the processes whose environment holds `mark`, until `dismiss`. Does nothing on Windows."""

    def __init__(self, mark: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if os.name != "posix":
            return
        # The file itself, without the package and site-packages: it starts in a few milliseconds.
        command = [sys.executable, "-I", "-S", started_processes.__file__, mark]
        with contextlib.suppress(OSError):  # too few processes or too little memory: continue without it
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """Stop watching: there is nothing left to end. May be called repeatedly."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(b"\n")
                process.stdin.close()
            process.wait()
