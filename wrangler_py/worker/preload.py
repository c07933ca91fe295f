"""Being ready before there is a Worker to run: a process in reserve imports the Worker's libraries."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wrangler_py.worker import imports


def prepare(message: Mapping[str, Any]) -> None:
    """Import what the generation before this one had imported from installed packages.

    `message["libraries"]` maps a module's name to its file. One that would come from elsewhere now, from a
    file of the person's for one, is left for the Worker to import.
    """
    imports.install_modules()
    imports.add_project_paths(Path(message["root"]), Path(message["main"]))
    for name, file in message["libraries"].items():
        # Whatever goes wrong goes wrong again, and is reported, when the Worker imports it.
        with contextlib.suppress(Exception):
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin == file:
                importlib.import_module(name)


def libraries(root: Path, main: Path) -> dict[str, str]:
    """The modules imported by now that are neither the person's own nor of this package, with their files."""
    found = {}
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is None or spec.name != name or not spec.origin:
            continue
        if "site-packages" in spec.origin and not imports.is_own_code(Path(spec.origin), root, main):
            found[name] = spec.origin
    return found
