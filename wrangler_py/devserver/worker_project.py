"""One reading of the project's files: what is to run, with which bindings and variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrangler_py.devserver.options import DevOptions
from wrangler_py.devserver.targets import misnamed_variables, resolve_bindings
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.local import ResolvedBinding
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.python_compatibility import flag_refusal
from wrangler_py.project.section import JAVASCRIPT, Section
from wrangler_py.project.variables import environment_variables, load_variables
from wrangler_py.project.vite import vite_folder


def is_for_wrangler(config: ConfigFile, environment: str | None, script: Path | None) -> bool:
    """Whether wrangler, and not our worker host, runs this project."""
    section = config.section(environment)
    main = script or (Path(section.main) if section.main else None)
    if main is None:
        return section.pages_build_output_dir is not None or vite_folder(config.root.resolve()) is not None
    return main.suffix in JAVASCRIPT


@dataclass(frozen=True, slots=True)
class WorkerProject:
    """The project as its files say at one moment."""

    root: Path
    main: Path
    section: Section
    variables: Mapping[str, Any] = field(repr=False)
    bindings: tuple[ResolvedBinding, ...] = ()
    warnings: tuple[str, ...] = ()


def read_project(options: DevOptions) -> WorkerProject:
    """Read the config file, the variables and the configs the bindings name.

    Raises `WranglerError` for whatever is wrong with one of them.
    """
    config = ConfigFile.load(options.config_path)
    section = config.section(options.environment)
    main = _main(options, config, section)
    if (refusal := flag_refusal(section)) is not None:
        raise refusal
    environ = environment_variables(config.root, options.environment, env_files=options.env_files)
    return WorkerProject(
        root=config.root,
        main=main,
        section=section,
        variables=load_variables(config.root, section, env_files=options.env_files, overrides=options.variables),
        bindings=resolve_bindings(section, environ),
        warnings=(*config.warnings(options.environment), *misnamed_variables(section, environ)),
    )


def is_project_file(path: Path, project: WorkerProject, options: DevOptions) -> bool:
    """Whether a change of `path` can change what `read_project` returns."""
    if path == options.config_path or path in options.env_files:
        return True
    return path.parent == project.root and path.name.startswith((".dev.vars", ".env"))


def _main(options: DevOptions, config: ConfigFile, section: Section) -> Path:
    if options.script is None and section.main is None:
        raise WranglerError(
            f"{config.path.name} does not say which file to run.",
            hint='Add `main = "src/entry.py"` to it, or name the file: wrangler-py dev src/entry.py',
        )
    main = options.script or config.root / (section.main or "")
    if main.suffix in JAVASCRIPT:
        raise WranglerError(
            f"`main` is {section.main or main.name} now, which wrangler runs.",
            hint="End this session and start `wrangler-py dev` again.",
        )
    if main.suffix != ".py":
        what = f"`main` is {section.main}, which" if options.script is None else main.name
        raise WranglerError(
            f"{what} is neither Python nor JavaScript.",
            hint='A Python Worker\'s `main` ends in .py, as in `main = "src/entry.py"`; JavaScript and TypeScript '
            "run on the project's own wrangler.",
        )
    if not main.is_file():
        raise _no_file(main, options, config)
    return main


def _no_file(main: Path, options: DevOptions, config: ConfigFile) -> WranglerError:
    if options.script is not None:
        return WranglerError(f"There is no file {main}.")
    named = os.path.relpath(main, config.root)
    line = config.line_of("main", named) or config.line_of("main", f"./{named}")
    place = config.path.name if line is None else f"{config.path.name}:{line}"
    return WranglerError(
        f"{place}: `main` is {named}, and there is no such file.",
        hint=f"Create it, or have `main` name the Worker's file, from the folder of {config.path.name}.",
    )
