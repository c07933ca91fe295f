"""`wrangler-py dev`: run the Worker of this project beside a local Hyperdrive."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wrangler_py.errors import WranglerError


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
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; the next free one if it is taken.")
    ] = 8787,
    proxy_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the local Hyperdrive; any free one by default."),
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
        typer.Option("--allow-global-clients", help="Let a database client outlive its request."),
    ] = False,
    debugger: Annotated[
        int | None,
        typer.Option("--debugger", metavar="PORT", help="Wait for a debugger on this port (needs debugpy)."),
    ] = None,
) -> None:
    """Run the Worker here, with a Hyperdrive that pools and caches.

    Saving a file reloads it. Ctrl-C ends it, with everything that was started.
    """
    from wrangler_py.cli import printing
    from wrangler_py.cli.options import global_options, project_config
    from wrangler_py.devserver.options import DevOptions
    from wrangler_py.devserver.output import Level, Output
    from wrangler_py.devserver.run import run_session

    given = global_options()
    config = project_config(given)
    state = config.root / ".wrangler" / "state" if persist_to is None else given.cwd / persist_to
    run_session(
        DevOptions(
            config_path=config.path.resolve(),
            persist_to=state.resolve(),
            script=None if script is None else (given.cwd / script).resolve(),
            environment=given.environment,
            env_files=given.env_files,
            variables=dict(_key_and_value(text) for text in var or ()),
            ip=ip,
            port=port,
            proxy_port=proxy_port or 0,
            # A debugger waits anew in every process, on the same port: only one at a time.
            reload=not no_reload and debugger is None,
            test_scheduled=test_scheduled,
            allow_global_clients=allow_global_clients,
            debugger_port=debugger,
        ),
        Output(level=Level[log_level.name], color=printing.has_colour(), table=printing.table),
    )


def _key_and_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition(":")
    if not key or not separator:
        raise WranglerError(
            f"--var {text}: a variable is KEY:VALUE.", hint="As in --var API_HOST:example.com"
        )
    return key, value
