"""The `.assetsignore` file: which files of the folder are no assets, in the pattern format of `.gitignore`.

As in wrangler, patterns don't distinguish upper from lower case. Does no I/O.
"""

from __future__ import annotations

import re

IGNORE_FILE = ".assetsignore"
HEADERS_FILE = "_headers"
REDIRECTS_FILE = "_redirects"

_TRAILING_SPACE = re.compile(r"(?<!\\)\s+$")
_CLASS = re.compile(r"\[(?P<negated>[!^]?)(?P<members>\]?(?:\\.|[^\]\\])*)\]")


class IgnorePatterns:
    """Patterns of which the last that matches decides, unless a folder above is ignored."""

    def __init__(self, text: str = "") -> None:
        lines = [
            f"/{IGNORE_FILE}",
            f"/{REDIRECTS_FILE}",
            f"/{HEADERS_FILE}",
            *text.removeprefix("\ufeff").split("\n"),
        ]
        self._patterns = [pattern for line in lines if (pattern := _compile(line)) is not None]

    def ignores(self, path: str) -> bool:
        """Whether the file at `path`, relative to the folder, is left out."""
        folder, slash, _ = path.rstrip("/").rpartition("/")
        if slash and self.ignores(f"{folder}/"):
            return True
        ignored = False
        for pattern, negative in self._patterns:
            if negative == ignored and pattern.match(path):
                ignored = not negative
        return ignored


def _compile(line: str) -> tuple[re.Pattern[str], bool] | None:
    """The regular expression for a line, and whether it takes files in again; None if it is no pattern."""
    line = _TRAILING_SPACE.sub("", line)
    if not line or line.startswith("#"):
        return None
    negative = line.startswith("!")
    pattern = line.removeprefix("!")
    of_folders = pattern.endswith("/")
    pattern = pattern.rstrip("/") if of_folders else pattern
    if not pattern:
        return None
    segments = pattern.removeprefix("/").split("/")
    source = "" if "/" in pattern else "(?:.*/)?"
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "**":
            source += ".+" if last else "(?:[^/]+/)*"
        else:
            source += _segment(segment) + ("" if last else "/")
    try:
        return re.compile(f"{source}{'/' if of_folders else '/?'}\\Z", re.IGNORECASE | re.DOTALL), negative
    except re.error:
        return None


def _segment(segment: str) -> str:
    if segment == "*":
        return "[^/]+"
    source, at = "", 0
    while at < len(segment):
        character = segment[at]
        at += 1
        if character == "*":
            source += "[^/]*"
        elif character == "?":
            source += "[^/]"
        elif character == "\\" and at < len(segment):
            source += re.escape(segment[at])
            at += 1
        elif character == "[" and (match := _CLASS.match(segment, at - 1)) is not None:
            source += f"(?!/)[{'^' if match['negated'] else ''}{_members(match['members'])}]"
            at = match.end()
        else:
            source += re.escape(character)
    return source


def _members(members: str) -> str:
    """The inside of a character class, in which only a range and a backslash mean something."""
    return re.sub(r"\\(.)|([\[\]^&~|])", lambda match: "\\" + (match[1] or match[2]), members)
