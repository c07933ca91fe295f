"""`wrangler-py dev`: run the Worker of this project beside a local Hyperdrive."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogLevel(StrEnum):
    """How much `dev` says, in wrangler's words."""

    NONE = "none"
    ERROR = "error"
    WARN = "warn"
    INFO = "info"
    LOG = "log"
    DEBUG = "debug"


def dev(
    script: Annotated[
        Path | None, typer.Argument(help="The Worker's entry file, instead of `main`.", show_default=False)
    ] = None,
    ip: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one if it is taken.")] = 8787,
    proxy_port: Annotated[
        int | None, typer.Option(help="Port of the local Hyperdrive; any free one by default.")
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="KEY:VALUE", help="A variable for the Worker; may be repeated."),
    ] = None,
    no_reload: Annotated[
        bool, typer.Option("--no-reload", help="Leave the Worker running when files change.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="How much is shown.")] = LogLevel.LOG,
    persist_to: Annotated[
        Path | None, typer.Option(help="Folder for local state.  [default: .wrangler/state]")
    ] = None,
    test_scheduled: Annotated[
        bool, typer.Option("--test-scheduled", help="Run the scheduled handler at /__scheduled.")
    ] = False,
    allow_global_clients: Annotated[
        bool,
        typer.Option("--allow-global-clients", help="Let a database client outlive the request it came from."),
    ] = False,
) -> None:
    """Run the Worker here, with a Hyperdrive that pools and caches."""
