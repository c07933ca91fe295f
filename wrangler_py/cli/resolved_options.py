"""Resolves the global options: the project's config file and the folder of its state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from wrangler_py.cli import printing, typer_adapter
from wrangler_py.cli.global_options import GlobalOptions

if TYPE_CHECKING:
    from wrangler_py.project.config_file import ConfigFile


def global_options() -> GlobalOptions:
    """The global options of the running command."""
    return typer_adapter.given_options().resolve()


def state_folder(root: Path, cwd: Path, persist_to: Path | None) -> Path:
    """The folder of a project's local state: `--persist-to`, or the default below its folder."""
    return (root / ".wrangler" / "state" if persist_to is None else cwd / persist_to).resolve()


def migration_command(root: Path, given: str | None) -> str | None:
    """The command that `--migrate` or pyproject.toml gives; an empty one means none."""
    from wrangler_py.project.tool_settings import read_tool_settings

    return (read_tool_settings(root).migrate if given is None else given.strip()) or None


def project_config(options: GlobalOptions | None = None) -> ConfigFile:
    """The config file of `options`, by default those of the running command.

    Raises WranglerError if there is none or it cannot be read.
    """
    from wrangler_py.project.config_file import ConfigFile

    options = global_options() if options is None else options
    file = ConfigFile.find(options.cwd, options.config)
    if options.config is None and file.ignored:
        used, *others = (os.path.relpath(path, options.cwd) for path in (file.path, *file.ignored))
        message = f"Using {used}; it takes precedence over {', '.join(others)}."
        if typer_adapter.given_options().is_news(message):
            printing.info(message)
    return file


def find_project_config(options: GlobalOptions) -> ConfigFile | None:
    """As `project_config`, but None if there is no config file and none was named."""
    from wrangler_py.project.config_file import find_config_files

    if options.config is None and not find_config_files(options.cwd):
        return None
    return project_config(options)
