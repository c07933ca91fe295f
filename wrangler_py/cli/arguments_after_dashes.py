"""Commands that leave what follows the first `--` to a program."""

from __future__ import annotations

from typing import Any, ClassVar

from wrangler_py.cli.typer_adapter import Command


class ArgumentsAfterDashes(Command):
    """Leaves what follows the first `--` alone: it is in `Context.args`. `USAGE` says what it is."""

    USAGE: ClassVar[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        super().parse_args(ctx, args[:at])
        ctx.args = args[at + 1 :]
        return list(ctx.args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), self.USAGE]
