"""The format of `.dev.vars` and `.env` files, as wrangler reads it: dotenv 16.3 parses, dotenv-expand 12 expands.

An entry is `NAME=value`, `export NAME=value` or `NAME: value`. A value in single quotes, double quotes or
backticks may go on over lines; one without quotes ends at a `#` or with the line. Only in double quotes, `\\n`
and `\\r` stand for line ends. What is not of this form is skipped.

Both packages are regular expressions of JavaScript at heart, and their corner cases are part of the format:
spaces are those of JavaScript, lines may end with U+2028, white space around `=` includes line ends, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from wrangler_py.errors import WranglerError

_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
_SPACE += "\u202f\u205f\u3000\ufeff"
_LINE_END = "\n\r\u2028\u2029"
_STARTS_LINE, _ENDS_LINE = rf"(?<![^{_LINE_END}])", rf"(?![^{_LINE_END}])"


def _quoted(quote: str) -> str:
    return rf"[{_SPACE}]*{quote}(?:\\{quote}|[^{quote}])*{quote}"


_ENTRY = re.compile(
    rf"{_STARTS_LINE}[{_SPACE}]*(?:export[{_SPACE}]+)?"
    r"(?P<name>[A-Za-z0-9_.-]+)"
    rf"(?:[{_SPACE}]*=[{_SPACE}]*?|:[{_SPACE}]+?)"
    rf"(?P<value>{_quoted(chr(39))}|{_quoted(chr(34))}|{_quoted('`')}|[^#\r\n]+)?"
    rf"[{_SPACE}]*(?:#[^{_LINE_END}]*)?{_ENDS_LINE}"
)
_IN_QUOTES = re.compile(rf"""{_STARTS_LINE}(['"`])([\s\S]*)\1{_ENDS_LINE}""")
_REFERENCE = re.compile(r"(?<!\\)\$\{([^{}]+)\}|(?<!\\)\$([A-Za-z_][A-Za-z0-9_]*)")
_OPERATOR = re.compile(r":\+|\+|:-|-")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_MOST_STEPS, _MOST_CHARACTERS = 2_000, 1_000_000
"""Beyond these limits, expansion is assumed to be endless; wrangler would hang or run out of memory."""


def parse(text: str) -> dict[str, str]:
    """The variables of a file's `text`; the last entry of a name counts."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    variables = {}
    for entry in _ENTRY.finditer(text):
        value = (entry["value"] or "").strip(_SPACE)
        is_escaped = value.startswith('"')
        value = _IN_QUOTES.sub(lambda match: match[2], value)
        if is_escaped:
            value = value.replace("\\n", "\n").replace("\\r", "\r")
        variables[entry["name"]] = value
    variables.pop("__proto__", None)  # JavaScript cannot have a variable of this name
    return variables


def expand(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """`variables` with their references replaced; a name that `environ` has a value for gets that one.

    `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+value}` and `${NAME+value}` are looked up
    in `environ`, then among the variables above. `\\$` is a plain `$`. Raises WranglerError where that never ends.
    """
    expanded: dict[str, str] = {}
    for name in _in_order(variables):
        value = environ.get(name) or variables[name]
        if value == variables[name]:
            value = _expand(name, value, environ, expanded)
        expanded[name] = value.replace("\\$", "$")
    return {name: expanded[name] for name in variables}


def _expand(name: str, value: str, environ: Mapping[str, str], above: Mapping[str, str]) -> str:
    seen = set()
    for _ in range(_MOST_STEPS):
        reference = _REFERENCE.search(value)
        if reference is None:
            return value
        if len(value) > _MOST_CHARACTERS:
            break
        seen.add(value)
        key, replacement = _resolve(reference[1] or reference[2], {**above, **environ}, seen)
        value = _replaced(value, reference[0], replacement)
        if value == above.get(key):
            return value
    raise WranglerError(
        f"The variable {name} refers to itself.",
        hint="`\\$` is a plain dollar sign, but not in a variable that others refer to.",
    )


def _resolve(expression: str, known: Mapping[str, str], seen: set[str]) -> tuple[str, str]:
    """The name in `expression`, and what stands for all of it."""
    operator = _OPERATOR.search(expression)
    # Without an operator, JavaScript splits at the word null.
    key, *rest = expression.split(operator[0] if operator else "null")
    alternative = (operator[0] if operator else "null").join(rest)
    value = known.get(key, "")
    if operator and operator[0].endswith("+"):
        return key, alternative if value else ""
    return key, value if value and value not in seen else alternative


def _replaced(text: str, found: str, replacement: str) -> str:
    """`text` with the first `found` replaced as JavaScript does it, where a dollar sign may have a meaning."""
    before, _, behind = text.partition(found)
    meanings = {"$$": "$", "$&": found, "$`": before, "$'": behind}
    return before + re.sub(r"\$[$&`']", lambda match: meanings[match[0]], replacement) + behind


def _in_order(names: Iterable[str]) -> Iterator[str]:
    """`names` in the order of an object's keys in JavaScript: those that are array indexes first."""
    names = list(names)
    indexes = [name for name in names if _INDEX.fullmatch(name) and int(name) < 2**32 - 1]
    yield from sorted(indexes, key=int)
    yield from (name for name in names if name not in indexes)
