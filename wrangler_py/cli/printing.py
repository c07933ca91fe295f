"""How commands print, through one console whose methods these are, and how they ask.

Nothing but the standard library is imported, since this runs in every command, until there is a table to print.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from wrangler_py.console import Console, has_colour
from wrangler_py.errors import WranglerError

console = Console()
"""The console of this process. It keeps nothing: where it writes to, and with what colours, is the streams'."""

out, success = console.out, console.success
info, warn, error = console.info, console.warn, console.error
style, table, flush = console.style, console.table, console.flush


def prepare_streams() -> None:
    """Make a terminal that cannot show a character show `?` instead of failing.

    A stream that the caller has closed (`>&-`) discards what is written to it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="replace")


def discard_output() -> None:
    """Send the rest of standard output nowhere: Python writes what is left of it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def has_colours() -> bool:
    """Whether results may carry colours."""
    return has_colour(sys.stdout)


def report(failure: WranglerError) -> None:
    """Print `failure` as an error."""
    error(failure.message, failure.hint)


def is_interactive() -> bool:
    """Whether questions can be asked: both ends are a terminal, and this is not a CI job."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def ask(question: str, default: str) -> str:
    """Ask for a line of text; an empty answer, or no terminal, means `default`."""
    if not is_interactive():
        return default
    prompt = f"{style('?', 'green', 'bold')} {style(question, 'bold')} {style(f'({default})', 'dim')} "
    return input(prompt).strip() or default


def confirm(question: str, default: bool) -> bool:
    """Ask a yes-or-no question; an empty answer, or no terminal, means `default`."""
    if not is_interactive():
        return default
    choices = "(Y/n)" if default else "(y/N)"
    prompt = f"{style('?', 'green', 'bold')} {style(question, 'bold')} {style(choices, 'dim')} "
    while True:
        answer = input(prompt).strip().lower()
        if not answer:
            return default
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no"):
            return False
