"""The options that `hyperdrive create` and `update` share, named as in the official command line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wrangler_py.cli.typer_adapter import Command
from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    from wrangler_py.hyperdrive.config_options import ConfigOptions

NoCheck = Annotated[bool, typer.Option("--no-check", help="Skip the test connection")]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConfigArguments:
    """The options that `create` and `update` share; the fields have the names of those of `ConfigOptions`."""

    connection_string: Annotated[
        str | None,
        typer.Option("--connection-string", help="postgres://user:password@host:port/database"),
    ] = None
    origin_host: Annotated[
        str | None,
        typer.Option("--origin-host", "--host", help="Host of the database, or folder of its Unix socket"),
    ] = None
    origin_port: Annotated[
        int | None,
        typer.Option("--origin-port", "--port", help="Port of the database; with --remote, required beside a host"),
    ] = None
    origin_scheme: Annotated[
        str | None,
        typer.Option("--origin-scheme", "--scheme", help="postgres or postgresql; with --remote, also mysql"),
    ] = None
    database: Annotated[str | None, typer.Option("--database", help="Name of the database")] = None
    origin_user: Annotated[str | None, typer.Option("--origin-user", "--user", help="User of the database")] = None
    origin_password: Annotated[
        str | None,
        typer.Option(
            "--origin-password", "--password", help="Password of the user; - reads it from standard input"
        ),
    ] = None
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Use the embedded PostgreSQL, which `wrangler-py[embedded]` installs")
    ] = False
    caching_disabled: Annotated[
        bool | None,
        typer.Option("--caching-disabled/--no-caching-disabled", help="Do not cache query results"),
    ] = None
    max_age: Annotated[
        int | None, typer.Option("--max-age", metavar="SECONDS", help="Time that a cached result is fresh")
    ] = None
    swr: Annotated[
        int | None,
        typer.Option(
            "--swr",
            metavar="SECONDS",
            help="Time after that in which a stale result may be served while it is refreshed",
        ),
    ] = None
    origin_connection_limit: Annotated[
        int | None,
        typer.Option(
            "--origin-connection-limit",
            help="Maximum number of connections to the database, 5 to 1500 (soft); at most 20 on the free plan",
        ),
    ] = None
    sslmode: Annotated[str | None, typer.Option("--sslmode", help="require, verify-ca or verify-full")] = None
    ca_certificate_id: Annotated[
        str | None,
        typer.Option(
            "--ca-certificate-id",
            "--ca-certificate-uuid",
            metavar="ID|NAME",
            help="Uploaded CA certificate that must have issued the database's certificate",
        ),
    ] = None
    mtls_certificate_id: Annotated[
        str | None,
        typer.Option(
            "--mtls-certificate-id",
            "--mtls-certificate-uuid",
            metavar="ID|NAME",
            help="Uploaded client certificate to present to the database",
        ),
    ] = None
    service_id: Annotated[
        str | None,
        typer.Option("--service-id", help="With --remote: Workers VPC service of the database"),
    ] = None
    access_client_id: Annotated[
        str | None,
        typer.Option(
            "--access-client-id", help="With --remote: client ID of the Access service token for the database"
        ),
    ] = None
    access_client_secret: Annotated[
        str | None, typer.Option("--access-client-secret", help="With --remote: client secret of that token")
    ] = None

    def read(self) -> ConfigOptions:
        """The options; a password that was given as `-` is read."""
        from wrangler_py.cli.passwords import read_password
        from wrangler_py.hyperdrive.config_options import ConfigOptions

        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return ConfigOptions(**{**given, "origin_password": read_password(self.origin_password)})


class ConfigCommand(Command):
    """Also takes `--caching-disabled=true` and `=false`, as the official command line does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        values = {"true": "--caching-disabled", "false": "--no-caching-disabled"}
        for index, argument in enumerate(args):
            flag, equals, value = argument.partition("=")
            if flag == "--caching-disabled" and equals:
                if value.lower() not in values:
                    raise WranglerError(f"{flag} is true or false, not {value!r}.", exit_status=2)
                args[index] = values[value.lower()]
        return super().parse_args(ctx, args)
