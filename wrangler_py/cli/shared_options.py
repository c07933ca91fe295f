"""Options that several commands have, each with one name and one text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON")]
Remote = Annotated[bool, typer.Option("--remote", help="Work on your Cloudflare account instead of this machine")]
PersistTo = Annotated[
    Path | None, typer.Option("--persist-to", help="Folder for local state  [default: .wrangler/state]")
]
DashboardPort = Annotated[
    int,
    typer.Option(
        "--dashboard-port",
        min=0,
        max=65535,
        help="Port of the dashboard; any free one by default",
        show_default=False,
    ),
]
FailOnStaleRead = Annotated[
    bool, typer.Option("--fail-on-stale-read", help="Answer a stale read with an error, not only a warning")
]
AllowUnsupported = Annotated[
    bool, typer.Option("--allow-unsupported", help="Allow what Hyperdrive does not support")
]
Migrate = Annotated[
    str | None,
    typer.Option(
        "--migrate",
        metavar="COMMAND",
        help="Command that migrates the embedded PostgreSQL at start and at reset; by default `migrate` of "
        "[tool.wrangler-py] in pyproject.toml",
        show_default=False,
    ),
]
