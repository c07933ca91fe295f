"""The processes of the embedded PostgreSQL that a command has started."""

from __future__ import annotations

import psutil


def keeper_of(pid: int) -> psutil.Process:
    """The keeper that process `pid` has started."""
    for child in psutil.Process(pid).children():
        if "wrangler_py.devserver.embedded_keeper" in child.cmdline():
            return child
    raise AssertionError(f"process {pid} has no keeper of an embedded PostgreSQL")


def server_of(pid: int) -> psutil.Process:
    """PostgreSQL's first process."""
    (server,) = keeper_of(pid).children()
    return server
