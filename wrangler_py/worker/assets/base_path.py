"""The prefix of URLs under which the files are served. Does no I/O."""

from __future__ import annotations

ROOT = "/"


def below(path: str, base: str) -> str | None:
    """The path of a file for the decoded path of a URL; None for one that is elsewhere. `base` ends in a slash."""
    if base == ROOT:
        return path
    if path != base[:-1] and not path.startswith(base):
        return None
    return path[len(base) - 1 :] or ROOT


def above(path: str, base: str) -> str:
    """The path of the URL for the path of a file."""
    return path if base == ROOT else base if path == ROOT else base[:-1] + path


def root_redirect(path: str, base: str, html_handling: str) -> str | None:
    """Where the index page of the prefix itself is, for a path of a URL that differs from it by a slash alone."""
    if base == ROOT:
        return None
    if html_handling in ("auto-trailing-slash", "force-trailing-slash"):
        return base if path == base[:-1] else None
    return base[:-1] if html_handling == "drop-trailing-slash" and path == base else None
