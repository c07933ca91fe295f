"""The options that `hyperdrive create` and `update` share, spelled as the product spells them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

ConnectionString = Annotated[
    str | None,
    typer.Option("--connection-string", help="postgres://user:password@host:port/database"),
]
OriginHost = Annotated[
    str | None,
    typer.Option("--origin-host", "--host", help="Host of the database, or the folder of its Unix socket"),
]
OriginPort = Annotated[int | None, typer.Option("--origin-port", "--port", help="Port of the database")]
OriginScheme = Annotated[str | None, typer.Option("--origin-scheme", "--scheme", help="postgres or postgresql")]
Database = Annotated[str | None, typer.Option("--database", help="Name of the database")]
OriginUser = Annotated[str | None, typer.Option("--origin-user", "--user", help="User of the database")]
OriginPassword = Annotated[
    str | None,
    typer.Option("--origin-password", "--password", help="Password of the user; - reads it from a pipe"),
]
Embedded = Annotated[
    bool, typer.Option("--embedded", help="Use the PostgreSQL that `wrangler-py[embedded]` brings")
]
CachingDisabled = Annotated[
    bool | None,
    typer.Option("--caching-disabled/--no-caching-disabled", help="Do not cache query results"),
]
MaxAge = Annotated[
    int | None, typer.Option("--max-age", metavar="SECONDS", help="How long a cached result is fresh")
]
StaleWhileRevalidate = Annotated[
    int | None,
    typer.Option("--swr", metavar="SECONDS", help="How long it may be served after that, while it is refreshed"),
]
ConnectionLimit = Annotated[
    int | None,
    typer.Option(
        "--origin-connection-limit",
        help="Most connections to the database, 5 to 1500 (soft); 20 on the free plan",
    ),
]
CACertificate = Annotated[
    str | None,
    typer.Option(
        "--ca-certificate-id",
        "--ca-certificate-uuid",
        metavar="ID|NAME",
        help="Uploaded CA certificate that signed the database's",
    ),
]
MTLSCertificate = Annotated[
    str | None,
    typer.Option(
        "--mtls-certificate-id",
        "--mtls-certificate-uuid",
        metavar="ID|NAME",
        help="Uploaded client certificate to show the database",
    ),
]
SSLMode = Annotated[str | None, typer.Option("--sslmode", help="require, verify-ca or verify-full")]
ServiceId = Annotated[
    str | None, typer.Option("--service-id", help="With --remote: Workers VPC service to reach the database by")
]
AccessClientId = Annotated[
    str | None,
    typer.Option("--access-client-id", help="With --remote: client id of the database's Access token"),
]
AccessClientSecret = Annotated[
    str | None, typer.Option("--access-client-secret", help="With --remote: secret of that token")
]
Remote = Annotated[
    bool, typer.Option("--remote", help="At Cloudflare, in your account, instead of on this machine")
]
NoCheck = Annotated[bool, typer.Option("--no-check", help="Do not make a test connection")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]


class ConfigCommand(TyperCommand):
    """Takes `--caching-disabled=true` and `=false` too, as the product's command line does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        values = {"true": "--caching-disabled", "false": "--no-caching-disabled"}
        for index, argument in enumerate(args):
            flag, equals, value = argument.partition("=")
            if flag == "--caching-disabled" and equals:
                args[index] = values.get(value.lower(), argument)
        return super().parse_args(ctx, args)
