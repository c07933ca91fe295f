"""Session settings: what a client asked for at start-up.

Origin connections are opened with them, so that RESET takes a session back to them, as it does at a server.
"""

from __future__ import annotations

from collections.abc import Mapping

from wrangler_py.cache.keys import settings_key
from wrangler_py.pgwire import messages

APPLICATION_NAME = "Cloudflare Hyperdrive"

_CODECS = {
    "BIG5": "cp950",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "JOHAB": "johab",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "SJIS": "cp932",
    "UHC": "cp949",
}
"""PostgreSQL's encodings that have ASCII's octets inside of characters."""
_OTHER_CODEC = "latin-1"
"""For all others but UTF-8: it keeps ASCII's octets apart from the others."""

SettingsKey = frozenset[tuple[str, str]]
"""The names and values of settings."""


class SessionSettings:
    """The settings of a client that differ from what a new connection has.

    `values` maps names, in lower case, to values as the server spells them; `parameters` are the
    ParameterStatus values that hold under them; `cache_key` is what of them can change an answer; equal `key`s are
    of equal values. Equal sets of one pool are the same object, as long as its origin stays the same.

    `encoding` is the codec for SQL in another encoding than UTF-8, else None.
    `escapes`: strings may have escapes without being E'…'. `reads_otherwise` says that there is either.
    """

    __slots__ = (
        "_defaults_changes", "cache_key", "encoding", "escapes", "key", "parameters", "reads_otherwise", "values",
    )  # fmt: skip

    def __init__(self, values: dict[str, str], parameters: dict[str, str]) -> None:
        self.values = values
        self.key: SettingsKey = frozenset(values.items())
        self.parameters = parameters
        self._defaults_changes = 0
        """How often they may have changed."""
        self._read_parameters()

    def _read_parameters(self) -> None:
        reported = {name.lower(): value for name, value in self.parameters.items()}
        since = {"": str(self._defaults_changes)} if self._defaults_changes else {}
        self.cache_key = settings_key({**reported, **self.values, **since})
        encoding = self.parameters.get("client_encoding", "UTF8")
        if encoding == "SQL_ASCII":  # the server reads what it gets in its own
            encoding = self.parameters.get("server_encoding", encoding)
        self.encoding = None if encoding == "UTF8" else _CODECS.get(encoding, _OTHER_CODEC)
        self.escapes = self.parameters.get("standard_conforming_strings") == "off"
        self.reads_otherwise = self.escapes or self.encoding is not None

    def defaults_changed(self, changes: Mapping[str, str]) -> None:
        """The origin reports these parameters for sessions without settings of their own, and may have changed
        others, too: no answer under the old ones is good any more."""
        self._defaults_changes += 1
        for name, value in changes.items():
            if name.lower() not in self.values:
                self.parameters[name] = value
        self._read_parameters()

    def greeting(self) -> bytes:
        """The ParameterStatus messages for a client that starts with these settings."""
        return _differences({}, self.parameters)

    def news(self, reported: Mapping[str, str]) -> bytes:
        """The ParameterStatus messages for a client that was told these parameters, now that `reported` hold."""
        return _differences(self.parameters, reported)

    def corrections(self, reported: Mapping[str, str]) -> bytes:
        """The ParameterStatus messages for a client that was told `reported`."""
        return _differences(reported, self.parameters)


def _differences(known: Mapping[str, str], now: Mapping[str, str]) -> bytes:
    return b"".join(
        messages.parameter_status(name, value) for name, value in now.items() if known.get(name) != value
    )


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
