"""`wrangler-py complete`: completion of commands, options and names in a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from wrangler_py.cli import printing, typer_adapter


class Shell(StrEnum):
    """The shells that can complete commands."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def complete(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell")],
) -> None:
    """Print a script that completes commands, options, configs and bindings in a shell.

    Load it in the shell's start-up file:

    \b
      bash        eval "$(wrangler-py complete bash)"
      zsh         eval "$(wrangler-py complete zsh)"    (after compinit)
      fish        wrangler-py complete fish | source
      PowerShell  wrangler-py complete powershell | Out-String | Invoke-Expression
    """
    printing.out(typer_adapter.completion_script(shell.value))
