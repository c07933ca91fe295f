"""Watches the Worker's code, and warns of each thing that Pyodide cannot do, with its line."""

from __future__ import annotations

import _thread
import errno
import functools
import importlib.machinery
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wrangler_py.project.python_flags import FLAGS, PYODIDE_314, enabled_flags, python_version
from wrangler_py.worker import imports
from wrangler_py.worker.pyodide_limits import explanations, patches
from wrangler_py.worker.pyodide_limits.call_stack import Caller, CallStack
from wrangler_py.worker.pyodide_limits.packages import MODULES

if TYPE_CHECKING:
    from wrangler_py.worker.worker import Worker

_PROCESS_EVENTS = frozenset(
    {
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system"),
        *("pty.spawn", "subprocess.Popen"),
    }
)
_PROCESS_MODULES = frozenset(
    f"multiprocessing.{name}"
    for name in ("popen_fork", "popen_forkserver", "popen_spawn_posix", "popen_spawn_win32")
)
"""Imported when the first process is started."""
_POOLS = frozenset({"psycopg_pool"})
REMOVED = frozenset(
    (
        *("curses", "dbm", "ensurepip", "fcntl", "grp", "idlelib", "lib2to3", "msvcrt", "pty", "pwd", "resource"),
        *("syslog", "termios", "tkinter", "tty", "turtle", "turtledemo", "venv", "winreg", "winsound"),
    )
)
"""Modules that Pyodide leaves out. Source: Pyodide's documentation, Python compatibility."""
_IMPORT = re.compile(
    r"^[ \t]*(?:import[ \t]+((?:[\w.]+[ \t]*,[ \t]*)*[\w.]+)|from[ \t]+([\w.]+)[ \t]+import)\b", re.MULTILINE
)
PURE_AS_WELL = frozenset({"black", "blib2to3", "Cython", "dateparser", "rapidfuzz", "websockets"})
"""Packages with binary parts, not in Pyodide's list, of which there are builds in pure Python too."""
_SOCKETS_SINCE = next(flag.since for flag in FLAGS if flag.enable == PYODIDE_314)
_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_LIB_DYNLOAD = str(Path(os.__file__).parent / "lib-dynload") + os.sep


class Limits:
    """Reports each kind of thing once for each line that does it; with `strict`, raises as Pyodide does."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._stack = CallStack(lambda path: False, "")
        self._python = ""
        self._modules: frozenset[str] = frozenset()
        self._said: set[object] = set()

    def install(self) -> None:
        """Start to watch. Nothing is said before `follow`."""
        sys.addaudithook(self._audit)
        patches.install(self._library)
        start = threading.Thread.start

        @functools.wraps(start)
        def watched_start(thread: threading.Thread) -> None:
            self._thread()
            start(thread)

        threading.Thread.start = watched_start  # type: ignore[assignment, method-assign]
        start_new = _thread.start_new_thread  # what `threading` calls is another name of it

        @functools.wraps(start_new)
        def watched_start_new(*arguments: Any) -> int:
            self._thread()
            return start_new(*arguments)

        _thread.start_new_thread = watched_start_new
        listen = socket.socket.listen  # Python has no audit event for it

        @functools.wraps(listen)
        def watched_listen(opened: socket.socket, *backlog: int) -> None:
            self._server()
            listen(opened, *backlog)

        socket.socket.listen = watched_listen  # type: ignore[assignment, method-assign]

    def follow(self, worker: Worker) -> None:
        """Watch the code of `worker` from now on."""
        launch = worker.launch
        self._stack = CallStack(lambda path: imports.is_own_code(path, launch.root, launch.main), str(launch.main))
        self._python = python_version(enabled_flags(launch.compatibility_date, launch.flags))
        self._modules = MODULES[self._python]
        self._worker = worker

    def check_sources(self) -> None:
        """Say which imports in the Worker's modules work only here, of modules that were loaded before, too.

        With `strict`, raises ImportError.
        """
        modules = list(sys.modules.items())
        binary = {
            name.partition(".")[0] for name, module in modules if _is_binary(getattr(module, "__file__", None))
        }
        assert self._worker is not None
        launch = self._worker.launch
        folders = (str(launch.root), str(launch.main.parent))  # rules most modules out, and fast
        for _, module in modules:
            file = getattr(module, "__file__", None)
            if (
                file is None
                or not file.startswith(folders)
                or not file.endswith(".py")
                or not self._stack.is_own(file)
            ):
                continue
            try:
                text = Path(file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            for found in _IMPORT.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                for name in re.findall(r"[^,\s]+", found[1] or found[2]):
                    self._check_import(name.partition(".")[0], Caller(file, line, None), binary)

    def _check_import(self, name: str, caller: Caller, binary: set[str]) -> None:
        if name in REMOVED:
            message = explanations.removed(name)
        elif name in binary and not self._is_available(name) and not self._is_vendored(name):
            message = explanations.package(name, self._python)
        else:
            return
        if self._report((name,), message, caller):
            raise ImportError(f"{self._place(caller)}: {message}", name=name)

    # What is watched

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python's audit hook: it sees everything, so what does not concern it costs one look-up."""
        watch = self._EVENTS.get(event)
        if watch is not None and self._worker is not None:
            watch(self, event, arguments)

    def _thread(self) -> None:
        if self._worker is None or (caller := self._stack.caller(starts_thread=True)) is None:
            return
        message = explanations.POOL if caller.package in _POOLS else explanations.THREAD
        if self._report(("thread", caller.file, caller.line), message, caller):
            raise RuntimeError(f"can't start new thread. {message}")

    def _process(self, event: str, arguments: tuple[Any, ...]) -> None:
        caller = self._stack.caller()
        if caller is not None and self._report(("process", caller.file, caller.line), explanations.PROCESS, caller):
            raise OSError(errno.ENOTSUP, explanations.PROCESS)

    def _socket(self, event: str, arguments: tuple[Any, ...]) -> None:
        opened, address = arguments[:2]
        if opened.type == socket.SOCK_DGRAM or not isinstance(address, tuple):
            message = explanations.DATAGRAM
        elif event == "socket.bind" or self._python == "3.14":
            return  # libraries bind a socket to find out whether there is IPv6, and close it
        else:
            message = explanations.early_socket(_SOCKETS_SINCE)
        caller = self._stack.caller()
        if caller is None or (message != explanations.DATAGRAM and caller.package is not None):
            return  # a library for HTTP, perhaps, which uses fetch on the platform
        if self._report(("socket", caller.file, caller.line), message, caller):
            raise OSError(errno.ENOTSUP, message)

    def _server(self) -> None:
        if self._worker is None or (caller := self._stack.caller()) is None:
            return
        if self._report(("socket", caller.file, caller.line), explanations.SERVER, caller):
            raise OSError(errno.ENOTSUP, explanations.SERVER)

    def _import(self, event: str, arguments: tuple[Any, ...]) -> None:
        name, file = arguments[:2]
        if name in _PROCESS_MODULES:
            self._process(event, arguments)
        module = name.partition(".")[0]
        if not _is_binary(file) or self._is_available(module):
            return
        caller = self._stack.importer(module, self._is_available)
        if caller is None or self._stack.is_own(file) or self._is_vendored(module):
            return
        message = explanations.package(module, self._python)
        if self._report((module,), message, caller):
            raise ImportError(message, name=name)

    def _is_available(self, module: str) -> bool:
        return module in self._modules or module in PURE_AS_WELL

    def _is_vendored(self, module: str) -> bool:
        """Whether pywrangler has found a build for Pyodide."""
        assert self._worker is not None
        return any((self._worker.launch.root / "python_modules").glob(f"{module}*"))

    def _library(self, kind: str, message: str) -> None:
        """A patched function of a library is called."""
        if self._worker is None:
            return
        caller = self._stack.caller()
        if caller is None:  # in a task, such as a pool's
            caller = Caller(str(self._worker.launch.main), 0, None)
        if self._report((kind,), message, caller):
            raise RuntimeError(message)

    # What is said

    def _report(self, key: object, message: str, caller: Caller) -> bool:
        """Say it, unless it has been. True if it is to be an error instead."""
        worker = self._worker
        assert worker is not None
        if worker.launch.strict:
            return True
        if key not in self._said:
            self._said.add(key)
            worker.control.log("warning", f"{self._place(caller)}: {message}")
        return False

    def _place(self, caller: Caller) -> str:
        assert self._worker is not None
        file = self._worker.failures.relative(caller.file)
        return f"{file}:{caller.line}" if caller.line else file

    _EVENTS: ClassVar[dict[str, Callable[[Limits, str, tuple[Any, ...]], None]]] = {
        **dict.fromkeys(_PROCESS_EVENTS, _process),
        **dict.fromkeys(("socket.bind", "socket.connect", "socket.sendto"), _socket),
        "import": _import,
    }


def _is_binary(file: str | None) -> bool:
    """Whether `file` is an extension module, and not one of the standard library."""
    return bool(file) and str(file).endswith(_SUFFIXES) and not str(file).startswith(_LIB_DYNLOAD)
