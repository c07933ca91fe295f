"""Constants such as 'now' and 'today'. PostgreSQL reads them when it prepares a statement, not when it runs it."""

from __future__ import annotations

import re

_WORD = re.compile(rb"(?<![a-z_.\x80-\xff])(?:now|today|tomorrow|yesterday)(?![\w\x80-\xff]|\s*\()", re.IGNORECASE)


def may_have_clock_constant(sql: bytes) -> bool:
    """Whether such a word is in `sql`, as a constant or as anything else but a function's name."""
    return _WORD.search(sql) is not None
