"""`wrangler-py hyperdrive`: configs of the local store, and the bindings that use them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wrangler_py.cli import hyperdrive_options as option
from wrangler_py.cli import printing
from wrangler_py.cli.explain import explain
from wrangler_py.cli.hyperdrive_exec import CommandAfterDashes, execute_command
from wrangler_py.cli.hyperdrive_execute import execute
from wrangler_py.cli.hyperdrive_proxy import proxy
from wrangler_py.cli.options import global_options, project_config
from wrangler_py.cli.targets import ConfigOrBinding, stored_config
from wrangler_py.cli.typer_adapter import App
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING

if TYPE_CHECKING:
    from wrangler_py.hyperdrive.config import HyperdriveConfig
    from wrangler_py.hyperdrive.config_options import ConfigOptions
    from wrangler_py.project.config_file import ConfigFile

app = App(help="Manage Hyperdrive configs.")

ConfigArgument = Annotated[str, typer.Argument(metavar="ID|NAME", help="Id or name of the config")]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command(cls=option.ConfigCommand)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new config")],
    connection_string: option.ConnectionString = None,
    origin_host: option.OriginHost = None,
    origin_port: option.OriginPort = None,
    origin_scheme: option.OriginScheme = None,
    database: option.Database = None,
    origin_user: option.OriginUser = None,
    origin_password: option.OriginPassword = None,
    embedded: option.Embedded = False,
    caching_disabled: option.CachingDisabled = None,
    max_age: option.MaxAge = None,
    swr: option.StaleWhileRevalidate = None,
    origin_connection_limit: option.ConnectionLimit = None,
    sslmode: option.SSLMode = None,
    ca_certificate_id: option.CACertificate = None,
    mtls_certificate_id: option.MTLSCertificate = None,
    service_id: option.ServiceId = None,
    access_client_id: option.AccessClientId = None,
    access_client_secret: option.AccessClientSecret = None,
    binding: Annotated[
        str | None, typer.Option("--binding", help="Write this binding of it into the config file")
    ] = None,
    update_config: Annotated[
        bool | None,
        typer.Option(
            "--update-config/--no-update-config", help="Write a binding of it into the config file, or never"
        ),
    ] = None,
    no_check: option.NoCheck = False,
) -> None:
    """Create a Hyperdrive config."""
    from wrangler_py.hyperdrive import config_options
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.store import ConfigStore

    options = _options(context)
    if options.lacks_password:
        password = _ask_password(f"Password of {options.origin_user} at {options.origin_host}: ")
        options = dataclasses.replace(options, origin_password=password)
    config = config_options.create(name, options, CertificateStore())
    store = ConfigStore()
    store.check_name_is_free(config)
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

    printing.out(f"🚧 Creating '{name}'")
    _warn_of_ignored(options)
    if not no_check:
        _check(config)
    store.add(config)
    printing.success(f"Created new Hyperdrive PostgreSQL config: {config.id}")
    if config.embedded:
        printing.out(
            f"Its origin is the embedded PostgreSQL, database '{config.embedded_database}'; "
            "`wrangler-py dev` starts it."
        )
    if file is not None:
        _save_binding(config, binding or DEFAULT_BINDING, file)
    else:
        _offer_binding(config, ask=update_config is None)


@app.command("list")
def list_configs(as_json: JSONOption = False) -> None:
    """List Hyperdrive configs."""
    from wrangler_py.hyperdrive.config_json import to_public
    from wrangler_py.hyperdrive.store import ConfigStore

    configs = ConfigStore().list()
    if as_json:
        printing.out(json.dumps([to_public(config) for config in configs], indent=2))
        return
    printing.out("📋 Listing Hyperdrive configs")
    if not configs:
        printing.out("There are none yet: `wrangler-py hyperdrive create NAME --connection-string=…` makes one.")
        return
    columns = ("id", "name", "origin", "caching", "tls", "limit")
    printing.table(columns, [_row(config) for config in configs], unfolded=2)


@app.command()
def get(target: ConfigOrBinding, as_json: JSONOption = False) -> None:
    """Show a Hyperdrive config, as JSON in any case."""
    from wrangler_py.hyperdrive.config_json import to_public

    printing.out(json.dumps(to_public(stored_config(target, global_options())), indent=2, ensure_ascii=False))


@app.command(cls=option.ConfigCommand)
def update(
    context: typer.Context,
    target: ConfigOrBinding,
    name: Annotated[str | None, typer.Option("--name", help="New name of the config")] = None,
    connection_string: option.ConnectionString = None,
    origin_host: option.OriginHost = None,
    origin_port: option.OriginPort = None,
    origin_scheme: option.OriginScheme = None,
    database: option.Database = None,
    origin_user: option.OriginUser = None,
    origin_password: option.OriginPassword = None,
    embedded: option.Embedded = False,
    caching_disabled: option.CachingDisabled = None,
    max_age: option.MaxAge = None,
    swr: option.StaleWhileRevalidate = None,
    origin_connection_limit: option.ConnectionLimit = None,
    sslmode: option.SSLMode = None,
    ca_certificate_id: option.CACertificate = None,
    mtls_certificate_id: option.MTLSCertificate = None,
    service_id: option.ServiceId = None,
    access_client_id: option.AccessClientId = None,
    access_client_secret: option.AccessClientSecret = None,
    no_check: option.NoCheck = False,
) -> None:
    """Change a Hyperdrive config; what is not given stays as it is."""
    from wrangler_py.hyperdrive import config_options
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.config_json import to_public
    from wrangler_py.hyperdrive.store import ConfigStore

    options = _options(context)
    changed = config_options.update(stored_config(target, global_options()), name, options, CertificateStore())
    printing.out(f"🚧 Updating '{target}'")
    _warn_of_ignored(options)
    if not no_check and options.concern_connection:
        _check(changed)
    ConfigStore().replace(changed)
    printing.success(f"Updated {changed.id} Hyperdrive config")
    printing.out(json.dumps(to_public(changed), indent=2, ensure_ascii=False))


@app.command()
def delete(id_or_name: ConfigArgument) -> None:
    """Delete a Hyperdrive config."""
    from wrangler_py.hyperdrive.store import ConfigStore

    store = ConfigStore()
    config = store.get(id_or_name)
    printing.out(f"🗑️ Deleting Hyperdrive config {id_or_name}")
    store.remove(config.id)
    printing.success("Deleted")
    _say_still_bound(config)


@app.command()
def bind(
    id_or_name: ConfigArgument,
    binding: Annotated[str, typer.Option("--binding", help="Name of the binding")] = DEFAULT_BINDING,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take over the Hyperdrive binding of that name")
    ] = False,
) -> None:
    """Write a binding of a config into the Worker's config file."""
    from wrangler_py.hyperdrive.store import ConfigStore

    store = ConfigStore()
    stored = store.find(id_or_name)
    if stored is None and not re.fullmatch(r"[0-9a-f]{32}", id_or_name):
        stored = store.get(id_or_name)
    file = project_config()
    file.add_hyperdrive(binding, stored.id if stored else id_or_name, global_options().environment, replace=replace)
    file.save()
    _say_bound(stored, binding, file)
    if stored is None:
        printing.warn(
            f"{id_or_name} is not in the local store: `wrangler-py dev` uses the embedded PostgreSQL for it, "
            "unless there is a local connection string."
        )


@app.command()
def unbind(
    binding: Annotated[str, typer.Argument(metavar="BINDING", help="Name of the binding")],
) -> None:
    """Take a Hyperdrive binding out of the Worker's config file."""
    file = project_config()
    file.remove_hyperdrive(binding, global_options().environment)
    file.save()
    printing.success(f"Removed the binding {binding} from {_place(file)}")


app.command("execute")(execute)
app.command("explain")(explain)
app.command("proxy")(proxy)
app.command("exec", cls=CommandAfterDashes)(execute_command)


def _options(context: typer.Context) -> ConfigOptions:
    """The options that `create` and `update` share, which have the names of the fields."""
    from wrangler_py.hyperdrive.config_options import ConfigOptions

    given = {each.name: context.params[each.name] for each in dataclasses.fields(ConfigOptions)}
    return ConfigOptions(**{**given, "origin_password": _read_password(given["origin_password"])})


def _check(config: HyperdriveConfig) -> None:
    if config.origin is None:
        return
    from wrangler_py.hyperdrive.certificates import CertificateStore
    from wrangler_py.hyperdrive.check import check_connection
    from wrangler_py.hyperdrive.tls import config_policy

    check_connection(config.origin, config_policy(config, CertificateStore()))


def _warn_of_ignored(options: ConfigOptions) -> None:
    from wrangler_py.hyperdrive.connection_string import parse

    if options.connection_string is not None:
        ignored = parse(options.connection_string).ignored
        if ignored:
            printing.warn(f"Hyperdrive ignores these parameters of the connection string: {', '.join(ignored)}")


def _read_password(password: str | None) -> str | None:
    """What `--origin-password` means: the password itself, or `-` for a line of standard input."""
    if password != "-":  # noqa: S105
        return password
    if printing.is_interactive():
        return _ask_password("Password: ")
    import sys

    return sys.stdin.readline().rstrip("\r\n")


def _ask_password(question: str) -> str | None:
    if not printing.is_interactive():
        return None
    from getpass import getpass

    return getpass(question)


def _offer_binding(config: HyperdriveConfig, *, ask: bool) -> None:
    """Print what to paste; on a terminal, offer to do it."""
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
        printing.info(f"`wrangler-py hyperdrive bind {shlex.quote(config.name)}` writes it into {_place(file)}.")
    elif printing.confirm(f"Would you like it added to {_place(file)}?", True):
        _save_binding(config, _ask_binding(config, file), file)


def _ask_binding(config: HyperdriveConfig, file: ConfigFile) -> str:
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


def _snippet(config: HyperdriveConfig, file: ConfigFile | None) -> str:
    environment = global_options().environment
    if file is None or file.path.suffix == ".toml":
        table = f"env.{environment}.hyperdrive" if environment else "hyperdrive"
        return f'[[{table}]]\nbinding = "{DEFAULT_BINDING}"\nid = "{config.id}"'
    entry: dict[str, Any] = {"hyperdrive": [{"binding": DEFAULT_BINDING, "id": config.id}]}
    return json.dumps({"env": {environment: entry}} if environment else entry, indent=2)


def _save_binding(config: HyperdriveConfig, binding: str, file: ConfigFile) -> None:
    """Write the binding of a config that is already created, and say so."""
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
    _say_bound(config, binding, file)


def _say_bound(config: HyperdriveConfig | None, binding: str, file: ConfigFile) -> None:
    name = f"'{config.name}' " if config else ""
    printing.success(f"Bound {name}as env.{binding} in {_place(file)}")
    entries = file.section(global_options().environment).hyperdrive
    if any(entry.binding == binding and entry.local_connection_string for entry in entries):
        printing.warn(
            f"`wrangler-py dev` goes on using the localConnectionString of {binding}: take that line out to use "
            "the config's database."
        )


def _say_still_bound(config: HyperdriveConfig) -> None:
    """Name the bindings of a deleted config that the project here has, if there is one."""
    with contextlib.suppress(WranglerError):
        file = project_config()
        for environment in (None, *file.environments):
            for entry in file.section(environment).hyperdrive:
                if entry.id in (config.id, config.name):
                    option = f" --env {shlex.quote(environment)}" if environment else ""
                    printing.warn(
                        f"{_section(file, environment)} still binds it as env.{entry.binding}: "
                        f"`wrangler-py hyperdrive unbind {entry.binding}{option}` takes that out."
                    )


def _place(file: ConfigFile) -> str:
    return _section(file, global_options().environment)


def _section(file: ConfigFile, environment: str | None) -> str:
    return file.path.name + (f", environment {environment}" if environment else "")


def _row(config: HyperdriveConfig) -> list[str]:
    from wrangler_py.devserver.pool_description import describe_caching, describe_embedded, describe_origin

    origin, tls = config.origin, config.mtls
    place = describe_embedded(config.embedded_database) if origin is None else describe_origin(origin)
    client = "client certificate" if tls.mtls_certificate_id else None
    sslmode = (tls.sslmode or "require") if origin is not None else "off"
    secured = ", ".join(filter(None, (sslmode, client)))
    caching = describe_caching(config.caching)
    return [config.id, config.name, place, caching, secured, str(config.origin_connection_limit)]
