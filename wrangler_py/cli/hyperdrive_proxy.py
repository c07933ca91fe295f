"""`wrangler-py hyperdrive proxy`: the local Hyperdrive for any client on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli import standalone_options as option
from wrangler_py.cli.condition_options import ConditionArguments
from wrangler_py.cli.shared_options import DashboardPort
from wrangler_py.cli.typer_adapter import spread_options

if TYPE_CHECKING:
    from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive
    from wrangler_py.hyperdrive.binding_resolution import ResolvedBinding


@spread_options
def proxy(
    target: option.Target = None,
    *,
    connection_string: option.ConnectionString = None,
    port: option.Port = 0,
    user: Annotated[
        str | None, typer.Option("--user", help="User name for clients; by default the binding's name")
    ] = None,
    password: Annotated[
        str | None, typer.Option("--password", help="Password for clients; a random one by default")
    ] = None,
    dashboard_port: DashboardPort = 0,
    arguments: option.ServingArguments,
    conditions: ConditionArguments,
) -> None:
    """Serve databases through a local Hyperdrive.

    Prints how to connect and the URL of the dashboard. At Ctrl-C, prints the number of queries by cache
    status, and ends.
    """
    from wrangler_py.devserver.standalone import serve, serve_as

    databases = option.databases(target, connection_string, arguments.persist_to)
    options = arguments.options(databases, conditions, port=port, password=password, dashboard_port=dashboard_port)

    def resolve() -> Sequence[ResolvedBinding]:
        bindings = databases.resolve()
        return bindings if user is None else serve_as(bindings, user)

    serve(resolve, options, ready=_show, messages=printing.console)


def _show(hyperdrive: LocalHyperdrive, dashboard: str | None) -> None:
    from wrangler_py.hyperdrive.pool_description import (
        describe_caching,
        describe_limit,
        describe_place,
        describe_tls,
    )

    rows = [
        (
            name,
            describe_place(pool),
            describe_tls(pool.tls),
            describe_limit(pool),
            describe_caching(pool.caching),
        )
        for name, pool in hyperdrive.pools.items()
    ]
    printing.table(("User", "Origin", "TLS", "Pool", "Caching"), rows)
    for name in hyperdrive.pools:
        printing.out(hyperdrive.connection_string(name))
    printing.flush()
    printing.info(f"Dashboard: {dashboard}")
    printing.info("Ready. Ctrl-C ends it.")
