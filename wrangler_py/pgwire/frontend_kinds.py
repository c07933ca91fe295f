"""The kinds of messages that a frontend (a client) sends.

A message begins with an octet that says its kind; the two ends use the same letters for different things, see
`backend_kinds`. Source: PostgreSQL documentation, "Message Formats".
"""

from __future__ import annotations

from typing import Final

BIND: Final = ord("B")
CLOSE: Final = ord("C")
COPY_DATA: Final = ord("d")
COPY_DONE: Final = ord("c")
COPY_FAIL: Final = ord("f")
DESCRIBE: Final = ord("D")
EXECUTE: Final = ord("E")
FLUSH: Final = ord("H")
FUNCTION_CALL: Final = ord("F")
PARSE: Final = ord("P")
PASSWORD: Final = ord("p")
"""PasswordMessage, SASLInitialResponse and SASLResponse."""
QUERY: Final = ord("Q")
SYNC: Final = ord("S")
TERMINATE: Final = ord("X")

CONTINUATION: Final = 0
"""Not a kind of the protocol: a later piece of a long message, see `frontend.Piece`."""

EXTENDED: Final = frozenset({PARSE, BIND, DESCRIBE, EXECUTE, CLOSE})
"""The messages of the extended query protocol that belong to the group that the next Sync ends."""

STATEMENT: Final = ord("S")
"""What a Describe or Close names: a prepared statement …"""
PORTAL: Final = ord("P")
"""… or a portal."""
