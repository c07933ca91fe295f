"""The reset of an origin connection's session between two clients."""

from __future__ import annotations

import random

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import DATA_ROW, ROW_DESCRIPTION

RESET_SESSION = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; DISCARD TEMP; "
    "DISCARD SEQUENCES; SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.setseed(%.15f)"
)
"""DISCARD ALL, but for the prepared statements and plans, which later clients go on using; random() starts anew."""
_RESET = messages.query(RESET_SESSION % 0)[:5], RESET_SESSION.encode()
"""The same as a message: its header, and its text, which has the same length with every seed from 0 to 1."""
_VOID = b"\0\0\0\0\0\0\0\0\0\x08\xe6\0\x04\xff\xff\xff\xff\0\0"
"""A column of type void in a RowDescription, behind its name."""
RESET_ANSWER = b"".join([
    messages.command_complete("CLOSE CURSOR ALL"),
    messages.command_complete("SET"),
    messages.command_complete("RESET"),
    messages.command_complete("RESET"),
    messages.command_complete("UNLISTEN"),
    messages.command_complete("DISCARD TEMP"),
    messages.command_complete("DISCARD SEQUENCES"),
    messages.message(ROW_DESCRIPTION, b"\0\2pg_advisory_unlock_all" + _VOID + b"setseed" + _VOID),
    messages.message(DATA_ROW, b"\0\2\0\0\0\0\0\0\0\0"),
    messages.command_complete("SELECT 1"),
    messages.READY_IDLE,
])  # fmt: skip
"""What PostgreSQL answers to a reset that changes none of the settings that it reports."""
_DISCARD_ALL = messages.query("DISCARD ALL")


def reset_message() -> bytes:
    """Resets all but the prepared statements."""
    header, text = _RESET
    return header + text % random.random() + b"\0"  # noqa: S311


def full_reset_message(*, by_discard_all: bool) -> bytes:
    """Resets the session and drops its prepared statements.

    `by_discard_all`: for standbys, which refuse UNLISTEN, and for databases that are not quite PostgreSQL.
    """
    if by_discard_all:
        return _DISCARD_ALL
    return messages.query("DEALLOCATE ALL; " + RESET_SESSION % random.random())  # noqa: S311
