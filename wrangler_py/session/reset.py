"""The reset of an origin connection's session between two clients."""

from __future__ import annotations

from random import getrandbits
from typing import Final

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import DATA_ROW, ROW_DESCRIPTION
from wrangler_py.pgwire.frontend_kinds import BIND, EXECUTE, PARSE
from wrangler_py.pgwire.outstanding_requests import Prefix

RESET_SESSION: Final = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; DISCARD TEMP; "
    "DISCARD SEQUENCES; SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.setseed(0.%s)"
)
"""DISCARD ALL, but for the prepared statements and plans, which later clients go on using; random() starts anew."""
_DISCARD_PLANS: Final = "DISCARD PLANS; "
"""Those of functions and triggers, too. Constants in them are read again, under the settings of the next use."""
_SEED_BITS: Final = 49
_LEAST_SEED: Final = 10**14
_SEED_HERE = str(_LEAST_SEED).encode()
_RESET: Final = messages.query(RESET_SESSION % _LEAST_SEED).partition(_SEED_HERE)
"""The same as a message, in front of the decimals of the seed and behind them; all seeds have the same length."""
_RESET_STANDBY: Final = RESET_SESSION.replace("UNLISTEN *; ", "")
"""For a standby, which refuses UNLISTEN. Nobody can LISTEN there."""
_VOID = b"\0\0\0\0\0\0\0\0\0\x08\xe6\0\x04\xff\xff\xff\xff\0\0"
"""A column of type void in a RowDescription, behind its name."""
RESET_ANSWER: Final = b"".join([
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
STANDBY_RESET_ANSWER: Final = RESET_ANSWER.replace(messages.command_complete("UNLISTEN"), b"")
_DISCARD_ALL: Final = messages.query("DISCARD ALL")

_CHECKED_SETTINGS = ("isolation", "read_only", "deferrable")
_BEGAN_OTHERWISE = " OR ".join(
    f"pg_catalog.current_setting('transaction_{name}') OPERATOR(pg_catalog.<>) "
    f"pg_catalog.current_setting('default_transaction_{name}')"
    for name in _CHECKED_SETTINGS
)
_LAST = (
    f"SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.setseed($1), "  # noqa: S608  # names of our own
    f"CASE WHEN {_BEGAN_OTHERWISE} "
    "OR EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) "
    "THEN pg_catalog.current_setting('the transaction can see what another client left behind') END"
).encode()
RESET_STATEMENTS = {
    b"CLOSE ALL": messages.command_complete("CLOSE CURSOR ALL"),
    b"SET SESSION AUTHORIZATION DEFAULT": messages.command_complete("SET"),
    b"RESET ROLE": messages.command_complete("RESET"),
    b"RESET ALL": messages.command_complete("RESET"),
    b"UNLISTEN *": messages.command_complete("UNLISTEN"),
    b"DISCARD TEMP": messages.command_complete("DISCARD TEMP"),
    b"DISCARD SEQUENCES": messages.command_complete("DISCARD SEQUENCES"),
    _LAST: (
        messages.message(DATA_ROW, b"\0\3\0\0\0\0\0\0\0\0\xff\xff\xff\xff") + messages.command_complete("SELECT 1")
    ),
}
"""The reset as prepared statements, for the transaction of the query behind it, and what each is answered.

That transaction begins before the settings are reset, and sees channels until its end. The last statement fails,
for want of a setting of this name, if anything of that differs from what it should be.
"""
_COUNT = len(RESET_STATEMENTS)
_NAMES = tuple(b"hyperdrive_reset_%d" % number for number in range(_COUNT))
_PREPARE: Final = b"".join(
    messages.parse(name, sql + b"\0\0\0") for name, sql in zip(_NAMES, RESET_STATEMENTS, strict=True)
)
_PREPARED: Final = messages.PARSE_COMPLETE * _COUNT
_SEED = b"0." + _SEED_HERE
_EXECUTE = messages.execute(b"")
_RUN: Final = b"".join([
    *(messages.bind(b"", name, b"\0\0\0\0\0\0") + _EXECUTE for name in _NAMES[:-1]),
    messages.bind(b"", _NAMES[-1], b"\0\0\0\1" + len(_SEED).to_bytes(4, "big") + _SEED + b"\0\0") + _EXECUTE,
]).partition(_SEED_HERE)  # fmt: skip
_ANSWER: Final = b"".join(messages.BIND_COMPLETE + answer for answer in RESET_STATEMENTS.values())
_KINDS: Final = bytes((BIND, EXECUTE)) * _COUNT


def reset_message(*, standby: bool) -> bytes:
    """Resets all but the prepared statements."""
    if standby:
        return messages.query(_RESET_STANDBY % _seed())
    head, _, tail = _RESET
    return head + _seed().encode() + tail


def discard_plans_message(*, standby: bool) -> bytes:
    """Resets all but the prepared statements, whose plans go."""
    reset = _RESET_STANDBY if standby else RESET_SESSION
    return messages.query(_DISCARD_PLANS + reset % _seed())


def full_reset_message(*, standby: bool, by_discard_all: bool) -> bytes:
    """Resets the session and drops its prepared statements.

    `by_discard_all`: for databases that are not quite PostgreSQL, and refuse the usual reset.
    """
    if by_discard_all:
        return _DISCARD_ALL
    reset = _RESET_STANDBY if standby else RESET_SESSION
    return messages.query("DEALLOCATE ALL; " + _DISCARD_PLANS + reset % _seed())


def reset_within_transaction(*, prepared: bool) -> tuple[bytes, Prefix]:
    """Messages that reset all but the prepared statements, in one transaction with the group behind them.

    `prepared`: the origin has the statements for it; else they are prepared first.
    """
    head, _, tail = _RUN
    run = head + _seed().encode() + tail
    if prepared:
        return run, Prefix(_KINDS, _ANSWER)
    return _PREPARE + run, Prefix(bytes((PARSE,)) * _COUNT + _KINDS, _PREPARED + _ANSWER)


def _seed() -> str:
    """The fifteen decimals of a seed. Formatting a random float would take ten times as long."""
    return str(_LEAST_SEED + getrandbits(_SEED_BITS))
