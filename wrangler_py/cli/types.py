"""`wrangler-py types`: type stubs for the Worker's editor and type checker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import global_options, project_config
from wrangler_py.errors import WranglerError


def types(
    path: Annotated[Path, typer.Option("--path", help="Folder to write to, from the project's root")] = Path(
        "typings"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the stubs are out of date")
    ] = False,
) -> None:
    """Write type stubs for your editor.

    They describe `workers`, `js` and other modules of the runtime, and an `Env` with this project's bindings.
    """
    from wrangler_py.devserver.worker_project import is_for_wrangler
    from wrangler_py.project.variables import load_variables
    from wrangler_py.worker import stubs

    options, file = global_options(), project_config()
    if is_for_wrangler(file, options.environment, None):
        raise WranglerError("These types are for Python Workers, and this one is not.", hint="npx wrangler types")
    section = file.section(options.environment)
    folder = file.root / path
    variables = load_variables(file.root, section, env_files=options.env_files)
    bindings: dict[str, Any] = {
        "hyperdrive": [binding.binding for binding in section.hyperdrive],
        "unavailable": section.other_bindings,
        "assets": section.assets_binding,
    }
    if check:
        stale = stubs.outdated(folder, variables=variables, **bindings)
        if stale:
            raise WranglerError(
                f"The type stubs in {folder} are out of date.", hint="Run `wrangler-py types` to write them."
            )
        printing.success(f"The type stubs in {folder} are up to date.")
        return
    changed = stubs.write_types(folder, variables=variables, **bindings)
    if not changed:
        printing.success(f"The type stubs in {folder} are up to date.")
        return
    printing.success(f"Wrote type stubs to {folder}.")
    if path == Path("typings"):
        printing.out('Pyright and Pylance find them; for mypy set mypy_path = "typings".')
    else:
        printing.out(f'Set mypy_path = "{path.as_posix()}" for mypy, stubPath for pyright.')
