"""MIME types, as the MIME Sniffing Standard parses them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z").match
_PARAMETER: Final = re.compile(r';[\t\n\r ]*([^;=]*)(?:=(?:"((?:[^"\\]|\\.)*)"?[^;]*|([^;]*)))?', re.DOTALL)


class MimeType(NamedTuple):
    """A type with its parameters, whose names are lower-case."""

    essence: str
    parameters: dict[str, str]

    def __str__(self) -> str:
        text = self.essence
        for name, value in self.parameters.items():
            if not _TOKEN(value):
                value = '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
            text += f";{name}={value}"
        return text


def parse_mime_type(text: str) -> MimeType | None:
    """The type that a text names; None if it names none."""
    essence, separator, rest = text.strip("\t\n\r ").partition(";")
    kind, slash, subtype = essence.strip("\t\n\r ").lower().partition("/")
    if not slash or not _TOKEN(kind) or not _TOKEN(subtype) or kind == "*":
        return None
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(separator + rest):
        name, quoted, plain = found[1].lower(), found[2], found[3]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (plain or "").strip("\t\n\r ")
        if name and _TOKEN(name) and (value or quoted is not None) and name not in parameters:
            parameters[name] = value
    return MimeType(f"{kind}/{subtype}", parameters)
