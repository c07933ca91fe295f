from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from wrangler_py.atomic_file import remove_leftovers, replace_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at permissions as Unix has them")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_the_owners_alone(tmp_path: Path) -> None:
    replace_file(tmp_path / "new", b"content")
    assert (tmp_path / "new").read_bytes() == b"content"
    assert mode(tmp_path / "new") == 0o600


def test_an_existing_file_keeps_its_permissions_unless_it_is_to_be_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o664)
    replace_file(path, b"new")
    assert (path.read_text(), mode(path)) == ("new", 0o664)
    replace_file(path, b"newer", private=True)
    assert (path.read_text(), mode(path)) == ("newer", 0o600)


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"


def test_leftovers_of_killed_writes_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".file.abc.tmp").touch()
    (tmp_path / ".other.abc.tmp").touch()
    remove_leftovers(tmp_path / "file")
    assert [each.name for each in tmp_path.iterdir()] == [".other.abc.tmp"]
