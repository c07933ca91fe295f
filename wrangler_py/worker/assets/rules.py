"""Patterns of `_headers`, `_redirects` and `run_worker_first`, and what they match. Does no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ada_url import URL

MAX_LINE_LENGTH = 2000
PLACEHOLDER = re.compile(r":[A-Za-z]\w*", re.ASCII)
SPLAT = "*"

_HOST = re.compile(r"https://+(?P<host>[^/]+)/?(?P<path>.*)", re.DOTALL)
_PORT = re.compile(r".*:\d+$", re.ASCII)
_ESCAPED = frozenset("-/\\^$*+?.()|[]{}")
"""Characters that may end a placeholder in the host of a pattern."""


class InvalidRule(ValueError):
    """A rule that is left out, and why."""


def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """The regular expression for a pattern with placeholders and a splat.

    None for one that can match nothing, such as one with two placeholders of the same name.
    """
    source = "(?P<splat>.*)".join(map(re.escape, pattern.split(SPLAT)))
    host = pattern[: pattern.find("/", len("https://"))] if pattern.startswith("https://") else ""
    for match in PLACEHOLDER.finditer(host):
        if pattern[match.end() : match.end() + 1] in _ESCAPED:
            source = source.replace(match[0], f"(?P<{match[0][1:]}>[^/.]+)")
    for match in PLACEHOLDER.finditer(source):
        source = source.replace(match[0], f"(?P<{match[0][1:]}>[^/]+)")
    try:
        return re.compile(source, re.ASCII)
    except re.error:
        return None


def compile_globs(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path matches one of `patterns`, in which `*` stands for any text."""
    compiled = [re.compile(".*".join(map(re.escape, pattern.split(SPLAT)))) for pattern in patterns]
    return lambda path: any(pattern.fullmatch(path) for pattern in compiled)


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """`text` with the values of its placeholders."""
    for name, value in values.items():
        text = text.replace(f":{name}", value)
    return text


def has_host(url: str) -> bool:
    return _HOST.match(url) is not None


def checked_url(
    text: str, *, relative: bool = False, ports: bool = True, search: bool = False, fragment: bool = False
) -> str:
    """A path or a URL of `_headers` or `_redirects`, in its normal form.

    `relative` wants one without a host, `ports` allows a port, `search` and `fragment` keep what follows the path.
    Raises InvalidRule.
    """
    match = _HOST.match(text)
    if match is not None:
        if relative:
            raise InvalidRule(f"Only relative URLs are allowed. Skipping absolute URL {text}.")
        if not ports and _PORT.match(match["host"]):
            raise InvalidRule(f"Specifying ports is not supported. Skipping absolute URL {text}.")
        return f"https://{match['host']}{_path_of(match['path'], search, fragment)}"
    if relative and not text.startswith("/"):
        text = f"/{text}"
    if text.startswith("/"):
        return _path_of(text, search, fragment)
    raise InvalidRule(
        'URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin with "https://").'
    )


def _path_of(text: str, search: bool, fragment: bool) -> str:
    path = text if text.startswith("/") else f"/{text}"
    try:
        # A scheme that the URL standard does not know keeps it from changing more than it does to any path.
        url = URL(f"//{path}", base="relative://")
    except ValueError:
        raise InvalidRule(f"Error parsing URL segment {text}. Skipping.") from None
    return f"{url.pathname}{url.search if search else ''}{url.hash if fragment else ''}"
