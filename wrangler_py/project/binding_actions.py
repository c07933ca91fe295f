"""Bind and unbind configs in the Worker's config file, with messages for the command line and the dashboard."""

from __future__ import annotations

import shlex

from wrangler_py.console import Progress
from wrangler_py.project.config_file import ConfigFile


def say_bound(
    file: ConfigFile, binding: str, environment: str | None, config_name: str | None, progress: Progress
) -> None:
    """Say that the config was bound; `config_name` is None for one that the local store doesn't have."""
    name = f"'{config_name}' " if config_name is not None else ""
    progress.success(f"Bound {name}as env.{binding} in {file.place(environment)}")
    entries = file.section(environment).hyperdrive
    if any(entry.binding == binding and entry.local_connection_string for entry in entries):
        progress.warn(
            f"`wrangler-py dev` keeps using the localConnectionString of {binding}: remove that line to use the "
            "config's database."
        )


def unbind(file: ConfigFile, binding: str, environment: str | None, progress: Progress) -> None:
    """Remove a Hyperdrive binding from `file`. Raises WranglerError if there is none of that name."""
    file.remove_hyperdrive(binding, environment)
    file.save()
    progress.success(f"Removed the binding {binding} from {file.place(environment)}")


def warn_still_bound(file: ConfigFile, id: str, name: str, progress: Progress) -> None:
    """Name the bindings in `file` of a config that was deleted."""
    for environment in (None, *file.environments):
        for entry in file.section(environment).hyperdrive:
            if entry.id in (id, name):
                option = f" --env {shlex.quote(environment)}" if environment else ""
                progress.warn(
                    f"{file.place(environment)} still binds it as env.{entry.binding}: "
                    f"`wrangler-py hyperdrive unbind {entry.binding}{option}` removes the binding."
                )
