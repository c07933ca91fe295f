"""The folder of static assets on the disk, looked at anew for every request.

A path names a file only if each of its segments is, letter for letter, an entry of its folder: the system never
sees a name that a request made up. That leaves out `..`, other drives, alternative streams, reserved names, and,
where the file system does not distinguish them, names in another case.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wrangler_py.worker.assets.ignore_file import IGNORE_FILE, IgnorePatterns
from wrangler_py.worker.assets.size_limits import MAX_ASSET_SIZE

_SETTLED_S = 2.0
"""What changed less than this long ago may have changed again within the precision of its timestamp."""
_REMEMBERED = 4096

_Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class AssetFile:
    """A file that may be sent. Files are equal if they are at the same path."""

    path: str
    location: str = field(compare=False)
    """Where it really is: the path without symbolic links."""


class AssetTooLarge(OSError):
    """A file that cannot be deployed."""


class AssetFolder:
    """Finds and reads files. `warn` is told, once for each, of links that lead out of the folder."""

    def __init__(self, directory: Path, warn: Callable[[str], None]) -> None:
        self._root = str(directory)
        self._warn = warn
        self._warned: set[str] = set()
        self._listings: dict[str, tuple[int, frozenset[str]]] = {}
        self._digests: dict[str, tuple[_Signature, str]] = {}
        self._ignore_file = TextFile(directory / IGNORE_FILE)
        self._patterns = IgnorePatterns()

    def find(self, path: str) -> AssetFile | None:
        """The file at `path`, which begins with a slash and is decoded."""
        if not path.startswith("/") or path.endswith("/"):
            return None
        location = self._root
        for name in path[1:].split("/"):
            if not self._has(location, name):
                return None
            location = os.path.join(location, name)  # noqa: PTH118
        if self._is_ignored(path[1:]):
            return None
        try:
            real, root = os.path.realpath(location, strict=True), os.path.realpath(self._root, strict=True)
            is_file = stat.S_ISREG(os.stat(real).st_mode)  # noqa: PTH116
        except OSError:
            return None
        if not Path(real).is_relative_to(root):
            self._warn_of_link(path)
            return None
        return AssetFile(path, real) if is_file else None

    def read(self, file: AssetFile) -> tuple[bytes, str]:
        """Content and digest of a file. Raises OSError, AssetTooLarge for one that cannot be deployed."""
        with open(file.location, "rb") as stream:  # noqa: PTH123
            about = os.fstat(stream.fileno())
            if about.st_size > MAX_ASSET_SIZE:
                raise AssetTooLarge(
                    f"{file.path} is larger than the {MAX_ASSET_SIZE // 2**20} MiB of a static asset"
                )
            content = stream.read(MAX_ASSET_SIZE)
        signature = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        known = self._digests.get(file.path)
        if known is not None and known[0] == signature and _is_settled(about.st_mtime_ns):
            return content, known[1]
        digest = hashlib.sha256(content + os.path.splitext(file.path)[1].encode()).hexdigest()[:32]  # noqa: PTH122
        if len(self._digests) >= _REMEMBERED:
            self._digests.clear()
        self._digests[file.path] = (signature, digest)
        return content, digest

    def _has(self, folder: str, name: str) -> bool:
        try:
            changed = os.stat(folder).st_mtime_ns  # noqa: PTH116
            known = self._listings.get(folder)
            if known is None or known[0] != changed or not _is_settled(changed):
                known = changed, frozenset(os.listdir(folder))  # noqa: PTH208
                if len(self._listings) >= _REMEMBERED:
                    self._listings.clear()
                self._listings[folder] = known
        except (OSError, ValueError):
            return False
        return name in known[1]

    def _is_ignored(self, path: str) -> bool:
        if self._ignore_file.changed():
            self._patterns = IgnorePatterns(self._ignore_file.text or "")
        return self._patterns.ignores(path)

    def _warn_of_link(self, path: str) -> None:
        if path not in self._warned:
            self._warned.add(path)
            self._warn(
                f"{path} is not served: a symbolic link leads out of the folder of static assets. "
                "Copy the file into the folder"
            )


class TextFile:
    """A file that is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self.text: str | None = None
        """None where there is no such file."""
        self._path = path
        self._signature: _Signature | None = None

    def changed(self) -> bool:
        """Look at it; whether the text is another one now."""
        try:
            about = self._path.stat()
        except OSError:
            before, self.text, self._signature = self.text, None, None
            return before is not None
        signature = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        if signature == self._signature and _is_settled(about.st_mtime_ns):
            return False
        before = self.text
        try:
            self.text = self._path.read_bytes().decode(errors="replace")
        except OSError:
            self.text, self._signature = None, None
        else:
            self._signature = signature
        return self.text != before


def _is_settled(changed_ns: int) -> bool:
    return abs(time.time() - changed_ns / 1e9) > _SETTLED_S
