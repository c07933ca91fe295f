"""A snapshot of the project's files: the Worker, its bindings and variables."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrangler_py.devserver.dev_options import DevOptions
from wrangler_py.devserver.targets import misnamed_variables, resolve_bindings
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding
from wrangler_py.project.assets import Assets, read_assets
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
    """A snapshot of the project's files.

    `main` is None where there is no Worker, and static assets are all there is.
    """

    root: Path
    main: Path | None
    section: Section
    variables: Mapping[str, Any] = field(repr=False)
    bindings: tuple[ResolvedBinding, ...] = ()
    warnings: tuple[str, ...] = ()
    assets: Assets | None = None

    def build_inputs(self) -> dict[Path, int | None]:
        """The files whose changes have the build command run again, and when each was saved last."""
        build = self.section.build
        folders = () if build is None else tuple((self.root / folder).resolve() for folder in build.watch_dirs)
        files = (file for folder in folders for file in (folder, *folder.rglob("*")))
        return {file: saved_at(file) for file in files if not file.is_dir()}

    def has_to_build(self, path: Path) -> bool:
        """Whether the build command runs again after a change of `path`."""
        build = self.section.build
        if build is None:
            return False
        return any(path.is_relative_to((self.root / folder).resolve()) for folder in build.watch_dirs)

    @property
    def sources(self) -> Path:
        """The folder with the Worker's code."""
        return self.root if self.main is None else self.main.parent


async def read_project(options: DevOptions, say: Callable[[str], None], *, builds: bool = True) -> WorkerProject:
    """Read the config file, the variables and the configs the bindings name.

    The build command of the config file runs first if `builds`. Raises `WranglerError` for whatever is wrong.
    """
    config, section = await asyncio.to_thread(_load, options)
    if builds and section.build is not None:
        from wrangler_py.devserver.custom_build import run_build

        await run_build(section.build, config.root, say)
    return await asyncio.to_thread(_read, options, config, section)


def _load(options: DevOptions) -> tuple[ConfigFile, Section]:
    config = ConfigFile.load(options.config_path)
    return config, config.section(options.environment)


def _read(options: DevOptions, config: ConfigFile, section: Section) -> WorkerProject:
    main = _main(options, config, section)
    assets = _assets(config, section, has_worker=main is not None)
    if main is not None and (refusal := flag_refusal(section)) is not None:
        raise refusal
    environ = environment_variables(config.root, options.environment, env_files=options.env_files)
    return WorkerProject(
        root=config.root,
        main=main,
        section=section,
        variables=load_variables(config.root, section, env_files=options.env_files, overrides=options.variables),
        bindings=resolve_bindings(section, environ),
        assets=assets,
        warnings=(
            *config.warnings(options.environment),
            *misnamed_variables(section, environ),
            *_private_files(assets),
        ),
    )


def saved_at(path: Path) -> int | None:
    """When the file was saved last, in Unix nanoseconds; None if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def is_project_file(path: Path, project: WorkerProject, options: DevOptions) -> bool:
    """Whether a change of `path` can change what `read_project` returns."""
    if path == options.config_path or path in options.env_files:
        return True
    return path.parent == project.root and path.name.startswith((".dev.vars", ".env"))


def _assets(config: ConfigFile, section: Section, *, has_worker: bool) -> Assets | None:
    if section.assets is None:
        return None
    assets = read_assets(section.assets, config.root, config.path.name, section.name, has_worker=has_worker)
    if config.data.get("site") is not None:
        raise WranglerError(
            f"{config.path.name}: Cannot use assets and Workers Sites in the same Worker.",
            hint="Please remove either the `site` or `assets` field from your configuration file.",
        )
    from wrangler_py.worker.assets.deployment_check import reason_not_to_deploy

    if (reason := reason_not_to_deploy(assets.directory)) is not None:
        raise WranglerError(reason)
    return assets


def _private_files(assets: Assets | None) -> Iterator[str]:
    if assets is not None:
        from wrangler_py.worker.assets.deployment_check import warning_of_private_files

        if (warning := warning_of_private_files(assets.directory)) is not None:
            yield warning


def _main(options: DevOptions, config: ConfigFile, section: Section) -> Path | None:
    if options.script is None and section.main is None and section.assets is not None:
        return None
    if options.script is None and section.main is None:
        raise WranglerError(
            f"{config.path.name} does not say which file to run: it has no `main`.",
            hint=f'Set `main` in {config.path.name} to the Worker\'s entry file, such as "src/entry.py", or name '
            "the file: wrangler-py dev src/entry.py. A project that has only static assets needs `assets` with a "
            "`directory`.",
        )
    main = options.script or config.root / (section.main or "")
    if main.suffix in JAVASCRIPT:
        raise WranglerError(
            f"`main` is {section.main or main.name} now, which wrangler runs.",
            hint="Stop this session and start `wrangler-py dev` again.",
        )
    if main.suffix != ".py":
        what = f"`main` is {section.main}, which" if options.script is None else main.name
        raise WranglerError(
            f"{what} is neither Python nor JavaScript.",
            hint="The entry file of a Python Worker ends in .py; JavaScript and TypeScript run on the project's "
            "own wrangler.",
        )
    if not main.is_file():
        raise _no_file(main, options, config)
    return main


def _no_file(main: Path, options: DevOptions, config: ConfigFile) -> WranglerError:
    if options.script is not None:
        return WranglerError(
            f"There is no file {main}.",
            hint="Give the path of the Worker's entry file, or leave it out to use `main`.",
        )
    named = os.path.relpath(main, config.root)
    line = config.line_of("main", named) or config.line_of("main", f"./{named}")
    place = config.path.name if line is None else f"{config.path.name}:{line}"
    return WranglerError(
        f"{place}: `main` is {named}, and there is no such file.",
        hint=f"Create it, or set `main` to the Worker's entry file, relative to the folder of {config.path.name}.",
    )
