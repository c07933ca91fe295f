"""Reports saved files of the project to the dev session, combining saves that follow each other quickly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Set
from pathlib import Path

IGNORED = frozenset(
    {".venv", "venv", ".git", ".wrangler", "__pycache__", "node_modules", ".mypy_cache", ".ruff_cache"}
)
"""Folders, at any depth, whose files are not the Worker's."""

_BURST_MS = 400
"""A burst of saves is reported after this long, even if more files are being saved."""
_QUIET_MS = 15
"""A burst is over when nothing was saved for this long."""


class Watcher:
    """Watches the folder `root`, and `sources` and `files` should they be elsewhere or ignored.

    `root` itself is watched flat and each of its subfolders deeply, so that the system need not follow an
    ignored one, where a virtual environment has thousands of folders and a database writes all the time.
    """

    def __init__(
        self,
        root: Path,
        sources: Path,
        *,
        files: frozenset[Path] = frozenset(),
        ignored: frozenset[Path] = frozenset(),
    ) -> None:
        self._root = root
        self._elsewhere = set() if sources.is_relative_to(root) else {sources}
        self._ignored = ignored
        self._files = {file for file in files if self.is_ignored(file) or not self._is_within(file)}
        self._saved: asyncio.Queue[set[Path]] = asyncio.Queue()

    async def bursts(self) -> AsyncIterator[set[Path]]:
        """The files saved, created or deleted, one set a burst, without end."""
        flat = asyncio.create_task(self._watch({self._root}, recursive=False))
        single = asyncio.create_task(self._watch_files())
        folders = self._folders()
        deep = asyncio.create_task(self._watch(folders, recursive=True))
        try:
            while True:
                burst = await self._saved.get()
                while not self._saved.empty():
                    burst |= self._saved.get_nowait()
                if (now := self._folders()) != folders:
                    deep.cancel()
                    deep = asyncio.create_task(self._watch(now, recursive=True))
                    # Once the task has run, the new folder is watched; what it held before counts as saved.
                    await asyncio.sleep(0)
                    burst.update(path for folder in now - folders for path in folder.rglob("*.py"))
                    folders = now
                yield burst
        finally:
            flat.cancel()
            single.cancel()
            deep.cancel()

    def is_ignored(self, path: Path) -> bool:
        if any(path.is_relative_to(folder) for folder in self._ignored):
            return True
        parts = path.relative_to(self._root).parts if path.is_relative_to(self._root) else path.parts
        return not IGNORED.isdisjoint(parts)

    def _is_within(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in (self._root, *self._elsewhere))

    def _folders(self) -> set[Path]:
        with contextlib.suppress(OSError):
            found = {entry for entry in self._root.iterdir() if entry.is_dir() and not self.is_ignored(entry)}
            return found | self._elsewhere
        return self._elsewhere

    async def _watch(self, paths: set[Path], *, recursive: bool) -> None:
        async for saved in saved_files(paths, wanted=lambda path: not self.is_ignored(path), recursive=recursive):
            self._saved.put_nowait(saved)

    async def _watch_files(self) -> None:
        folders = {file.parent for file in self._files}
        async for saved in saved_files(folders, wanted=self._files.__contains__, recursive=False):
            self._saved.put_nowait(saved)


async def saved_files(
    paths: Set[Path], *, wanted: Callable[[Path], bool], recursive: bool, quiet_ms: int = _QUIET_MS
) -> AsyncIterator[set[Path]]:
    """The `wanted` files saved, created or deleted in the folders `paths`, one set a burst, without end.

    The watcher's thread looks every `quiet_ms` for what the system has told, and takes the interpreter for it.
    """
    from watchfiles import awatch

    if not paths:
        return
    for polling in (False, True):
        # The system may be out of watches; looking at every file now and then always works.
        with contextlib.suppress(OSError):
            async for changes in awatch(
                *paths,
                watch_filter=lambda _, path: wanted(Path(path)),
                debounce=_BURST_MS,
                step=quiet_ms,
                recursive=recursive,
                force_polling=polling,
            ):
                yield {Path(path) for _, path in changes}
