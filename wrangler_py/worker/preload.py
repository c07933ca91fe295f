"""Being ready before there is a Worker to run: a process in reserve imports the Worker's libraries."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path

from wrangler_py.worker import imports
from wrangler_py.worker_protocol import Preload


def prepare(command: Preload) -> None:
    """Import what the generation before this one had imported from installed packages.

    A module that would now come from another file, perhaps from one of the person's, is left for the Worker to
    import.
    """
    imports.install_modules()
    imports.add_project_paths(command.root, command.main)
    for name, file in command.libraries.items():
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
