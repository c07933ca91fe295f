"""Makes a child process end with its parent, also when the parent is killed. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_WATCH = 'read -r _; kill -s "$1" "$2"'


def ask_for_signal_at_parents_death(number: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` by which the child gets signal `number` when this process ends. None where there is none.

    The child's own user ids have to be set before it runs, as subprocess does.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it has ended meanwhile
            os.kill(os.getpid(), number)

    return ask


def watch_from_another_process(pid: int, number: signal.Signals) -> subprocess.Popen[bytes] | None:
    """Have process `pid` sent signal `number` when this process ends, where the kernel does not see to that.

    Returns the watching process: kill it when `pid` has ended. None where it is not needed, or not possible.
    """
    if sys.platform in ("linux", "win32"):
        return None
    return shell_watch(pid, number)


def shell_watch(pid: int, number: signal.Signals) -> subprocess.Popen[bytes]:
    """The process behind `watch_from_another_process`: it waits for the end of a pipe that this process holds."""
    command = ["/bin/sh", "-c", _WATCH, "sh", number.name.removeprefix("SIG"), str(pid)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def adopt_orphans() -> None:
    """Become the parent of the processes whose parents, descendants of this process, have ended (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)
