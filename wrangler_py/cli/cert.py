"""`wrangler-py cert`: certificates of the local store."""

from __future__ import annotations

import typer

app = typer.Typer(help="Manage certificates for TLS to the origin.", no_args_is_help=True)


@app.callback()
def cert() -> None:
    """Manage certificates for TLS to the origin."""
