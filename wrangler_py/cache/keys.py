"""Cache keys: queries with equal keys share an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

NO_PARAMETER_TYPES = bytes(2)
"""`parameter_types` of a simple query, as of a Parse that gives none."""

SIMPLE_BIND = bytes(6)
"""`bind` of a simple query: no parameter formats, no parameters, no result formats, which means text. So it shares
answers with an extended query that has no parameters and leaves the formats open: their bytes are the same."""

_WITHOUT_INFLUENCE = frozenset(
    {
        "application_name",
        "client_min_messages",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "lock_timeout",
        "statement_timeout",
        "transaction_timeout",
    }
)
"""Settings that can't change the result of a query. All others may."""


class CacheKey(NamedTuple):
    """A stored answer's key: equal only if every part is equal.

    All but `config` are bytes as they came over the wire, so that making a key and hashing it costs a fraction of
    a microsecond. What a prepared statement or portal was called has no part in it.
    """

    config: str
    """The Hyperdrive config (or binding) it belongs to, and the database that one leads to."""
    sql: bytes
    parameter_types: bytes
    """The parameter types of Parse: a count and that many OIDs."""
    bind: bytes
    """What follows the two names in Bind: parameter formats, parameters, result formats."""
    settings: bytes
    """From `settings_key`."""


def settings_key(settings: Mapping[str, str]) -> bytes:
    """The settings of a session (`TimeZone`, `search_path`, `role`, …) that change an answer, in one value.

    Make it once per session and whenever a setting changes; names are compared without regard to case.
    """
    pairs = sorted((name.lower(), value) for name, value in settings.items())
    return "\0".join(
        part for name, value in pairs if name not in _WITHOUT_INFLUENCE for part in (name, value)
    ).encode("utf-8", "surrogateescape")


class StatementKey(NamedTuple):
    """The common part of the keys of one statement with different parameters."""

    config: str
    sql: bytes
    parameter_types: bytes
    settings: bytes


def statement_key(key: CacheKey) -> StatementKey:
    return StatementKey(key.config, key.sql, key.parameter_types, key.settings)
