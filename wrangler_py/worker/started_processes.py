"""Finds and ends what a process started, directly or not, also after that process has gone.

A process that is to be found again gets a variable of a unique name in its environment, which all it starts
inherit. That holds for daemons, too, which leave the process group and get another parent. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

_PREFIX = "WRANGLER_PY_STARTED_"
_POLL_S = 0.02
GUARD_GRACE_S = 2.0


def without_marks(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a process that is not to end with the one that started it."""
    return {name: value for name, value in environment.items() if not name.startswith(_PREFIX)}


def new_mark() -> str:
    """The name of a variable that no process has yet."""
    return _PREFIX + os.urandom(8).hex()


def marked(mark: str) -> set[int]:
    """The ids of the processes whose environment holds `mark`, and of those they started. Never this process's."""
    parents, found = _linux(mark) if sys.platform == "linux" else _by_ps(mark)
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    to_visit = list(found - {os.getpid()})
    found = set()
    while to_visit:
        pid = to_visit.pop()
        if pid not in found and pid != os.getpid():
            found.add(pid)
            to_visit += children.get(pid, ())
    return found


def children_of(parent: int) -> set[int]:
    """The ids of the processes that `parent` is the parent of (Linux only; elsewhere none is known)."""
    if sys.platform != "linux":
        return set()
    parents, _ = _linux(_PREFIX)
    return {pid for pid, other in parents.items() if other == parent}


def end_marked(mark: str, *, grace_s: float = 0.0, spared: frozenset[int] = frozenset()) -> None:
    """End every process that holds `mark`, but not those in `spared`.

    With `grace_s`, each is asked to end first and has that long for it.
    """
    if grace_s:
        asked: set[int] = set()
        deadline = time.monotonic() + grace_s
        while (left := marked(mark) - spared) and time.monotonic() < deadline:
            for pid in left - asked:
                _send(pid, signal.SIGTERM)
            asked |= left
            time.sleep(_POLL_S)
    # Again and again, because a process may start another one before it ends.
    for _ in range(10):
        left = marked(mark) - spared
        if not left:
            return
        for pid in left:
            _send(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        time.sleep(_POLL_S)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _linux(mark: str) -> tuple[dict[int, int], set[int]]:
    parents: dict[int, int] = {}
    found: set[int] = set()
    needle = f"{mark}=".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        # A process may end meanwhile, or be somebody else's.
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[:2]
            if state in (b"Z", b"X"):
                continue
            pid = int(entry.name)
            parents[pid] = int(parent)
            if needle in Path(entry.path, "environ").read_bytes():
                found.add(pid)
    return parents, found


def _by_ps(mark: str) -> tuple[dict[int, int], set[int]]:
    """Elsewhere `ps` shows the environment of one's own processes behind their commands."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    if os.name != "posix":
        return parents, found
    command = ["ps", "-axEww", "-o", "pid=,ppid=,stat=,command="]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        output = subprocess.run(command, capture_output=True, check=False, timeout=10).stdout
        for line in output.decode("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError):
                pid, parent, state, *rest = line.split(None, 3)
                if state.startswith("Z"):
                    continue
                parents[int(pid)] = int(parent)
                if rest and f"{mark}=" in rest[0]:
                    found.add(int(pid))
    return parents, found


def guard(mark: str) -> None:
    """End what holds `mark` when standard input ends, unless a byte comes first. For a process of its own."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # meant for the one that is guarded
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if not sys.stdin.buffer.read(1):
        end_marked(mark, grace_s=GUARD_GRACE_S)


if __name__ == "__main__":
    guard(sys.argv[1])
