"""`wrangler-py hyperdrive proxy`: the local Hyperdrive for any client on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli import standalone_options as option

if TYPE_CHECKING:
    from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive


def proxy(
    target: option.Target = None,
    connection_string: option.ConnectionString = None,
    port: option.Port = 0,
    user: Annotated[
        str | None, typer.Option("--user", help="User name of the clients; by default the binding's name")
    ] = None,
    password: Annotated[
        str | None, typer.Option("--password", help="Password of the clients; a random one by default")
    ] = None,
    database: option.Database = None,
    pool_size: option.PoolSize = None,
    caching_disabled: option.CachingDisabled = False,
    persist_to: option.PersistTo = None,
) -> None:
    """Serve databases through a local Hyperdrive until Ctrl-C, and print how to connect."""
    from wrangler_py.devserver.standalone import StandaloneOptions, serve, serve_as

    bindings, root, state = option.resolve(target, connection_string, persist_to)
    options = StandaloneOptions(
        root=root,
        state=state,
        port=port,
        password=password,
        database=database,
        pool_size=pool_size,
        caching_disabled=caching_disabled,
    )
    served = bindings if user is None else serve_as(bindings, user)
    serve(served, options, ready=_show, say=printing.info)


def _show(hyperdrive: LocalHyperdrive) -> None:
    from wrangler_py.devserver.report import describe_caching, describe_origin, describe_tls

    rows = [
        (
            name,
            describe_origin(pool.origin),
            describe_tls(pool.tls),
            f"{pool.connection_limit} connections",
            describe_caching(pool.caching),
        )
        for name, pool in hyperdrive.pools.items()
    ]
    printing.table(("User", "Origin", "TLS", "Pool", "Caching"), rows)
    for name in hyperdrive.pools:
        printing.out(hyperdrive.connection_string(name))
    sys.stdout.flush()
    printing.info("Ready. Ctrl-C ends it.")
