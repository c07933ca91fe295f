"""The Typer side of the command line: subcommands loaded when called, global options in every command."""

from __future__ import annotations

import importlib
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command as build

from wrangler_py import __version__
from wrangler_py.cli import options, printing
from wrangler_py.cli.commands import COMMANDS, help_text, unknown_command
from wrangler_py.cli.conversion import convert_simply
from wrangler_py.cli.misplaced import check_place, refuse_connection_strings
from wrangler_py.errors import WranglerError
from wrangler_py.masking import is_connection_string


class LazyGroup(TyperGroup):
    """The top level: a subcommand's module is imported when that subcommand is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            if is_connection_string(name):
                raise WranglerError(
                    "A command is expected where a connection string stands.",
                    hint="`wrangler-py --help` lists the commands.",
                    exit_status=2,
                )
            message, hint = unknown_command(name)
            raise WranglerError(message, hint=hint, exit_status=2)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_text() + "\n")


def load(name: str) -> Any:
    """The command object of the subcommand `name`, global options added."""
    subcommand = COMMANDS[name]
    target = getattr(importlib.import_module(subcommand.module), subcommand.attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer()
        target.command(name)(function)
    # Rich takes longer to import than everything else together.
    target.rich_markup_mode = None
    target._add_completion = False
    command = build(target)
    command.name = name
    return _with_global_options(command)


def root() -> Any:
    """The top-level command."""
    app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, add_completion=False, no_args_is_help=True)
    app.callback()(_nothing)
    # Help is one of the global options: it prints them after the command's own.
    group = build(app)
    group.context_settings = {"help_option_names": []}
    return _with_global_options(group)


def print_help(ctx: Any) -> None:
    """Print the help of the command of `ctx`."""
    text = str(ctx.get_help()).rstrip()
    printing.out(text if ctx.parent is None else f"{text}\n\n{options.HELP}")


def _nothing() -> None:
    """The top level does nothing itself."""


def _with_global_options(command: Any) -> Any:
    """Add the global options to `command` and everything below it; an option of its own wins."""
    for parameter in command.params:
        convert_simply(parameter)
        refuse_connection_strings(parameter)
        if parameter.required:
            parameter.get_usage_pieces = partial(_usage_without_braces, parameter.get_usage_pieces)
    own = {flag for parameter in command.params for flag in parameter.opts}
    command.params.extend(option for option in _global_options() if own.isdisjoint(option.opts))
    for subcommand in getattr(command, "commands", {}).values():
        _with_global_options(subcommand)
    return command


def _usage_without_braces(usage_pieces: Any, ctx: Any) -> list[str]:
    """Typer puts a required argument in braces, which elsewhere mean a choice."""
    return [piece.removeprefix("{").removesuffix("}") for piece in usage_pieces(ctx)]


@cache
def _global_options() -> list[Any]:
    """The global options as parser options: hidden, since the help prints them apart."""

    def signature(
        config: Annotated[Path | None, typer.Option("--config", "-c", hidden=True)] = None,
        cwd: Annotated[Path | None, typer.Option("--cwd", hidden=True)] = None,
        environment: Annotated[str | None, typer.Option("--env", "-e", hidden=True)] = None,
        env_files: Annotated[list[Path] | None, typer.Option("--env-file", hidden=True)] = None,
        show_help: Annotated[bool, typer.Option("--help", "-h", is_eager=True, hidden=True)] = False,
        version: Annotated[bool, typer.Option("--version", "-v", is_eager=True, hidden=True)] = False,
    ) -> None:
        """Only its parameters are used."""

    app = typer.Typer(add_completion=False)
    app.command(context_settings={"help_option_names": []})(signature)
    parameters: list[Any] = list(build(app).params)
    for parameter in parameters:
        parameter.expose_value = False
        # Instead of Typer's own conversion, which would import pydantic to make a path of a path.
        parameter.process_value = partial(_receive, parameter)
    return parameters


def _receive(parameter: Any, ctx: Any, value: Any) -> Any:
    """Act on a global option, wherever in the command line it stood."""
    if ctx.resilient_parsing or not (value or value == ""):
        return value
    if parameter.name == "show_help":
        print_help(ctx)
        raise typer.Exit
    if parameter.name == "version":
        printing.out(__version__)
        raise typer.Exit
    check_place(parameter, ctx, value)
    options.record(parameter.name, value)
    return value
