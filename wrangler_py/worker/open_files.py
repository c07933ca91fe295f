"""How many files a process may have open at once. Every connection is one."""

from __future__ import annotations

import contextlib
import sys

WANTED = 8192
"""Some systems allow a process 256 unless asked."""

Limits = tuple[int, int]


def allow_open_files(wanted: int = WANTED) -> Limits | None:
    """Raise this process's own limit, as far as the system lets it. Returns what it was; None if there is none."""
    if sys.platform == "win32":
        return None
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    return before


def restore(limits: Limits) -> None:
    """Set the limits that `allow_open_files` returned, in a child process before it becomes a person's program."""
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
