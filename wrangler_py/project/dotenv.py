"""The format of `.dev.vars` and `.env` files, as the dotenv package for Node.js, which wrangler uses, reads it.

A line is `NAME=value`, `export NAME=value` or `NAME: value`. A value in single quotes, double quotes or
backticks may go on over lines; one without quotes ends at a `#` or with the line. Only in double quotes,
`\\n` and `\\r` stand for line ends. What is not of this form is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[ \t\f\v]*(?:export\s+)?([\w.-]+)(?:[ \t]*=|:[ \t]+?)", re.ASCII)
_QUOTED = re.compile(
    r"""[ \t]*(?:'((?:\\'|[^'])*)'|"((?:\\"|[^"])*)"|`((?:\\`|[^`])*)`)[ \t]*(?:#[^\n]*)?(?=\n|\Z)"""
)
_UNQUOTED = re.compile(r"[^#\n]*")
_REFERENCE = re.compile(r"(?<!\\)\$(?:\{([^{}]+)\}|([A-Za-z_][A-Za-z0-9_]*))")
_REFERENCE_BODY = re.compile(r"([A-Za-z_][\w.-]*)(?::?-(.*))?", re.DOTALL)


def parse(text: str) -> dict[str, str]:
    """The variables of a file's `text`; the last line of a name counts."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    variables = {}
    at = 0
    while at < len(text):
        name = _NAME.match(text, at)
        if name is not None:
            value, at = _value(text, name.end())
            variables[name[1]] = value
        end = text.find("\n", at)
        at = len(text) if end < 0 else end + 1
    return variables


def _value(text: str, at: int) -> tuple[str, int]:
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        plain = _UNQUOTED.match(text, at)
        assert plain is not None
        return plain[0].strip(), plain.end()
    single, double, backtick = quoted.groups()
    if double is not None:
        return double.replace("\\n", "\n").replace("\\r", "\r"), quoted.end()
    return single if single is not None else backtick, quoted.end()


def expand(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """`variables` with `$NAME`, `${NAME}` and `${NAME:-default}` replaced, as is done in `.env` files.

    A name is looked up in `environ`, then among the variables above; `\\$` is a plain `$`.
    """
    expanded: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        body = _REFERENCE_BODY.fullmatch(match[1] or match[2])
        if body is None:
            return match[0]
        value = environ.get(body[1]) or expanded.get(body[1])
        return value or body[2] or ""

    for name, value in variables.items():
        expanded[name] = environ.get(name) or _REFERENCE.sub(replace, value).replace("\\$", "$")
    return expanded
