"""`wrangler-py dev`: run the Worker of this project beside a local Hyperdrive."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wrangler_py.cli.condition_options import ConditionArguments
from wrangler_py.cli.dev_on_wrangler import DevCommand, options_given
from wrangler_py.cli.shared_options import AllowUnsupported, DashboardPort, FailOnStaleRead, Migrate, PersistTo
from wrangler_py.cli.typer_adapter import App, spread_options
from wrangler_py.console import Level
from wrangler_py.errors import WranglerError

app = App()


class Runtime(StrEnum):
    """The runtimes for a Worker in Python."""

    CPYTHON = "cpython"
    WORKERD = "workerd"


@app.command("dev", cls=DevCommand)
@spread_options
def dev(
    context: typer.Context,
    *,
    script: Annotated[
        Path | None,
        typer.Argument(metavar="SCRIPT", help="The Worker's entry file, instead of `main`", show_default=False),
    ] = None,
    ip: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; if it is taken, the next free one")
    ] = 8787,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="Host name to accept, besides localhost and IP addresses; .NAME stands for all names below it; "
            "may be repeated",
        ),
    ] = None,
    proxy_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the local Hyperdrive; any free one by default"),
    ] = None,
    dashboard_port: DashboardPort = 0,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="KEY:VALUE", help="Variable of the Worker; may be repeated"),
    ] = None,
    no_reload: Annotated[
        bool, typer.Option("--no-reload", help="Do not reload the Worker when files change (Python only)")
    ] = False,
    log_level: Annotated[Level, typer.Option(help="Least severe messages to show")] = Level.LOG,
    persist_to: PersistTo = None,
    test_scheduled: Annotated[
        bool, typer.Option("--test-scheduled", help="Run the scheduled handler at /__scheduled")
    ] = False,
    allow_global_clients: Annotated[
        bool,
        typer.Option("--allow-global-clients", help="Allow a database client to outlive its request"),
    ] = False,
    fail_on_stale_read: FailOnStaleRead = False,
    allow_unsupported: AllowUnsupported = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Turn warnings about what Python Workers cannot do into errors"),
    ] = False,
    runtime: Annotated[
        Runtime | None,
        typer.Option(help="Runtime of a Python Worker: CPython (the default), or workerd through pywrangler"),
    ] = None,
    debugger: Annotated[
        int | None,
        typer.Option(
            "--debugger",
            min=1,
            max=65535,
            metavar="PORT",
            help="Wait for a debugger on this port (needs debugpy); for JavaScript, wrangler's --inspector-port",
        ),
    ] = None,
    conditions: ConditionArguments,
    migrate: Migrate = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Add the compatibility flag that Python needs, or replace the `node_compat` of wrangler 3"
        ),
    ] = False,
) -> None:
    """Run the Worker on this machine, with a local Hyperdrive that pools and caches.

    Static assets are served first, as in production. Saving a file reloads the Worker. Ctrl-C stops it, and
    everything that it started.

    A Worker in JavaScript or TypeScript runs on the project's own wrangler, or on Vite if the project uses
    Cloudflare's plugin for Vite. Options that wrangler-py does not know, and everything after `--`, go there.
    """
    from wrangler_py.cli import printing
    from wrangler_py.cli.config_offers import offer_node_compat, offer_python_flag
    from wrangler_py.cli.resolved_options import global_options, migration_command, project_config, state_folder
    from wrangler_py.devserver.dev_options import DevOptions
    from wrangler_py.devserver.output import Output
    from wrangler_py.devserver.run import run_session
    from wrangler_py.devserver.worker_project import is_for_wrangler
    from wrangler_py.proxy.options import ProxyOptions

    allowed_hosts = tuple(_host_name(text) for text in allowed_host or ())
    given = global_options()
    config = project_config(given)
    state = state_folder(config.root, given.cwd, persist_to)
    report = conditions.query_report()
    proxy_options = conditions.add_to(
        ProxyOptions(
            fail_on_stale_read=fail_on_stale_read,
            allow_unsupported=allow_unsupported,
            allow_global_clients=allow_global_clients,
        )
    )
    output = Output(level=log_level, color=printing.has_colours())
    javascript = is_for_wrangler(config, given.environment, script)
    if javascript and runtime == Runtime.CPYTHON:
        raise WranglerError(
            "--runtime cpython is for Workers in Python: this one runs on workerd.",
            hint="Leave it out.",
            exit_status=2,
        )
    if not javascript and runtime == Runtime.WORKERD:
        offer_python_flag(config, given.environment, script, fix=fix)
    if javascript or runtime == Runtime.WORKERD:
        for option, is_given, reason in (
            ("--no-reload", no_reload, "wrangler always reloads this one when a file changes"),
            ("--strict", strict, "this one runs on the real runtime"),
        ):
            if is_given:
                raise WranglerError(
                    f"{option} is for Workers in Python on CPython: {reason}.", hint="Leave it out.", exit_status=2
                )
        from wrangler_py.devserver.wrangler_command import WranglerOptions
        from wrangler_py.devserver.wrangler_project import find_project
        from wrangler_py.devserver.wrangler_session import run_wrangler

        options = WranglerOptions(
            script=script,
            config=given.config,
            environment=given.environment,
            env_files=given.env_files,
            inspector_port=debugger,
            variables=dict(_key_and_value(text) for text in var or ()),
            test_scheduled=test_scheduled,
            others=tuple(context.args),
            **options_given(context, "ip", "port", "persist_to", "log_level"),
        )
        project = find_project(config, given.environment, script)
        if javascript and (refusal := project.node_compat_refusal()) is not None:
            offer_node_compat(config, given.environment, refusal, fix=fix)
            project = find_project(config, given.environment, script)
        raise typer.Exit(
            run_wrangler(
                project,
                options,
                output,
                state=state.resolve(),
                cwd=given.cwd,
                proxy_port=proxy_port or 0,
                dashboard_port=dashboard_port,
                proxy_options=proxy_options,
                query_report=report,
                migrate=migration_command(config.root, migrate),
            )
        )
    if context.args:
        raise _unknown_option(context)
    offer_python_flag(config, given.environment, script, fix=fix)
    run_session(
        DevOptions(
            config_path=config.path.resolve(),
            persist_to=state,
            script=None if script is None else (given.cwd / script).resolve(),
            environment=given.environment,
            env_files=given.env_files,
            variables=dict(_key_and_value(text) for text in var or ()),
            ip=ip,
            port=port,
            allowed_hosts=allowed_hosts,
            proxy_port=proxy_port or 0,
            dashboard_port=dashboard_port,
            # Each process waits for a debugger on the same port, so there can be only one at a time.
            reload=not no_reload and debugger is None,
            test_scheduled=test_scheduled,
            strict=strict,
            debugger_port=debugger,
            migrate=migration_command(config.root, migrate),
            report=report,
            proxy=proxy_options,
        ),
        output,
    )


def _unknown_option(context: typer.Context) -> WranglerError:
    import difflib

    name = context.args[0].partition("=")[0]
    known = [each for parameter in context.command.params for each in parameter.opts if each.startswith("--")]
    close = difflib.get_close_matches(name, known, n=3)
    meant = f" Did you mean {', '.join(close)}?" if close else ""
    return WranglerError(
        f"No such option: {context.args[0]}.{meant}",
        hint="`wrangler-py dev --help` lists the options.",
        exit_status=2,
    )


def _key_and_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition(":")
    if not key or not separator:
        # The text is not repeated: with a wrong separator, it contains the value, which may be secret.
        raise WranglerError("--var takes KEY:VALUE.", hint="For example --var API_HOST:example.com")
    return key, value


def _host_name(text: str) -> str:
    """`text` as a Host header has it, without a port, perhaps with a dot before it."""
    name, _, port = text.strip().partition(":")
    dot = "." if name.startswith(".") else ""
    try:
        ascii_name = name.strip(".").encode("idna").decode().lower()
    except UnicodeError:
        ascii_name = ""
    if (
        not ascii_name
        or not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", ascii_name)
        or (port and not port.isdigit())
    ):
        raise WranglerError(
            "--allowed-host takes a host name.",
            hint="For example --allowed-host app.example.test, or .example.test for all names below it.",
            exit_status=2,
        )
    return dot + ascii_name
