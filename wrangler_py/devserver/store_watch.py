"""Watches for changes by other commands while a session runs: stored configs, and data that is cached."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from wrangler_py.hyperdrive.config_store import ConfigStore
from wrangler_py.hyperdrive.execution_log import ExecutionLog

StoreChange = Literal["configs", "data"]
"""`configs`: one was created, updated or deleted. `data`: `hyperdrive execute` has changed some."""

_LOOK_S = 0.05


async def store_changes() -> AsyncIterator[StoreChange]:
    """Each change, without end.

    Looks at the two files now and then: a watcher's thread would take the interpreter from the proxy each time
    it wakes, and they are replaced whole, so that a look is enough.
    """
    files: dict[StoreChange, Path] = {"configs": ConfigStore().path, "data": ExecutionLog().path}
    known = {change: _state(path) for change, path in files.items()}
    while True:
        await asyncio.sleep(_LOOK_S)
        for change, path in files.items():
            if (state := _state(path)) != known[change]:
                known[change] = state
                yield change


def _state(path: Path) -> tuple[int, int, int] | None:
    """What differs when the file was written, or another put in its place; None without one."""
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None
