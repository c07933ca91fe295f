"""Errors a person can act on."""

from __future__ import annotations


class WranglerError(Exception):
    """A failure the person can do something about; never shown with a traceback.

    `message` says what went wrong, `hint` what to do about it. Neither may hold a secret.
    """

    def __init__(self, message: str, *, hint: str | None = None, exit_status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_status = exit_status


class OutputError(WranglerError):
    """Standard output cannot be written to: its disk is full, for example."""
