"""The settings that a start-up packet asks for, including those inside its `options`.

Source: PostgreSQL documentation, "StartupMessage" and `postgres` command line (`-c`, `--`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wrangler_py.pgwire.client_startup import Refused

NOT_SETTINGS = frozenset({"user", "database", "options", "replication"})
_WORD = re.compile(r"(?:\\.|[^\\\s])+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def requested_settings(parameters: Mapping[str, str]) -> dict[str, str]:
    """The values asked for, by the settings' names in lower case. The packet's own take precedence over `options`.

    Raises Refused for options that aren't settings.
    """
    settings = _parse_options(parameters.get("options", ""))
    for name, value in parameters.items():
        if name not in NOT_SETTINGS:
            settings[name.lower()] = value
    return settings


def _parse_options(text: str) -> dict[str, str]:
    words = [_ESCAPE.sub(r"\1", word) for word in _WORD.findall(text)]
    settings: dict[str, str] = {}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "-c" and position < len(words):
            assignment = words[position]
            position += 1
        elif (word.startswith("-c") and len(word) > 2) or (word.startswith("--") and len(word) > 2):
            assignment = word[2:]
        else:
            raise Refused("42601", f"invalid command-line argument for server process: {word}")
        name, separator, value = assignment.partition("=")
        if not separator:
            raise Refused("42601", f"{word[:2]} {name} requires a value")
        settings[name.replace("-", "_").lower()] = value
    return settings
