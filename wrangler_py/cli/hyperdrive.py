"""`wrangler-py hyperdrive`: configs of the local store, and the bindings that use them."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import hyperdrive_options as option
from wrangler_py.cli import printing
from wrangler_py.cli.hyperdrive_bindings import offer_binding, save_binding, say_bound, say_still_bound
from wrangler_py.cli.passwords import ask_password
from wrangler_py.cli.resolved_options import global_options, project_config
from wrangler_py.cli.shared_options import AsJSON, Remote
from wrangler_py.cli.target_argument import ConfigOrBinding, stored_config
from wrangler_py.cli.typer_adapter import App, spread_options
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING

if TYPE_CHECKING:
    from wrangler_py.hyperdrive.config import HyperdriveConfig
    from wrangler_py.hyperdrive.config_options import ConfigOptions

app = App(help="Manage Hyperdrive configs.")

ConfigArgument = Annotated[str, typer.Argument(metavar="ID|NAME", help="ID or name of the config")]


@app.command(cls=option.ConfigCommand)
@spread_options
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new config")],
    arguments: option.ConfigArguments,
    binding: Annotated[
        str | None, typer.Option("--binding", help="Add a binding with this name to the Worker's config file")
    ] = None,
    update_config: Annotated[
        bool | None,
        typer.Option(
            "--update-config/--no-update-config",
            help="Add a binding to the Worker's config file, or don't; by default, ask",
        ),
    ] = None,
    no_check: option.NoCheck = False,
    remote: Remote = False,
) -> None:
    """Create a Hyperdrive config."""
    if remote:
        from wrangler_py.cli import hyperdrive_remote

        hyperdrive_remote.create(name, _remote_options(arguments, no_check), binding, update_config)
        return
    from wrangler_py.hyperdrive import config_actions

    options = _with_password(arguments.read())
    config = config_actions.new_config(name, options)
    file = None
    if binding is not None or update_config:
        from wrangler_py.project.config_file import ConfigEditError

        file = project_config()
        try:
            file.add_hyperdrive(binding or DEFAULT_BINDING, config.id, global_options().environment)
        except ConfigEditError as error:
            raise WranglerError(
                error.message,
                hint="Nothing was created. Without --binding and --update-config, the config is, and the lines to\n"
                "add by hand are shown.",
            ) from None

    config_actions.add_config(config, options, printing.console, check=not no_check)
    if file is not None:
        save_binding(config, binding or DEFAULT_BINDING, file)
    else:
        offer_binding(config, ask=update_config is None)


@app.command("list")
def list_configs(as_json: AsJSON = False, remote: Remote = False) -> None:
    """List Hyperdrive configs."""
    if remote:
        from wrangler_py.cli import hyperdrive_remote

        hyperdrive_remote.list_configs(as_json=as_json)
        return
    from wrangler_py.hyperdrive.config_json import to_public
    from wrangler_py.hyperdrive.config_store import ConfigStore

    configs = ConfigStore().list()
    if as_json:
        printing.out(json.dumps([to_public(config) for config in configs], indent=2))
        return
    printing.out("📋 Listing Hyperdrive configs")
    if not configs:
        printing.out("There are none yet. `wrangler-py hyperdrive create NAME --connection-string=…` creates one.")
        return
    columns = ("id", "name", "origin", "caching", "tls", "limit")
    printing.table(columns, [_row(config) for config in configs], unfolded=2)


@app.command()
def get(target: ConfigOrBinding, as_json: AsJSON = False, remote: Remote = False) -> None:
    """Show a Hyperdrive config as JSON."""
    if remote:
        from wrangler_py.cli import hyperdrive_remote

        hyperdrive_remote.get(target)
        return
    from wrangler_py.hyperdrive.config_json import to_public

    printing.out(json.dumps(to_public(stored_config(target)), indent=2, ensure_ascii=False))


@app.command(cls=option.ConfigCommand)
@spread_options
def update(
    target: ConfigOrBinding,
    *,
    name: Annotated[str | None, typer.Option("--name", help="New name of the config")] = None,
    arguments: option.ConfigArguments,
    no_check: option.NoCheck = False,
    remote: Remote = False,
) -> None:
    """Change a Hyperdrive config. Settings that are not given stay as they are."""
    if remote:
        from wrangler_py.cli import hyperdrive_remote

        options = hyperdrive_remote.check_options(arguments.read(), no_check=no_check)
        hyperdrive_remote.update(target, name, options)
        return
    from wrangler_py.hyperdrive.config_actions import update_config
    from wrangler_py.hyperdrive.config_json import to_public

    options, config = arguments.read(), stored_config(target)
    changed = update_config(config, name, options, printing.console, check=not no_check, called=target)
    printing.out(json.dumps(to_public(changed), indent=2, ensure_ascii=False))


@app.command()
def delete(id_or_name: ConfigArgument, remote: Remote = False) -> None:
    """Delete a Hyperdrive config."""
    if remote:
        from wrangler_py.cli import hyperdrive_remote

        hyperdrive_remote.delete(id_or_name)
        return
    from wrangler_py.hyperdrive.config_actions import delete_config

    say_still_bound(delete_config(id_or_name, printing.console))


@app.command()
def bind(
    id_or_name: ConfigArgument,
    binding: Annotated[str, typer.Option("--binding", help="Name of the binding")] = DEFAULT_BINDING,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the Hyperdrive binding of that name")] = False,
) -> None:
    """Bind a config in the Worker's config file."""
    from wrangler_py.hyperdrive.config_store import ConfigStore

    store = ConfigStore()
    stored = store.find(id_or_name)
    if stored is None and not re.fullmatch(r"[0-9a-f]{32}", id_or_name):
        stored = store.get(id_or_name)
    file = project_config()
    file.add_hyperdrive(binding, stored.id if stored else id_or_name, global_options().environment, replace=replace)
    file.save()
    say_bound(stored, binding, file)
    if stored is None:
        printing.warn(
            f"{id_or_name} is not in the local store: `wrangler-py dev` uses the embedded PostgreSQL for it, "
            "unless there is a local connection string."
        )


@app.command()
def unbind(
    binding: Annotated[str, typer.Argument(metavar="BINDING", help="Name of the binding")],
) -> None:
    """Remove a Hyperdrive binding from the Worker's config file."""
    from wrangler_py.project.binding_actions import unbind as take_out

    take_out(project_config(), binding, global_options().environment, printing.console)


for _name in ("push", "pull", "diff"):
    app.command_in("wrangler_py.cli.hyperdrive_sync", _name)
for _name in ("restart", "metrics"):
    app.command_in("wrangler_py.cli.hyperdrive_metrics", _name)
app.command_in("wrangler_py.cli.hyperdrive_execute", "execute")
app.command_in("wrangler_py.cli.explain", "explain")
app.command_in("wrangler_py.cli.hyperdrive_proxy", "proxy")
app.command_in("wrangler_py.cli.hyperdrive_exec", "exec", "app")


def _remote_options(arguments: option.ConfigArguments, no_check: bool) -> ConfigOptions:
    """The options, if they go together with --remote; a password that is missing is asked for."""
    from wrangler_py.cli.hyperdrive_remote import check_options

    return _with_password(check_options(arguments.read(), no_check=no_check))


def _with_password(options: ConfigOptions) -> ConfigOptions:
    """`options` with the password, which is asked for if it alone is missing of a new origin."""
    if not options.lacks_password:
        return options
    password = ask_password(f"Password of {options.origin_user} at {options.origin_host}: ")
    return dataclasses.replace(options, origin_password=password)


def _row(config: HyperdriveConfig) -> list[str]:
    from wrangler_py.hyperdrive.pool_description import describe_caching, describe_embedded, describe_origin

    origin, tls = config.origin, config.mtls
    place = describe_embedded(config.embedded_database) if origin is None else describe_origin(origin)
    client = "client certificate" if tls.mtls_certificate_id else None
    sslmode = (tls.sslmode or "require") if origin is not None else "off"
    secured = ", ".join(filter(None, (sslmode, client)))
    caching = describe_caching(config.caching)
    return [config.id, config.name, place, caching, secured, str(config.origin_connection_limit)]
