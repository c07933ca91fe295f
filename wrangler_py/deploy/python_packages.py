"""Which packages that a Python Worker imports have no build for Pyodide."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

from wrangler_py.project.python_flags import enabled_flags, python_version
from wrangler_py.project.section import Section
from wrangler_py.worker.pyodide_limits import explanations
from wrangler_py.worker.pyodide_limits.enforcement import PURE_AS_WELL, REMOVED
from wrangler_py.worker.pyodide_limits.packages import MODULES

_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_NOT_THE_WORKERS = frozenset({"python_modules", "node_modules", "__pycache__", "tests"})


def package_problems(main: Path, root: Path, section: Section) -> Iterator[str]:
    """Problems with the imports of the Worker's files: those in the folder of `main`, and below."""
    python = python_version(enabled_flags(section.compatibility_date, section.compatibility_flags))
    distributions = importlib.metadata.packages_distributions()
    for name in sorted(_imported(main.parent)):
        if (main.parent / name).exists() or (main.parent / f"{name}.py").exists():
            continue
        if name in REMOVED:
            yield explanations.removed(name)
        elif name in sys.stdlib_module_names or name in MODULES[python] or name in PURE_AS_WELL:
            continue
        elif not _is_vendored(root, name) and any(map(_has_binary_parts, distributions.get(name, ()))):
            yield explanations.package(name, python)


def _imported(folder: Path) -> set[str]:
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        if any(part.startswith(".") or part in _NOT_THE_WORKERS for part in path.relative_to(folder).parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                names.add(node.module.partition(".")[0])
    return names


def _is_vendored(root: Path, name: str) -> bool:
    """Whether pywrangler has found a build."""
    modules = root / "python_modules"
    return (modules / name).exists() or (modules / f"{name}.py").exists()


def _has_binary_parts(distribution: str) -> bool:
    try:
        files = importlib.metadata.files(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(file.name.endswith(_SUFFIXES) for file in files or ())
