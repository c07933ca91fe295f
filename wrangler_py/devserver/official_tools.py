"""Finds the official tools that run a Worker, or says what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from wrangler_py.errors import WranglerError
from wrangler_py.project.package_manager import PackageManager, package_manager
from wrangler_py.project.vite import dev_script

Command = tuple[str, ...]

_PYWRANGLER = "pywrangler, which runs Python Workers on Pyodide, the real runtime,"


def find_wrangler(root: Path) -> Command:
    """The wrangler of the project in `root`: the one installed there, else the one that npx would run.

    Raises `WranglerError`, which says what to install, if Node.js or wrangler is missing.
    """
    manager = package_manager(root)
    _require_node("A Worker in JavaScript or TypeScript runs on Node.js and wrangler", manager.install)
    if manager.plug_and_play:
        _require_manager(manager)
        return manager.execute("wrangler")
    for folder in (root, *root.parents):
        if found := shutil.which("wrangler", path=folder / "node_modules" / ".bin"):
            return (found,)
    if found := shutil.which("wrangler") or shutil.which("wrangler", path=_path_within_npx(root)):
        return (found,)
    if (root / "package.json").is_file() and not (root / "node_modules").is_dir():
        hint = f"Install the project's packages: {manager.install}"
    else:
        hint = f"Install it into the project: {manager.add('wrangler', development=True)}"
    raise WranglerError(
        "wrangler, which runs Workers in JavaScript and TypeScript, is not installed here.", hint=hint
    )


def find_vite(folder: Path) -> Command:
    """The command that starts the dev server of the Vite project in `folder`; its own arguments may follow.

    Raises `WranglerError`, which says what to install, if it cannot be run.
    """
    manager = package_manager(folder)
    _require_node("A Vite project runs on Node.js", manager.install)
    installed = manager.plug_and_play or any(
        (each / "node_modules" / "vite").exists() for each in (folder, *folder.parents)
    )
    if not installed:
        raise WranglerError(
            "Vite, which runs this Worker, is not installed here.",
            hint=f"Install the project's packages: {manager.install}",
        )
    _require_manager(manager)
    script = dev_script(folder)
    return manager.execute("vite") if script is None else manager.run(script)


def find_pywrangler(root: Path) -> Command:
    """The pywrangler for the Python project in `root`.

    Raises `WranglerError`, which says what to install or write, if it cannot be run.
    """
    elsewhere = "Without --runtime, `wrangler-py dev` needs none of this."
    _require_node("pywrangler runs Python Workers on Node.js and wrangler", None)
    if not any((folder / "pyproject.toml").is_file() for folder in (root, *root.parents)):
        raise WranglerError(
            "pywrangler, which runs this Worker, wants a pyproject.toml with its packages, and there is none.",
            hint=f"`uv init --bare` in {root} writes one.\n{elsewhere}",
        )
    path = python_tools_path(root)
    found, uv = shutil.which("pywrangler", path=path), shutil.which("uv", path=path)
    if uv is None:
        what = "uv, which pywrangler installs packages with," if found else _PYWRANGLER
        missing = "uv" if found else "uv workers-py"
        raise WranglerError(f"{what} is not installed here.", hint=f"pip install {missing}\n{elsewhere}")
    if found is not None:
        return (found,)
    if _lists_pywrangler(root):
        return (uv, "run", "pywrangler")
    raise WranglerError(
        f"{_PYWRANGLER} is not installed here.", hint=f"uv add --dev workers-py workers-runtime-sdk\n{elsewhere}"
    )


def python_tools_path(root: Path) -> str:
    """PATH, preceded by the programs of the project's virtual environment and of this one."""
    scripts = root / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    return os.pathsep.join((str(scripts), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


def _lists_pywrangler(root: Path) -> bool:
    for folder in (root, *root.parents):
        if (folder / "pyproject.toml").is_file():
            return "workers-py" in (folder / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
    return False


def _require_node(what: str, install: str | None) -> None:
    if shutil.which("node") is not None:
        return
    then = "." if install is None else f"; then: {install}"
    raise WranglerError(
        f"{what}, and Node.js is not installed here.",
        hint=f"Install Node.js, the current LTS version, from nodejs.org{then}",
    )


def _require_manager(manager: PackageManager) -> None:
    if shutil.which(manager.name) is None:
        enable = "" if manager.name in ("npm", "bun") else ", or turn it on: corepack enable"
        raise WranglerError(
            f"This project is installed with {manager.name}, which is not here.",
            hint=f"Install {manager.name}{enable}",
        )


def _path_within_npx(root: Path) -> str:
    """PATH as npx sets it for the wrangler it has; empty if it has none.

    npx itself can't be used, because it does not pass all signals on to wrangler.
    """
    npx = shutil.which("npx")
    if npx is None:
        return ""
    command = [npx, "--no-install", "--package=wrangler", "-c", "node -p process.env.PATH"]
    result = subprocess.run(
        command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    return result.stdout.strip() if result.returncode == 0 else ""
