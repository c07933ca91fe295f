"""What other commands change while a session runs: stored configs, and data behind the cache."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from wrangler_py.devserver.watcher import saved_files
from wrangler_py.hyperdrive.executed import ExecutionLog
from wrangler_py.hyperdrive.store import ConfigStore

StoreChange = Literal["configs", "data"]
"""`configs`: one was created, updated or deleted. `data`: `hyperdrive execute` has changed some."""


async def store_changes() -> AsyncIterator[StoreChange]:
    """Each change, without end; ends at once where the store's folder cannot be had."""
    # By name: the system may call the folder by another path than we do.
    kinds: dict[str, StoreChange] = {ConfigStore().path.name: "configs", ExecutionLog().path.name: "data"}
    folder = ConfigStore().path.parent
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        async for paths in saved_files({folder}, wanted=lambda path: path.name in kinds, recursive=False):
            for name in {path.name for path in paths}:
                yield kinds[name]
