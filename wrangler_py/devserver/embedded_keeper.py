"""The keeper of the embedded PostgreSQL: starts it, and stops it when its last user has gone.

Run as `python -m wrangler_py.devserver.embedded_keeper` by `EmbeddedPostgres.start`. It reads a Launch as one
line of JSON from standard input, answers with one line of JSON when the server is ready or has failed, and
then waits. Whoever started it holds on by keeping standard input open, others by a connection to the
control socket; a process that dies, even by SIGKILL, lets go. They are told, one line of text each, what the server
goes through; the end of that stream is the end of the server. When the keeper itself is killed, the server ends.
Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from wrangler_py.devserver.parent_death import (
    adopt_orphans,
    ask_for_signal_at_parents_death,
    watch_from_another_process,
)
from wrangler_py.worker.started_processes import children_of

START_DEADLINE_S = 60.0
"""Time limit of a start. Recovery after a crash of the machine takes a while."""
_SHUTDOWN_STEPS: tuple[tuple[str, float], ...] = (("SIGINT", 1.2), ("SIGQUIT", 0.5))
"""Fast shutdown, then immediate (safe: the write-ahead log is replayed), then SIGKILL; seconds each."""
_WAKE_UP_S = 0.5
"""Interval of reading the server's log, and without signals, of checking whether it still runs."""
_CRASH = re.compile(r"LOG:\s+(.+ \(PID \d+\) was terminated by .+)")
"""PostgreSQL logs this before it ends all connections and recovers."""
CONTROL_NAME = "control"
"""Name of the control socket, in the socket folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The server to start. `user` and `group` are the ids to run it as, None for the current ones.

    `stale_pid` is a process id in the pid file that is not a server's, None if there is none.
    """

    command: list[str]
    data: str
    log: str
    socket_folder: str | None
    user: int | None
    group: int | None
    stale_pid: int | None

    def to_line(self) -> bytes:
        """The line of JSON that the keeper reads."""
        return json.dumps(asdict(self)).encode() + b"\n"


def server_environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs: no secrets, and messages in English."""
    names = ("PATH", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ} | {"LC_ALL": "C"}


def as_account(user: int | None, group: int | None) -> dict[str, Any]:
    """Options of subprocess.Popen to run a program under those ids."""
    return {} if user is None else {"user": user, "group": group, "extra_groups": []}


def main() -> int:
    """Run one server, from the Launch on standard input until its last user has gone."""
    for name in ("SIGINT", "SIGHUP"):  # ignore the terminal's signal: the starter disconnects when it ends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    stop = [False]
    signal.signal(signal.SIGTERM, lambda *_: stop.__setitem__(0, True))

    launch = Launch(**json.loads(sys.stdin.buffer.readline()))
    environment = server_environment()
    if launch.stale_pid is not None:
        # PostgreSQL starts unless the process in the pid file lives and is not one of its own ancestors. It still
        # checks whether a server that was killed has left processes behind.
        environment["PG_GRANDPARENT_PID"] = str(launch.stale_pid)
    adopt_orphans()
    with Path(launch.log).open("wb") as log:
        server = subprocess.Popen(
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=launch.data,
            env=environment,
            preexec_fn=ask_for_signal_at_parents_death(signal.SIGINT),  # a fast shutdown
            **as_account(launch.user, launch.group),
        )
    watch = watch_from_another_process(server.pid, signal.SIGINT)
    try:
        if not _wait_ready(server, Path(launch.data)):
            _answer(sys.stdout, {"ready": False})
            return 1
        holders = _Holders(launch.socket_folder)
        _answer(sys.stdout, {"ready": True, "pid": server.pid})
        crashes = _Crashes(Path(launch.log))
        while holders.wait() and server.poll() is None and not stop[0]:
            for crash in crashes.new():
                holders.tell(crash)
        holders.close()
        return 0
    finally:
        _stop(server, launch)
        if watch is not None:
            watch.kill()
        if launch.socket_folder is not None:
            shutil.rmtree(launch.socket_folder, ignore_errors=True)


class _Holders:
    """The users of the server: standard input, and connections to the control socket."""

    def __init__(self, socket_folder: str | None) -> None:
        self._selector = selectors.DefaultSelector()
        self._control: socket.socket | None = None
        self._sockets: set[socket.socket] = set()
        self._count = 1
        if socket_folder is None:  # Windows, where select() supports only sockets
            return
        self._selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(str(Path(socket_folder) / CONTROL_NAME))
        self._control.listen()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._child_ended, wake = socket.socketpair()
        wake.setblocking(False)
        self._wake = wake
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._child_ended, selectors.EVENT_READ)

    def wait(self) -> bool:
        """Wait shortly for changes; False if no user is left."""
        if self._control is None:
            return self._wait_on_pipe()
        for key, _ in self._selector.select(_WAKE_UP_S):
            if key.fileobj is self._control:
                holder, _ = self._control.accept()
                holder.sendall(b"\n")
                self._selector.register(holder, selectors.EVENT_READ)
                self._sockets.add(holder)
                self._count += 1
            elif key.fileobj is self._child_ended:
                self._child_ended.recv(4096)
            elif key.fileobj is sys.stdin.buffer:
                if not os.read(key.fd, 4096):
                    self._selector.unregister(sys.stdin.buffer)
                    self._count -= 1
                    if self._count:
                        _close_stdout()  # tells the starter not to wait for this process
            elif isinstance(key.fileobj, socket.socket):
                with contextlib.suppress(ConnectionError):
                    if key.fileobj.recv(4096):
                        continue
                self._selector.unregister(key.fileobj)
                self._sockets.discard(key.fileobj)
                key.fileobj.close()
                self._count -= 1
        return self._count > 0

    def tell(self, text: str) -> None:
        """Send a line to all users."""
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        for holder in self._sockets:
            with contextlib.suppress(OSError):
                holder.sendall(text.encode() + b"\n")

    def close(self) -> None:
        """Accept no more users. The next one finds no server, and starts one."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                Path(self._control.getsockname()).unlink()
            self._control.close()

    def _wait_on_pipe(self) -> bool:
        return bool(sys.stdin.buffer.readline())


class _Crashes:
    """Reads the server's log to notice that one of its processes was killed."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read_up_to = 0

    def new(self) -> list[str]:
        """The lines logged since the last call."""
        found: list[str] = []
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            if os.fstat(file.fileno()).st_size == self._read_up_to:
                return found
            file.seek(self._read_up_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_up_to += len(line)
                if match := _CRASH.search(line.decode("utf-8", "replace")):
                    found.append(match[1].strip())
        return found


def _wait_ready(server: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until PostgreSQL's pid file says that it accepts connections."""
    deadline = time.monotonic() + START_DEADLINE_S
    pid_file = data / "postmaster.pid"
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            lines = pid_file.read_text().splitlines()
            if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
                return True
        time.sleep(0.005)
    return False


def _stop(server: subprocess.Popen[bytes], launch: Launch) -> None:
    if sys.platform == "win32":
        pg_ctl = Path(launch.command[0]).with_name("pg_ctl.exe")
        subprocess.run([str(pg_ctl), "stop", "-D", launch.data, "-m", "fast", "-t", "2"], check=False)
    for name, patience_s in _SHUTDOWN_STEPS:
        if server.poll() is not None:
            _end_orphans()
            return
        if hasattr(signal, name) and sys.platform != "win32":
            server.send_signal(getattr(signal, name))
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience_s)
    if server.poll() is None:
        server.kill()
        server.wait()
    _end_orphans()


def _end_orphans() -> None:
    """End processes left by a server that was killed, which would keep the next one from starting."""
    for pid in children_of(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _answer(stream: TextIO, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the starter may be gone already, which its end of the pipe shows
        stream.write(json.dumps(answer) + "\n")
        stream.flush()


def _close_stdout() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
