"""Where the command line starts and ends: quick answers first, then the command, then its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from wrangler_py import __version__, masking
from wrangler_py.cli import options, printing
from wrangler_py.cli.commands import help_text
from wrangler_py.errors import WranglerError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run `arguments` and return the exit status; what a person did wrong is printed, never raised."""
    printing.prepare_streams()
    options.reset()
    masking.remember_typed(list(arguments))
    try:
        status = _dispatch(list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`| head`). Python flushes again at exit: give that somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        printing.err()
        return INTERRUPTED
    except WranglerError as failure:
        printing.report(failure)
        return failure.exit_status
    except OSError as failure:
        if failure.filename is None:
            raise
        printing.error(f"{failure.filename}: {failure.strerror}")
        return 1
    return status


def _dispatch(arguments: list[str]) -> int:
    if arguments in (["-v"], ["--version"]):
        printing.out(__version__)
        return 0
    if arguments in ([], ["-h"], ["--help"]):
        printing.out(help_text())
        return 0
    return _run_command(arguments)


def _run_command(arguments: list[str]) -> int:
    import typer

    from wrangler_py.cli import command_tree

    # Typer 0.26 and later carry their own Click; these are its classes or Click's, whichever is in use.
    errors: Any = typer.BadParameter.__mro__
    usage_error, any_error = errors[1], errors[2]
    try:
        root = command_tree.root()
        with root.make_context("wrangler-py", arguments) as context:
            root.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    except (typer.Abort, EOFError):
        printing.err()
        return INTERRUPTED
    except usage_error as failure:
        return _report_usage(failure)
    except any_error as failure:
        printing.error(str(getattr(failure, "message", failure)))
        return 1
    return 0


def _report_usage(failure: Any) -> int:
    from wrangler_py.cli import command_tree

    context = failure.ctx
    if type(failure).__name__ == "NoArgsIsHelpError":
        command_tree.print_help(context)
        return 0
    hint = None
    if context is not None:
        hint = f"{context.get_usage()}\nRun `{context.command_path} --help` for more."
    printing.error(failure.format_message(), hint)
    return 2
