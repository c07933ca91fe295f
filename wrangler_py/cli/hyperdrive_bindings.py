"""Writes bindings of configs into the Worker's config file, and reports it."""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING, Any, Protocol

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import global_options, project_config
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING

if TYPE_CHECKING:
    from wrangler_py.project.config_file import ConfigFile


class Named(Protocol):
    """A config, here or at Cloudflare."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


def offer_binding(config: Named, *, ask: bool) -> None:
    """Print the lines to paste; at a terminal, offer to write them."""
    try:
        file = project_config()
    except WranglerError:
        file = None
    printing.out(
        "To access your new Hyperdrive Config in your Worker, add the following snippet to your configuration file:"
    )
    printing.out(_snippet(config, file))
    if file is None or not ask:
        return
    if not printing.is_interactive():
        printing.info(f"`wrangler-py hyperdrive bind {shlex.quote(config.name)}` writes it into {place(file)}.")
    elif printing.confirm(f"Would you like it added to {place(file)}?", True):
        save_binding(config, _ask_binding(config, file), file)


def _ask_binding(config: Named, file: ConfigFile) -> str:
    """Ask for a name until `config` can be bound to it in `file`."""
    from wrangler_py.project.config_file import BindingNameError

    while True:
        binding = printing.ask("What binding name would you like to use?", DEFAULT_BINDING)
        try:
            file.add_hyperdrive(binding, config.id, global_options().environment)
        except BindingNameError as refusal:
            printing.error(refusal.message)
        else:
            return binding


def _snippet(config: Named, file: ConfigFile | None) -> str:
    environment = global_options().environment
    if file is None or file.path.suffix == ".toml":
        table = f"env.{environment}.hyperdrive" if environment else "hyperdrive"
        return f'[[{table}]]\nbinding = "{DEFAULT_BINDING}"\nid = "{config.id}"'
    entry: dict[str, Any] = {"hyperdrive": [{"binding": DEFAULT_BINDING, "id": config.id}]}
    return json.dumps({"env": {environment: entry}} if environment else entry, indent=2)


def save_binding(config: Named, binding: str, file: ConfigFile) -> None:
    """Write the binding of a config that is already created, and report it."""
    try:
        file.save()
    except WranglerError as error:
        options = global_options()
        command = ["wrangler-py", "hyperdrive", "bind", config.name, "--binding", binding]
        if options.config is not None:
            command += ["--config", str(options.config)]
        if options.environment is not None:
            command += ["--env", options.environment]
        raise WranglerError(
            f"The config {config.name} was created, but not bound. {error.message}",
            hint=f"`{shlex.join(command)}` writes the binding.",
        ) from None
    say_bound(config, binding, file)


def say_bound(config: Named | None, binding: str, file: ConfigFile) -> None:
    from wrangler_py.project import binding_actions

    name = config.name if config else None
    binding_actions.say_bound(file, binding, global_options().environment, name, printing.console)


def say_still_bound(config: Named) -> None:
    """List the bindings of a deleted config in the current project, if there is one."""
    from wrangler_py.project.binding_actions import warn_still_bound

    with contextlib.suppress(WranglerError):
        warn_still_bound(project_config(), config.id, config.name, printing.console)


def place(file: ConfigFile) -> str:
    return file.place(global_options().environment)
