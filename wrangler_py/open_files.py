"""How many files a process may have open at once. Every connection is one."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

WANTED = 8192
"""Some systems allow a process 256 unless asked."""

MOST_RESERVED = 128
"""Files that connections of clients leave for what they need: origin connections, threads, a page to read."""

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


def current_limits() -> Limits | None:
    """This process's limits; None if there are none."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)


def soft_limit() -> int | None:
    """How many files this process may have open; None if there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


class FileReserve:
    """Says which new connections can be taken without using up the files that this process may have open.

    The system hands out the lowest number that is free, so a connection's own number tells how many are in use.
    `warn` is told once when connections have to be refused, and again only after there was room.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._limit = soft_limit()
        self._reserved = 0 if self._limit is None else min(MOST_RESERVED, self._limit // 4)
        self._short = False

    def takes(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the new connection `transport` can be served."""
        connection = transport.get_extra_info("socket")
        if self._limit is None or connection is None:
            return True
        number = connection.fileno()
        if number < self._limit - self._reserved:
            if number < self._limit - 2 * self._reserved:
                self._short = False
            return True
        if not self._short:
            self._short = True
            self._warn(
                "New connections are refused until others are closed: "
                f"{self._limit} open files are the limit. Raise it before you start: ulimit -n 8192"
            )
        return False
