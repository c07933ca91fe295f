"""A JSON file with secrets, private to the person, that several processes may edit at once.

A write is a new file that replaces the old one, so a reader sees one or the other and a kill at any moment
leaves a whole file. A lock beside it (the file itself is replaced, and a lock would go with it) keeps two
edits from losing one another; the system releases it when its process dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wrangler_py.atomic_file import remove_leftovers, replace_file
from wrangler_py.errors import WranglerError

VERSION = 1
"""Version of the format; a file with a later one is not touched."""


def default_home() -> Path:
    """The folder of the local store: `WRANGLER_PY_HOME`, otherwise in the user's data folder."""
    if configured := os.environ.get("WRANGLER_PY_HOME"):
        return Path(configured).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("wrangler-py", appauthor=False))


class LocalFile:
    """One such file, holding a list of JSON objects under `key`."""

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self._key = key

    def read(self) -> list[dict[str, Any]]:
        """The objects, none without a file. WranglerError: unreadable, damaged, of a later version."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WranglerError(
                f"Cannot read {self.path}: {_reason(error)}.",
                hint="Make it readable, or set WRANGLER_PY_HOME to another folder.",
            ) from None
        except UnicodeDecodeError:
            raise self._unusable("is damaged: it is not UTF-8 text") from None
        try:
            document = json.loads(text)
        except ValueError as error:
            raise self._unusable(f"is damaged: {error}") from None
        version = document.get("version") if isinstance(document, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise WranglerError(
                f"{self.path} was written by a later version of wrangler-py.", hint="Update wrangler-py."
            )
        objects = document.get(self._key) if version == VERSION else None
        if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
            raise self._unusable("is damaged: it does not have the expected layout")
        return objects

    @contextlib.contextmanager
    def edit(self) -> Iterator[list[dict[str, Any]]]:
        """The objects, for changing in place; written when the block ends, unless it raises."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.path.with_name(self.path.name + ".lock")):
                objects = self.read()
                yield objects
                self._write(objects)
        except OSError as error:
            raise WranglerError(
                f"Cannot write {self.path}: {_reason(error)}.",
                hint="Make its folder writable, or set WRANGLER_PY_HOME to another folder.",
            ) from None

    def _write(self, objects: list[dict[str, Any]]) -> None:
        text = json.dumps({"version": VERSION, self._key: objects}, indent=2, ensure_ascii=False)
        remove_leftovers(self.path)  # nobody else writes: we hold the lock
        replace_file(self.path, f"{text}\n".encode(), private=True)

    def _unusable(self, what: str) -> WranglerError:
        return WranglerError(
            f"{self.path} {what}.", hint="Repair the file, or move it away to start with an empty one."
        )


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def locked(path: Path) -> Iterator[None]:
        """Hold the lock of the file `path`, which is made if need be; one process at a time can."""
        with path.open("a+b") as file:
            while True:
                file.seek(0)
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # gives up after 10 s
                    break
                except OSError:
                    time.sleep(0.05)
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    @contextlib.contextmanager
    def locked(path: Path) -> Iterator[None]:
        """Hold the lock of the file `path`, which is made if need be; one process at a time can."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
