"""`wrangler-py dashboard`: the Hyperdrive configs in a browser, without a session."""

from __future__ import annotations

from typing import Annotated

import typer

from wrangler_py.cli import printing
from wrangler_py.cli.resolved_options import find_project_config, global_options
from wrangler_py.cli.typer_adapter import App

app = App()


@app.command("dashboard")
def dashboard(
    port: Annotated[
        int,
        typer.Option(
            "--dashboard-port",
            "--port",
            min=0,
            max=65535,
            help="Port to listen on; any free one by default",
            show_default=False,
        ),
    ] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser")] = False,
) -> None:
    """Show the Hyperdrive configs in a browser, until Ctrl-C.

    `wrangler-py dev`, `hyperdrive proxy` and `hyperdrive exec --dashboard` have their own dashboards, with the
    queries, the pool and the cache of their session.
    """
    from wrangler_py.dashboard.alone import serve_alone
    from wrangler_py.dashboard.sources import ProjectPlace

    given = global_options()
    config = find_project_config(given)
    place = None if config is None else ProjectPlace(config.path.resolve(), given.environment)
    serve_alone(place, port=port, opens=not no_open and printing.is_interactive(), console=printing.console)
