"""Keeps the passwords of connection strings off the screen and out of logs, in whatever form they were typed.

`is_connection_string` is for where a name is expected: there it is refused and not repeated. `mask` is for what is
printed nevertheless. It replaces each character of a secret, so that a mark in the line below stays in its place.
"""

from __future__ import annotations

import re

# Compiled at their first use, by `re` itself: most commands print nothing that has to be looked at.
_EXAMPLE = r"(?:user(?:name)?:|USER(?:NAME)?:)?(?:password|PASSWORD)@"
"""What stands before the host in an example."""
_USER_INFO = rf"(?i)(?<=[a-z0-9+.-]{{2}}:)(?<!http:)(?<!https:)(/+)(?!{_EXAMPLE})([^\s/](?:\S*[^\s@])?)(?=@)"
_WEB_USER_INFO = r"(?i)(?<=http:|ttps:)(//)([^\s/@]+)(?=@)"
_PASSWORD = rf"(?<![\w*])(?!{_EXAMPLE})[^\s:@/'\"(=]*:(?!//|password@|PASSWORD@|\*)(\S+)(?=@)"
_ASSIGNED = (
    r"(?i)((?:password|passwd|passphrase|pwd)\s*=\s*)(?!password\b|…|\*)"
    r"('(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\s&'\"]+)"
)
_ENCODED = r"(?i)(%3a(?:%2f)*)((?:(?!%40|%3a%2f)\S)+)(?=%40)"

_SCHEME = r"(?i)[\s'\"]*(?:jdbc:)?[a-z][a-z0-9+.-]+:/"
_DATABASE_SCHEME = r"(?i)[\s'\"]*(?:jdbc:)?(?:postgres|postgresql|pgsql|pg|mysql|mariadb):"
_WITH_LOGIN = r"(?s)[^\s@]*:.*@|[^\s@]+@[^\s@/:]+[/:]"
_PARAMETER = r"(?i)(?:^|[\s?&;'\"])(?:(?:pg)?password|passwd|pwd|host|hostaddr|dbname|sslmode|user)\s*=\s*\S"
_ASSIGNMENT = r"(?i)[\s'\"]*[a-z]+\s*=\s*\S"
_FAULT = r"(?:pool-exhausted|connection-refused|connection-lost|statement-timeout|restart):(?!//)[^@]*"
"""A value of `--fault`, whose pattern would make it look like a URL."""
_SHORTEST = 4
"""Characters of a typed secret that is looked for by itself; a shorter one would be found in any word."""

_typed: set[str] = set()


def is_connection_string(text: str) -> bool:
    """Whether `text` is a connection string or was meant as one: a URL, also without its scheme, or `key=value`."""
    forms = {text}
    if "%" in text:
        from urllib.parse import unquote

        forms.add(unquote(text))
    return any(
        re.match(_SCHEME, form)
        or re.match(_DATABASE_SCHEME, form)
        or re.search(_WITH_LOGIN, form)
        or re.search(_PARAMETER, form)
        for form in forms
    )


def is_connection_string_and_no_sql(text: str) -> bool:
    """As `is_connection_string`, for where SQL is expected, which may hold anything but begins otherwise."""
    begins = any(re.match(pattern, text) for pattern in (_SCHEME, _DATABASE_SCHEME, _ASSIGNMENT))
    return begins or (not re.search(r"\s", text.strip()) and is_connection_string(text))


def remember_typed(arguments: list[str]) -> None:
    """Have `mask` hide the connection strings among `arguments` wherever they turn up, however they are quoted."""
    _typed.clear()
    for argument in arguments:
        option, equals, value = argument.partition("=")
        text = value if equals and option.startswith("-") else argument
        if re.fullmatch(_FAULT, text):
            continue
        if len(text) >= _SHORTEST and is_connection_string(text):
            shown = {text, text.strip(), repr(text)[1:-1], text.encode("unicode_escape", "replace").decode()}
            _typed.update(form for form in shown if len(form) >= _SHORTEST)


def mask(text: str) -> str:
    """`text` with a `*` for each character of what is, or may be, a password. For errors and warnings."""
    text = mask_surely(text)
    if ":" in text or "%3" in text:
        text = re.sub(_PASSWORD, _hide_both, text)
        text = re.sub(_ENCODED, _hide_second, text)
    return re.sub(_ASSIGNED, _hide_second, text) if "=" in text else text


def mask_surely(text: str) -> str:
    """As `mask`, but leaves alone what may well be something else. For all other lines."""
    for typed in sorted(_typed, key=len, reverse=True):
        if typed in text:
            text = text.replace(typed, _mask_typed(typed))
    if "@" in text and ":/" in text:
        text = re.sub(_USER_INFO, _hide_second, text)
        text = re.sub(_WEB_USER_INFO, _hide_second, text)
    return text


def _hide_both(match: re.Match[str]) -> str:
    return "*" * (len(match[0]) - len(match[1]) - 1) + ":" + "*" * len(match[1])


def _hide_second(match: re.Match[str]) -> str:
    return match[1] + "*" * len(match[2])


def _mask_typed(text: str) -> str:
    """A typed connection string: its scheme and, behind the last `@`, its host remain."""
    head, at, tail = text.rpartition("@")
    scheme = re.match(r"[\s'\"]*(?:jdbc:)?[a-z][a-z0-9+.-]+:/*", text, re.IGNORECASE)
    if not at or scheme is None or "password" in tail.lower() or len(scheme[0]) > len(head):
        return "*" * len(text)
    host = re.match(r"[A-Za-z0-9.\[\]:_-]*", tail)
    assert host is not None
    hidden = len(head) - len(scheme[0])
    return scheme[0] + "*" * hidden + at + host[0] + "*" * (len(tail) - len(host[0]))
