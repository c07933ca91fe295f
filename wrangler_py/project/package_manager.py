"""The package manager of a JavaScript project, and its commands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOCK_FILES = {
    "pnpm-lock.yaml": "pnpm",
    "pnpm-workspace.yaml": "pnpm",
    ".pnp.cjs": "yarn",
    ".yarnrc.yml": "yarn",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
}
_ADD = {"npm": "install", "pnpm": "add", "yarn": "add", "bun": "add"}
_DEVELOPMENT = {"npm": "--save-dev", "pnpm": "--save-dev", "yarn": "--dev", "bun": "--dev"}
_EXECUTE = {"npm": ("npx",), "pnpm": ("pnpm", "exec"), "yarn": ("yarn",), "bun": ("bunx",)}


@dataclass(frozen=True, slots=True)
class PackageManager:
    """npm, pnpm, yarn or bun. `plug_and_play`: packages are not in node_modules, so only it can run them."""

    name: str
    plug_and_play: bool = False

    @property
    def install(self) -> str:
        return f"{self.name} install"

    def add(self, package: str, *, development: bool = False) -> str:
        """The command line that installs `package` into the project."""
        words = [self.name, _ADD[self.name], *([_DEVELOPMENT[self.name]] if development else []), package]
        return " ".join(words)

    def run(self, script: str) -> tuple[str, ...]:
        """The command that runs a script of package.json; the script's own arguments may follow."""
        return (self.name, "run", script, *(("--",) if self.name == "npm" else ()))

    def execute(self, program: str) -> tuple[str, ...]:
        """The command that runs an installed package's program."""
        return (*_EXECUTE[self.name], program)


def package_manager(root: Path) -> PackageManager:
    """The package manager of the project in `root`, by the nearest package.json or lock file; npm by default."""
    for folder in (root, *root.parents):
        named = str(read_package(folder).get("packageManager", "")).partition("@")[0]
        found = next((name for file, name in _LOCK_FILES.items() if (folder / file).is_file()), None)
        name = named if named in _ADD else found
        if name is not None:
            return PackageManager(name, name == "yarn" and _is_plug_and_play(root))
        if (folder / ".git").exists():
            break
    return PackageManager("npm")


def read_package(folder: Path) -> dict[str, Any]:
    """package.json in `folder`; empty if there is none that can be read."""
    try:
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return package if isinstance(package, dict) else {}


def _is_plug_and_play(root: Path) -> bool:
    return any((folder / ".pnp.cjs").is_file() for folder in (root, *root.parents))
