"""`wrangler-py hyperdrive exec`: a command with a local Hyperdrive in its environment."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from wrangler_py.cli import printing
from wrangler_py.cli import standalone_options as option
from wrangler_py.errors import WranglerError


class CommandAfterDashes(TyperCommand):
    """Leaves what follows the first `--` alone: it is the command, in `Context.args`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        super().parse_args(ctx, args[:at])
        ctx.args = args[at + 1 :]
        return list(ctx.args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


def execute_command(
    context: typer.Context,
    target: option.Target = None,
    connection_string: option.ConnectionString = None,
    port: option.Port = 0,
    database: option.Database = None,
    any_database: option.AnyDatabase = False,
    pool_size: option.PoolSize = None,
    caching_disabled: option.CachingDisabled = False,
    log_queries: option.LogQueries = False,
    fail_on_stale_read: option.FailOnStaleRead = False,
    allow_unsupported: option.AllowUnsupported = False,
    persist_to: option.PersistTo = None,
) -> None:
    """Run a command with a local Hyperdrive in its environment.

    The command finds the connection in HYPERDRIVE_CONNECTION_STRING, DATABASE_URL and PGHOST, PGUSER, …, and that
    of every binding in CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>. The exit status is the command's.
    For `wrangler dev`, use `wrangler-py dev` instead.
    """
    from wrangler_py.cli.options import global_options
    from wrangler_py.devserver.standalone import StandaloneOptions, run_command
    from wrangler_py.proxy.options import ProxyOptions

    if not context.args:
        raise WranglerError(
            "Give the command to run after `--`.",
            hint="As in: wrangler-py hyperdrive exec my-database -- npm test",
            exit_status=2,
        )
    databases = option.databases(target, connection_string, persist_to)
    options = StandaloneOptions(
        root=databases.root,
        state=databases.state,
        port=port,
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
    cwd = global_options().cwd
    status = run_command(
        context.args,
        databases.resolve,
        options,
        cwd=cwd,
        say=printing.info,
        warn=printing.warn,
        fail=printing.error,
    )
    raise typer.Exit(status)
