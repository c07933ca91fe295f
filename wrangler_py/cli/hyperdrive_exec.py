"""`wrangler-py hyperdrive exec`: a command with a local Hyperdrive in its environment."""

from __future__ import annotations

from typing import Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli import standalone_options as option
from wrangler_py.cli.arguments_after_dashes import ArgumentsAfterDashes
from wrangler_py.cli.condition_options import ConditionArguments
from wrangler_py.cli.shared_options import DashboardPort
from wrangler_py.cli.typer_adapter import App, spread_options
from wrangler_py.errors import WranglerError

app = App()


class _Exec(ArgumentsAfterDashes):
    """`exec`, whose command follows the dashes."""

    USAGE = "-- COMMAND..."


@app.command("exec", cls=_Exec)
@spread_options
def execute_command(
    context: typer.Context,
    target: option.Target = None,
    *,
    connection_string: option.ConnectionString = None,
    port: option.Port = 0,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Serve the dashboard while the command runs")
    ] = False,
    dashboard_port: DashboardPort = 0,
    arguments: option.ServingArguments,
    conditions: ConditionArguments,
) -> None:
    """Run a command with a local Hyperdrive in its environment.

    The command finds the connection in HYPERDRIVE_CONNECTION_STRING, DATABASE_URL and PGHOST, PGUSER, …, and that
    of every binding in CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>. The exit status is the command's.
    For `wrangler dev`, use `wrangler-py dev` instead.
    """
    from wrangler_py.cli.resolved_options import global_options
    from wrangler_py.devserver.standalone import run_command

    if not context.args:
        raise WranglerError(
            "Give the command to run after `--`.",
            hint="As in: wrangler-py hyperdrive exec my-database -- npm test",
            exit_status=2,
        )
    databases = option.databases(target, connection_string, arguments.persist_to)
    options = arguments.options(
        databases, conditions, port=port, dashboard_port=dashboard_port if dashboard else None
    )
    cwd = global_options().cwd
    status = run_command(
        context.args,
        databases.resolve,
        options,
        cwd=cwd,
        messages=printing.console,
    )
    raise typer.Exit(status)
