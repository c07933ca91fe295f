"""`wrangler-py node-compat`: Node.js compatibility in the config file."""

from __future__ import annotations

import typer

app = typer.Typer(help="Show or change Node.js compatibility in the config file.", no_args_is_help=True)


@app.callback()
def node_compat() -> None:
    """Show or change Node.js compatibility in the config file."""
