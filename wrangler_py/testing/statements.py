"""Texts of SQL statements, as people compare them."""

from __future__ import annotations

import re

_TRANSACTION_CONTROL = re.compile(
    r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)
_SESSION_SETTING = re.compile(
    r"\s*SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)(?:SESSION\s+)?(\w+(?:\.\w+)*)", re.IGNORECASE
)
SHOWN = 200


def one_line(sql: str) -> str:
    """`sql` with each run of white space as one space, and without a semicolon at its end."""
    return " ".join(sql.split()).rstrip("; ")


def shortened(sql: str) -> str:
    """`sql` on one line, its end cut off if it is long."""
    text = one_line(sql)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def counted(count: int, one: str, several: str) -> str:
    """`count` with the noun that goes with it."""
    return f"{count} {one if count == 1 else several}"


def is_transaction_control(sql: str) -> bool:
    """Whether `sql` begins or ends a transaction, or a part of one."""
    return _TRANSACTION_CONTROL.match(sql) is not None


def session_setting(sql: str) -> str | None:
    """The name of the setting that `sql` changes for the session; None if it does nothing like it."""
    match = _SESSION_SETTING.match(sql)
    return match[1] if match is not None else None
