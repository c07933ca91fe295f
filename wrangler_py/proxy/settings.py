"""Session settings: what a client asked for at start-up, and how a connection gets from one set to another."""

from __future__ import annotations

from collections.abc import Mapping

from wrangler_py.cache.keys import settings_key
from wrangler_py.pgwire import messages

APPLICATION_NAME = "Cloudflare Hyperdrive"

_NEVER_FAIL = frozenset({
    "bytea_output", "client_encoding", "client_min_messages", "datestyle", "extra_float_digits",
    "idle_in_transaction_session_timeout", "intervalstyle", "lock_timeout", "search_path",
    "standard_conforming_strings", "statement_timeout", "timezone",
})  # fmt: skip
"""Settings whose value, accepted once, is always accepted again; others may name something dropped since."""


class SessionSettings:
    """The settings of a client that differ from what a new connection has.

    `values` maps names, in lower case, to values as the server spells them; `parameters` are the
    ParameterStatus values that hold under them; `cache_key` is what of them can change an answer. Equal sets of
    one pool are the same object.
    """

    __slots__ = ("cache_key", "parameters", "values")

    def __init__(self, values: dict[str, str], parameters: dict[str, str]) -> None:
        self.values = values
        self.parameters = parameters
        self.cache_key = settings_key(values)

    def greeting(self) -> bytes:
        """The ParameterStatus messages for a client that starts with these settings."""
        return b"".join(messages.parameter_status(name, value) for name, value in self.parameters.items())

    def corrections(self, reported: Mapping[str, str]) -> bytes:
        """The ParameterStatus messages for a client that was told `reported`."""
        return b"".join(
            messages.parameter_status(name, value)
            for name, value in self.parameters.items()
            if reported.get(name) != value
        )


def transition(current: SessionSettings, wanted: SessionSettings) -> tuple[str, bool]:
    """SQL that takes a connection from one set to another, and whether it can't fail."""
    resets = [name for name in current.values if name not in wanted.values]
    changes = {name: value for name, value in wanted.values.items() if current.values.get(name) != value}
    statements = [f"RESET {quote_identifier(name)}" for name in resets]
    if changes:
        statements.append("SELECT " + ", ".join(_set_config(*change) for change in changes.items()))
    return "; ".join(statements), _NEVER_FAIL.issuperset(changes)


def probe(requested: Mapping[str, str]) -> str:
    """SQL that applies `requested` and gives, for each, the value before and the value now."""
    columns = (
        f"pg_catalog.current_setting({quote_literal(name)}, true), {_set_config(name, value)}"
        for name, value in requested.items()
    )
    return "SELECT " + ", ".join(columns)


def _set_config(name: str, value: str) -> str:
    return f"pg_catalog.set_config({quote_literal(name)}, {quote_literal(value)}, false)"


def quote_literal(text: str) -> str:
    """A string constant that means the same under every encoding and standard_conforming_strings."""
    escaped = "".join(
        "''" if c == "'" else "\\\\" if c == "\\" else c if " " <= c <= "~" else _unicode_escape(c) for c in text
    )
    return f"E'{escaped}'"


def _unicode_escape(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}"


def quote_identifier(name: str) -> str:
    """A setting's name as RESET takes it: custom ones have dotted parts."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
