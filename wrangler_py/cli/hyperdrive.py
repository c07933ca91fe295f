"""`wrangler-py hyperdrive`: configs of the local store."""

from __future__ import annotations

import typer

app = typer.Typer(help="Manage Hyperdrive configs.", no_args_is_help=True)


@app.callback()
def hyperdrive() -> None:
    """Manage Hyperdrive configs."""
