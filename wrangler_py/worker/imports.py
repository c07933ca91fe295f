"""Makes the platform's modules importable under their names, and finds the user's packages."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import re
import site
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

PLATFORM = "wrangler_py.worker.platform"
_MODULES = f"{PLATFORM}.modules"
_RUNTIME_NAMES = frozenset(
    {
        "_cloudflare",
        "_cloudflare_compat_flags",
        "_pyodide_entrypoint_helper",
        "js",
        "pyodide",
        "pyodide_js",
    }
)
"""Modules that are part of the platform's runtime."""
_SDK_NAMES = frozenset({"_workers_sdk_package_patches", "asgi", "workers"})
"""Modules of the SDK, the package workers-runtime-sdk."""
NAMES = _RUNTIME_NAMES | _SDK_NAMES
_SDK_METADATA = re.compile(r"workers_runtime_sdk-(\d+(?:\.\d+)*)[^-]*\.dist-info\Z")


class _Alias:
    """Loads a module that is a second name of another one."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if self._target == f"{_MODULES}.js":
            from wrangler_py.worker.platform.js_module import namespace

            module: ModuleType = namespace
        else:
            module = importlib.import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just put the alias's spec on the module: its own must stay.
        module.__spec__ = self._spec


class _PatchedLoader:
    """Runs a module's code in the context manager that the SDK has for it."""

    def __init__(self, loader: Any, patch: Any) -> None:
        self._loader = loader
        self._patch = patch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        with self._patch(module):
            self._loader.exec_module(module)


class PlatformFinder:
    """Finds the runtime's modules in this package, and `workers` in the SDK, whatever else has these names."""

    def __init__(self) -> None:
        self._patches: dict[str, Any] = {}
        self.sdk: str | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in _RUNTIME_NAMES:
            return self._runtime_module(fullname)
        if fullname in _SDK_NAMES:
            return importlib.machinery.PathFinder.find_spec(fullname, [self._sdk_folder()])
        if fullname in self._patches:
            spec = importlib.machinery.PathFinder.find_spec(fullname, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _PatchedLoader(spec.loader, self._patches[fullname])  # type: ignore[assignment]
            return spec
        return None

    def load_patches(self) -> None:
        """Load the patches that make packages fit the platform."""
        importlib.import_module("_workers_sdk_package_patches")
        from wrangler_py.worker.platform.modules._cloudflare.import_patch_manager import patches

        for name, patch in patches.items():
            if name in self._patches:
                continue
            self._patches[name] = patch
            module = sys.modules.get(name)
            if module is not None:
                with patch(module):
                    pass

    def _runtime_module(self, fullname: str) -> importlib.machinery.ModuleSpec | None:
        real_name = f"{_MODULES}.{fullname}"
        is_package = False
        if fullname != "js":
            try:
                real = importlib.util.find_spec(real_name)
            except ModuleNotFoundError:
                return None
            if real is None:
                return None
            is_package = real.submodule_search_locations is not None
        # A loader by its methods alone: the abstract classes of importlib.abc are slow to import.
        return importlib.machinery.ModuleSpec(
            fullname,
            _Alias(real_name),  # type: ignore[arg-type]
            is_package=is_package,
        )

    def _sdk_folder(self) -> str:
        if self.sdk is None:
            self.sdk = sdk_folder()
        return self.sdk


def sdk_folder() -> str:
    """Where the SDK is: the newest one among the project's packages and ours.

    Raises ModuleNotFoundError if there is none.
    """
    best: tuple[tuple[int, ...], str] | None = None
    for folder in sys.path:
        try:
            entries = list(Path(folder).iterdir())
        except OSError:
            continue
        for entry in entries:
            found = _SDK_METADATA.match(entry.name)
            if found is not None:
                version = tuple(map(int, found[1].split(".")))
                if best is None or version > best[0]:
                    best = version, folder
    if best is None:
        raise ModuleNotFoundError("The package workers-runtime-sdk is not installed", name="workers")
    return best[1]


def is_sdk_file(path: str) -> bool:
    """Whether a file is part of the SDK that the Worker uses."""
    folder = _finder.sdk
    return folder is not None and path.startswith((f"{folder}{os.sep}workers{os.sep}", f"{folder}{os.sep}asgi.py"))


class _FreshSourceLoader(importlib.machinery.SourceFileLoader):
    """Always compiles from source: two saves within a second must not meet the first one's bytecode."""

    def path_stats(self, path: str) -> dict[str, object]:
        raise OSError("the person's own files are compiled anew each time")


_finder = PlatformFinder()


def install_modules() -> None:
    """Make the platform's modules importable."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def load_package_patches() -> None:
    """Have the SDK's patches applied to the packages that the Worker imports."""
    _finder.load_patches()


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
    """Whether a file or folder belongs to the user, and not to an installed package."""
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
    # A file with the name of an imported module (select.py, uvicorn.py) must not replace it.
    name = main.stem if main.stem not in sys.modules and main.stem not in NAMES else f"_{main.stem}"
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
