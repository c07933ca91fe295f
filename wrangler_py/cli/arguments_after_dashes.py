"""Commands that pass the arguments after `--` to a program."""

from __future__ import annotations

from typing import Any, ClassVar

from wrangler_py.cli.typer_adapter import Command


class ArgumentsAfterDashes(Command):
    """Keeps the arguments after the first `--` in `Context.args`. `USAGE` describes them."""

    USAGE: ClassVar[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        super().parse_args(ctx, args[:at])
        ctx.args = args[at + 1 :]
        return list(ctx.args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), self.USAGE]
