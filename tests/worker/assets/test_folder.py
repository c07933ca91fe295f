"""What a folder of static assets gives: its own files, by their exact names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wrangler_py.worker.assets.folder import AssetFolder
from wrangler_py.worker.assets.url_path import decode_path

SECRET = "outside"
_PIECES = st.sampled_from(
    ["..", ".", "", "a", "a.txt", "sub", "outside.txt", "%2e%2e", "%2E.", "%252e%252e", "%5c", "\\", "C:", "%00",
     "\0", "CON", "NUL", "a.txt.", "a.txt ", "A.TXT", "a.txt::$DATA", "..%2f..", "..\\..", "%c0%ae%c0%ae",
     "\uff0e\uff0e", "\\\\server\\share", "~", "$HOME", "\u202e", "\ud800", "é", "e\u0301"]
)  # fmt: skip
_PATHS = st.lists(_PIECES | st.text(max_size=5), max_size=8).map(lambda pieces: "/" + "/".join(pieces))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("assets")
    public = root / "public"
    (public / "sub").mkdir(parents=True)
    for name in ("a.txt", "sub/a.txt", "A"):
        (public / name).write_text("inside")
    (root / "outside.txt").write_text(SECRET)
    (root / "public2").mkdir()
    (root / "public2" / "outside.txt").write_text(SECRET)
    if os.name != "nt":
        (public / "up").symlink_to(root, target_is_directory=True)
    return public


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=_PATHS)
def test_nothing_but_its_own_files(folder: Path, path: str) -> None:
    assets = AssetFolder(folder, lambda _: None)
    for each in (path, decode_path(path), decode_path(decode_path(path))):
        file = assets.find(each)
        if file is not None:
            assert each in ("/a.txt", "/sub/a.txt", "/A")
            assert assets.read(file)[0] == b"inside"


@pytest.mark.parametrize(
    "path",
    ["", "a.txt", "/", "/sub", "/sub/", "/a.txt/", "//a.txt", "/./a.txt", "/sub/../a.txt", "/A.TXT", "/a.txt.",
     "/a.txt ", "/up/outside.txt", "/up/public/a.txt",
     "/../outside.txt", "/..\\outside.txt", "/sub\\a.txt", "/a.txt\0", "/CON"],
)  # fmt: skip
def test_other_names_are_no_files(folder: Path, path: str) -> None:
    warnings: list[str] = []
    found = AssetFolder(folder, warnings.append).find(path)
    # The link leads back into the folder there, by a way round.
    assert (found is None) == (path != "/up/public/a.txt")
    assert bool(warnings) == (path == "/up/outside.txt")


def test_equal_content_has_an_equal_tag_and_other_content_another(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for each in (first, second):
        each.mkdir()
        (each / "a.txt").write_text("same")
    (second / "b.txt").write_text("other")

    def tag(root: Path, path: str) -> str:
        assets = AssetFolder(root, lambda _: None)
        file = assets.find(path)
        assert file is not None
        return assets.read(file)[1]

    assert tag(first, "/a.txt") == tag(second, "/a.txt") != tag(second, "/b.txt")
