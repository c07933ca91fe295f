"""Replacing a file so that a reader, or a crash, sees the old content or the new one, nothing between."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

REPLACE_PATIENCE_S = 2.0 if sys.platform == "win32" else 0.0
"""Windows replaces no file while another process reads it. Elsewhere a refusal is final."""


def replace_file(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write `content` to `path`, whether there is a file or not.

    The file is the owner's alone if it is new or `private`. Otherwise it keeps its permissions and, where possible,
    its owner. Raises OSError; the file is as it was then.
    """
    import tempfile  # most commands write nothing, and it takes a while to import

    status = None
    if not private:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".tmp")  # 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if status is not None and sys.platform != "win32":
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fsync(file.fileno())
        if status is not None:
            temporary.chmod(status.st_mode & 0o7777)
        _move(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove what writes of `path` left that were killed; nobody else may be writing it."""
    for leftover in path.parent.glob(f"{_prefix(path)}*.tmp"):
        leftover.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _move(temporary: Path, path: Path) -> None:
    deadline = time.monotonic() + REPLACE_PATIENCE_S
    while True:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where folders can be opened and synced; Windows has no way to."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
