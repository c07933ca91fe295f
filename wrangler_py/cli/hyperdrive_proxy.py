"""`wrangler-py hyperdrive proxy`: the local Hyperdrive for any client on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli import standalone_options as option

if TYPE_CHECKING:
    from wrangler_py.devserver.local_hyperdrive import LocalHyperdrive
    from wrangler_py.hyperdrive.local import ResolvedBinding


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
    any_database: option.AnyDatabase = False,
    pool_size: option.PoolSize = None,
    caching_disabled: option.CachingDisabled = False,
    log_queries: option.LogQueries = False,
    fail_on_stale_read: option.FailOnStaleRead = False,
    allow_unsupported: option.AllowUnsupported = False,
    persist_to: option.PersistTo = None,
) -> None:
    """Serve databases through a local Hyperdrive.

    Prints how to connect, and ends at Ctrl-C with how many queries had which cache status.
    """
    from wrangler_py.devserver.standalone import StandaloneOptions, serve, serve_as
    from wrangler_py.proxy.options import ProxyOptions

    databases = option.databases(target, connection_string, persist_to)
    options = StandaloneOptions(
        root=databases.root,
        state=databases.state,
        port=port,
        password=password,
        database=database,
        pool_size=pool_size,
        caching_disabled=caching_disabled,
        log_queries=log_queries,
        proxy=ProxyOptions(
            fail_on_stale_read=fail_on_stale_read,
            serves_tools=True,
            any_database=any_database,
            allow_unsupported=allow_unsupported,
        ),
    )

    def resolve() -> Sequence[ResolvedBinding]:
        bindings = databases.resolve()
        return bindings if user is None else serve_as(bindings, user)

    serve(resolve, options, ready=_show, say=printing.info, warn=printing.warn, fail=printing.error)


def _show(hyperdrive: LocalHyperdrive) -> None:
    from wrangler_py.devserver.pool_description import (
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
    sys.stdout.flush()
    printing.info("Ready. Ctrl-C ends it.")
