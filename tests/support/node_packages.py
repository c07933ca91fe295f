"""Node.js with the drivers, installed once into a folder that later runs find again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from wrangler_py.hyperdrive.local_file import locked

_TESTS = Path(__file__).resolve().parents[1]
_PACKAGE = _TESTS / "drivers" / "package.json"
_OLDEST_NODE = 20


@pytest.fixture(scope="session")
def node() -> str:
    """The `node` program; tests that need it skip where it, or npm, is missing or too old."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js and npm")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < _OLDEST_NODE:
        pytest.skip(f"needs Node.js {_OLDEST_NODE} or later; this is {version}")
    return found


@pytest.fixture(scope="session")
def node_modules(node: str) -> Path:
    """A `node_modules` folder with what `tests/drivers/package.json` lists.

    It is kept in `.cache`, or the folder WRANGLER_PY_TEST_CACHE names, and made again when that file changes.
    """
    cache = os.environ.get("WRANGLER_PY_TEST_CACHE")
    root = (Path(cache) if cache else _TESTS.parent / ".cache") / "npm-drivers"
    root.mkdir(parents=True, exist_ok=True)
    package = _PACKAGE.read_bytes()
    digest = hashlib.sha256(package).hexdigest()
    installed = root / "node_modules" / ".installed"
    with locked(root / "lock"):
        if not (installed.is_file() and installed.read_text() == digest):
            (root / "package.json").write_bytes(package)
            npm = [str(shutil.which("npm")), "install", "--no-audit", "--no-fund", "--no-package-lock"]
            result = subprocess.run(npm, cwd=root, capture_output=True, text=True, check=False)
            if result.returncode:
                pytest.fail(f"npm install failed in {root}:\n{result.stderr}")
            installed.write_text(digest)
    return root / "node_modules"
