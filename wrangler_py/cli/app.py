"""Entry point of the command line: answers --help and --version at once, or runs a command."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""

_ELSEWHERE = "Change its permissions, or use another folder; --persist-to sets that of the local state."
_HINTS = {
    errno.EACCES: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.ENOENT: "Check the path.",
    errno.ENOSPC: "The disk is full: free some space.",
}


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are imported
        status = INTERRUPTED
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run `arguments` and return the exit status. Mistakes of the user are printed, not raised."""
    # Imported here, so that `main` handles a Ctrl-C during the import.
    from wrangler_py import masking
    from wrangler_py.cli import printing
    from wrangler_py.errors import OutputError, WranglerError

    printing.prepare_streams()
    masking.remember_typed(list(arguments))
    try:
        status = _dispatch(list(arguments))
        printing.flush()
    except BrokenPipeError:  # the reader closed the pipe (`| head`)
        printing.discard_output()
        return 1
    except KeyboardInterrupt:
        printing.info("")
        return INTERRUPTED
    except WranglerError as failure:
        if isinstance(failure, OutputError):
            printing.discard_output()
        printing.report(failure)
        return failure.exit_status
    except OSError as failure:
        if failure.filename is None:
            raise
        printing.error(f"Cannot access {failure.filename}: {failure.strerror}.", _HINTS.get(failure.errno or 0))
        return 1
    return status


def _dispatch(arguments: list[str]) -> int:
    if instruction := os.environ.get("_WRANGLER_PY_COMPLETE"):
        from wrangler_py.cli import typer_adapter

        return typer_adapter.complete(instruction)
    from wrangler_py.cli import printing

    if arguments in (["-v"], ["--version"]):
        from wrangler_py.build_kind import version_text

        printing.out(version_text())
        return 0
    if arguments in ([], ["-h"], ["--help"]):
        from wrangler_py.cli.commands import help_text

        printing.out(help_text())
        return 0
    from wrangler_py.cli import typer_adapter

    return typer_adapter.run(arguments)
