"""Options of wrangler that `dev` passes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wrangler_py.cli.typer_adapter import Command
from wrangler_py.project.section import JAVASCRIPT

if TYPE_CHECKING:
    import typer

_SCRIPT_SUFFIXES = JAVASCRIPT | {".py"}


class DevCommand(Command):
    """Keeps unknown options, and everything after `--`, in `Context.args`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {
            name: not getattr(parameter, "is_flag", False)
            for parameter in self.params
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        ours, others = split_options(args, known)
        super().parse_args(ctx, ours)
        ctx.args = others
        return list(others)


def split_options(args: list[str], known: dict[str, bool]) -> tuple[list[str], list[str]]:
    """Split `args` into ours and the rest. `known` maps our options to whether a value follows them.

    An argument after an unknown option is its value, unless it is an option or looks like a Worker's entry file.
    """
    ours: list[str] = []
    others: list[str] = []
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        name, equals, _ = arg.partition("=")
        if arg == "--":
            others += rest
            break
        if not arg.startswith("-") or arg == "-":
            ours.append(arg)
        elif name in known or (not arg.startswith("--") and arg[:2] in known):
            ours.append(arg)
            if known.get(name) and not equals and rest:
                ours.append(rest.pop(0))
        else:
            others.append(arg)
            if not equals and rest and not rest[0].startswith("-") and Path(rest[0]).suffix not in _SCRIPT_SUFFIXES:
                others.append(rest.pop(0))
    return ours, others


def options_given(context: typer.Context, *names: str) -> dict[str, Any]:
    """The values of those options that were given; the others have their defaults."""
    sources = {name: context.get_parameter_source(name) for name in names}
    return {
        name: context.params[name]
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    }
