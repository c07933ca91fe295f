"""The table of subcommands and the top-level help. Neither needs Typer, which takes long to import."""

from __future__ import annotations

from typing import NamedTuple

from wrangler_py import __version__
from wrangler_py.cli.global_options import HELP


class Subcommand(NamedTuple):
    """The place of a subcommand: `attribute` of `module` is a Typer app (a group) or a command function."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "init": Subcommand("wrangler_py.cli.init", "init", "Create a new Worker project"),
    "dev": Subcommand("wrangler_py.cli.dev", "app", "Run the Worker with a local Hyperdrive"),
    "hyperdrive": Subcommand("wrangler_py.cli.hyperdrive", "app", "Manage Hyperdrive configs"),
    "embedded": Subcommand(
        "wrangler_py.cli.embedded", "app", "Inspect, reset and snapshot the embedded PostgreSQL"
    ),
    "dashboard": Subcommand("wrangler_py.cli.dashboard", "app", "Show the Hyperdrive configs in a browser"),
    "cert": Subcommand("wrangler_py.cli.cert", "app", "Manage certificates for TLS to the origin"),
    "node-compat": Subcommand(
        "wrangler_py.cli.node_compat", "app", "Show or change Node.js compatibility in the config file"
    ),
    "types": Subcommand("wrangler_py.cli.types", "types", "Write type stubs for your editor"),
    "check": Subcommand("wrangler_py.cli.check", "check", "Check the project before it is deployed"),
    "deploy": Subcommand(
        "wrangler_py.cli.deploy", "app", "Check the project, then deploy it with the official tool"
    ),
    "whoami": Subcommand("wrangler_py.cli.whoami", "whoami", "Show the credentials for Cloudflare"),
    "complete": Subcommand(
        "wrangler_py.cli.complete", "complete", "Print a script that completes commands in a shell"
    ),
}

_ELSEWHERE = """
    containers d1 delete deployments dispatch-namespace docs kv login logout pages
    pipelines publish queues r2 rollback secret secrets-store setup tail triggers vectorize versions
    workflows
"""
"""Commands of the official command line that need Cloudflare itself."""


def help_text() -> str:
    """The top-level help."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"wrangler-py {__version__}",
            "Develop Workers that talk to PostgreSQL through Hyperdrive, on your own machine.",
            "",
            "Usage: wrangler-py COMMAND [OPTIONS]",
            "",
            "Commands:",
            *lines,
            "",
            HELP,
            "",
            "Run `wrangler-py COMMAND --help` for more about a command.",
        ]
    )


def unknown_command(name: str) -> tuple[str, str]:
    """A message and a hint about `name`, which is not a subcommand."""
    import difflib

    if name in _ELSEWHERE.split():
        message = f"wrangler-py has no command {name!r}: it is for development on your own machine."
        if name in ("login", "logout"):
            message = f"wrangler-py has no {name!r} of its own: it uses the login of the official command line."
        return message, f"Use the official tools for it: `uv run pywrangler {name}` or `npx wrangler {name}`."
    message = f"Unknown command: {name!r}."
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    if close:
        return message, f"Did you mean `wrangler-py {close[0]}`?"
    return message, "`wrangler-py --help` lists the commands."
