"""Node.js with wrangler and the drivers, installed once into a folder that later runs find again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from wrangler_py.hyperdrive.private_file import locked

_TESTS = Path(__file__).resolve().parents[1]
_OLD, _NEWEST, _DASHBOARD = "npm-drivers", "npm-newest", "npm-dashboard"
_PACKAGES = {
    _OLD: _TESTS / "drivers" / "package.json",
    _NEWEST: _TESTS / "drivers" / "newest" / "package.json",
    _DASHBOARD: _TESTS / "dashboard" / "package.json",
}
_OLDEST_NODE = 20
_NODE_OF_NEWEST = 22
"""The oldest Node.js that the newest wrangler runs on."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js with packages for it: `path` is PATH with it in front."""

    modules: Path
    path: str

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": self.path}


@pytest.fixture(scope="session")
def node() -> str:
    """The `node` program; tests that need it skip where it, or npm, is missing or too old."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js and npm")
    if _major_version(found) < _OLDEST_NODE:
        pytest.skip(f"needs Node.js {_OLDEST_NODE} or later")
    return found


@pytest.fixture(scope="session")
def node_modules(node: str) -> Path:
    """A `node_modules` folder with the newest wrangler that `node` can run, and the drivers."""
    return _installed(_OLD if _major_version(node) < _NODE_OF_NEWEST else _NEWEST)


@pytest.fixture(scope="session")
def newest_node(node: str) -> Node:
    """The newest wrangler, with Vite, on `node` or, if that is too old for it, on Node.js 22 from npm."""
    modules = _installed(_NEWEST)
    path = os.environ.get("PATH", os.defpath)
    if _major_version(node) < _NODE_OF_NEWEST:
        path = os.pathsep.join((str(modules / "node" / "bin"), path))
    return Node(modules, path)


@pytest.fixture(scope="session")
def axe(node: str) -> Path:
    """axe-core's script."""
    return _installed(_DASHBOARD) / "axe-core" / "axe.min.js"


def _major_version(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.strip().lstrip("v").split(".")[0])


def _installed(name: str) -> Path:
    """The `node_modules` folder for one of `_PACKAGES`.

    It is kept in `.cache`, or the folder WRANGLER_PY_TEST_CACHE names, and made again when that file changes.
    """
    cache = os.environ.get("WRANGLER_PY_TEST_CACHE")
    root = (Path(cache) if cache else _TESTS.parent / ".cache") / name
    root.mkdir(parents=True, exist_ok=True)
    package = _PACKAGES[name].read_bytes()
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
