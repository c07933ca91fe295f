"""Who does something: the nearest line of the Worker's own code on the call stack, and what lies between."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from wrangler_py.worker.threads import TO_THREAD

_STANDARD_LIBRARY = str(Path(os.__file__).parent) + os.sep
_PACKAGES = ("site-packages", "dist-packages", "python_modules")
_HOST = str(Path(__file__).parents[1]) + os.sep
_INTERFACES = tuple(
    _STANDARD_LIBRARY + name.replace("/", os.sep)
    for name in (
        *("asyncio/", "concurrent/", "contextlib.py", "functools.py", "importlib/", "multiprocessing/", "os.py"),
        *("pty.py", "selectors.py", "socket.py", "socketserver.py", "subprocess.py", "threading.py"),
    )
)
"""The standard library's own ways to start a thread or a process or to open a socket: not the ones who do it."""
_HARMLESS = tuple(
    _STANDARD_LIBRARY + name.replace("/", os.sep)
    for name in ("_osx_support.py", "ctypes/", "platform.py", "sysconfig", "uuid.py")
)
"""Standard library modules that try a process or a socket and do without it where there is none."""
_DEBUGGERS = ("debugpy", "pydevd")
_LAZY_CODE = 0x20 | 0x80 | 0x200
"""Flags of generators and coroutines (inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR)."""


class Caller(NamedTuple):
    """The line of the Worker's code, and the top-level module that acts for it, None if it acts itself."""

    file: str
    line: int
    package: str | None


class CallStack:
    """Reads the call stack; `is_own` says whether a file is the Worker's, whose main one is `main`."""

    def __init__(self, is_own: Callable[[Path], bool], main: str) -> None:
        self._main = main
        self._is_own = is_own
        self._known: dict[str, bool] = {}

    def caller(self, *, starts_thread: bool = False) -> Caller | None:
        """Who, in the Worker's code, is behind what happens now. None if nobody, or if it is harmless."""
        actor: str | None = None
        for frame in frames():
            file = frame.f_code.co_filename
            if self.is_own(file):
                return Caller(file, frame.f_lineno, None if actor is None else package_of(actor))
            if starts_thread and frame.f_code.co_name in _THREADLESS.get(_module_path(file), ()):
                return None
            if actor is None and not file.startswith((*_INTERFACES, "<")):
                if file.startswith((_HOST, *_HARMLESS)) or any(name in file for name in _DEBUGGERS):
                    return None
                actor = file
        # In a thread here, and in the request itself on the platform: which line that was is not known any more.
        if threading.current_thread().name.startswith(TO_THREAD):
            return Caller(self._main, 0, None)
        return None

    def importer(self, module: str, is_available: Callable[[str], bool]) -> Caller | None:
        """Who, in the Worker's code, needs the top-level `module` that is being imported.

        None if nobody does: a library that goes on without it, or that has a build which does, is on the way.
        """
        for frame in frames():
            code, file = frame.f_code, frame.f_code.co_filename
            if self.is_own(file):
                return Caller(file, frame.f_lineno, None)
            if file.startswith(("<", _STANDARD_LIBRARY)) and not any(name in file for name in _PACKAGES):
                continue
            if file.startswith(_HOST):
                return None
            package = package_of(file)
            if package != module and (is_available(package or "") or _is_guarded(code, frame.f_lasti)):
                return None
        return None

    def is_own(self, file: str) -> bool:
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = not file.startswith("<") and self._is_own(Path(file))
        return known


_THREADLESS = {
    # Pyodide's event loop calls the function at once, `asyncio.to_thread` included.
    "asyncio/base_events.py": ("run_in_executor",),
    # It waits for the end of a process, of which something has been said before.
    "asyncio/unix_events.py": ("add_child_handler",),
    # The same line has started a process.
    "futures/process.py": ("_start_executor_manager_thread",),
    # The SDK has anyio do so.
    "anyio/to_thread.py": ("run_sync",),
}
"""Functions that start a thread here and none on the platform."""


def frames() -> list[FrameType]:
    """The call stack from the nearest frame outside of this package on."""
    found = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_HERE):
            found.append(frame)
        frame = frame.f_back
    return found


_HERE = str(Path(__file__).parent) + os.sep


def package_of(file: str) -> str | None:
    """The top-level module that an installed file belongs to."""
    parts = Path(file).parts
    for folder in _PACKAGES:
        if folder in parts:
            at = len(parts) - parts[::-1].index(folder)
            return parts[at].partition(".")[0] if at < len(parts) else None
    return None


def _module_path(file: str) -> str:
    return "/".join(Path(file).parts[-2:])


def _is_guarded(code: CodeType, instruction: int) -> bool:
    """Whether an exception that is raised at `instruction` may be caught there: `try: import x`."""
    if code.co_flags & _LAZY_CODE:
        return False  # all of such code is within a handler of the interpreter's own
    import dis

    entries = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    return any(entry.start <= instruction < entry.end for entry in entries)
