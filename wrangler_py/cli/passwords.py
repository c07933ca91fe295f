"""Passwords, asked for or read from a pipe."""

from __future__ import annotations

from wrangler_py.cli import printing


def read_password(password: str | None) -> str | None:
    """What `--origin-password` means: the password itself, or `-` for a line of standard input."""
    if password != "-":  # noqa: S105
        return password
    if printing.is_interactive():
        return ask_password("Password: ")
    import sys

    return sys.stdin.readline().rstrip("\r\n")


def ask_password(question: str) -> str | None:
    """The password that the person types, without echo; None if there is no terminal."""
    if not printing.is_interactive():
        return None
    from getpass import getpass

    return getpass(question)
