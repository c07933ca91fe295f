"""Putting the Worker's modules under the names the person's code imports, and finding the person's packages."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import site
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

SDK = "wrangler_py.worker.sdk"
_NAMES = frozenset({"workers", "js", "pyodide", "pyodide_js", "asgi", "wsgi"})


class _Alias:
    """Loads a module that is a second name of another one."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just put the alias's spec on the module: its own must stay.
        module.__spec__ = self._spec


class SDKFinder:
    """Finds `workers`, `js` and the like in this package, whatever else is installed under these names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in _NAMES:
            return None
        real_name = f"{SDK}.{fullname}"
        try:
            real = importlib.util.find_spec(real_name)
        except ModuleNotFoundError:
            return None
        if real is None:
            return None
        # A loader by its methods alone: the abstract classes of importlib.abc are slow to import.
        return importlib.machinery.ModuleSpec(
            fullname,
            _Alias(real_name),  # type: ignore[arg-type]
            is_package=real.submodule_search_locations is not None,
        )


class _FreshSourceLoader(importlib.machinery.SourceFileLoader):
    """Always compiles from source: two saves within a second must not meet the first one's bytecode."""

    def path_stats(self, path: str) -> dict[str, object]:
        raise OSError("the person's own files are compiled anew each time")


def install_modules() -> None:
    """Make the SDK's names importable."""
    if not any(isinstance(finder, SDKFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, SDKFinder())


def add_project_paths(root: Path, main: Path) -> None:
    """Put the Worker's folder first on the path, and the project's installed packages behind or before ours.

    A `.venv` of this Python version comes before our own packages: it holds the versions the person chose.
    `python_modules` comes last: what pywrangler puts there is built for WebAssembly, so native builds win.
    """
    libraries: list[str] = []
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (
        root / ".venv" / "lib" / version / "site-packages",
        root / ".venv" / "Lib" / "site-packages",
    ):
        if folder.is_dir() and str(folder) not in sys.path:
            before = list(sys.path)
            site.addsitedir(str(folder))
            libraries = [entry for entry in sys.path if entry not in before]
            sys.path[:] = libraries + before
    # `python -m` puts the current folder on the path; on the platform there is the folder of main alone.
    if sys.path[0] == str(Path.cwd()) and not (Path.cwd() / "wrangler_py").is_dir():
        del sys.path[0]
    sources = str(main.parent)
    sys.path[:] = [sources] + [entry for entry in sys.path if entry != sources]
    vendored = root / "python_modules"
    if vendored.is_dir() and str(vendored) not in sys.path:
        sys.path.append(str(vendored))
    fresh = importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (_FreshSourceLoader, importlib.machinery.SOURCE_SUFFIXES),
    )

    def hook_for_sources(path: str) -> Any:
        folder = Path(path)
        if not is_own_code(folder, root, main):
            raise ImportError(path)
        return fresh(path)

    hook_for_sources.project = (root, main)  # type: ignore[attr-defined]
    if getattr(sys.path_hooks[0], "project", None) != (root, main):
        sys.path_hooks.insert(0, hook_for_sources)
        sys.path_importer_cache.clear()


def is_own_code(path: Path, root: Path, main: Path) -> bool:
    """Whether a file or folder is the person's own, not an installed package."""
    for base in (root, main.parent):
        # Asked of every module there is: the text rules most out in no time.
        if str(path).startswith(str(base)) and path.is_relative_to(base):
            parts = path.relative_to(base).parts
            return not any(
                part in ("site-packages", "python_modules", ".venv", "venv", "node_modules") for part in parts
            )
    return False


def is_there(module: str) -> bool:
    """Whether `module` can be found. Imports the package it is in, if it is in one."""
    try:
        return importlib.util.find_spec(module) is not None
    except Exception:  # the package's own
        return False


def load_main(main: Path) -> ModuleType:
    """Import the Worker's main file under its own name. Raises whatever the person's code raises."""
    # A file named as something already imported (select.py, uvicorn.py) must not take its place.
    name = main.stem if main.stem not in sys.modules and main.stem not in _NAMES else f"_{main.stem}"
    loader = _FreshSourceLoader(name, str(main))
    spec = importlib.util.spec_from_file_location(name, main, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
