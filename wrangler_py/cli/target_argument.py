"""`CONFIG|BINDING`, the argument of the `hyperdrive` commands, which means the same in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.global_options import GlobalOptions
from wrangler_py.cli.resolved_options import find_project_config, global_options
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.devserver.targets import Target
    from wrangler_py.hyperdrive.config import HyperdriveConfig
    from wrangler_py.project.config_file import ConfigFile


def argument(default: str | None = None) -> Any:
    """The argument. `default` describes its default in the help; without it, the argument is required."""
    about = "ID or name of a config, or binding of the Worker"
    return typer.Argument(
        metavar="CONFIG|BINDING",
        help=f"{about}; {default}" if default else about,
        show_default=False,
        autocompletion=_known_names,
    )


def _known_names(context: typer.Context, incomplete: str) -> list[str]:
    """The bindings of the project and the names of the configs, for a shell to complete."""
    from wrangler_py.hyperdrive.config_store import ConfigStore

    given = context.obj.resolve()
    names = [config.name for config in ConfigStore().list()]
    if (project := find_project_config(given)) is not None:
        names[:0] = [each.binding for each in project.section(given.environment).hyperdrive]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


ConfigOrBinding = Annotated[str, argument()]


def find(
    name: str | None, project: ConfigFile | None, given: GlobalOptions, *, quiet: bool = False
) -> tuple[Target, ...]:
    """The binding of `project` or the config that `name` means; None means all its bindings.

    Warns if the name means both, unless `quiet`. Raises WranglerError if it means nothing.
    """
    from wrangler_py.devserver.targets import find_targets

    targets = find_targets(name, project, given.environment, given.env_files)
    if name is not None and targets[0].note and not quiet:
        printing.warn(targets[0].note)
    return targets


def only(targets: tuple[Target, ...]) -> Target:
    """The only one of `targets`. Raises WranglerError if there are several."""
    if len(targets) > 1:
        names = ", ".join(str(each.binding) for each in targets)
        raise WranglerError("The project has several Hyperdrive bindings.", hint=f"Name one of them: {names}")
    return targets[0]


def stored_config(name: str) -> HyperdriveConfig:
    """The config that `name` means, to show, change or push it.

    Warns if local development takes the database from elsewhere. Raises WranglerError if there is no such config.
    """
    given = global_options()
    target = only(find(name, find_project_config(given), given))
    config = target.stored()
    if target.local is not None:
        printing.warn(
            f"In local development, the database of {target.binding} is from {target.local.source}, not from the "
            f"config {config.name}."
        )
    return config
