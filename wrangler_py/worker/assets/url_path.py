"""Paths of URLs: their decoded form, which names a file, and their encoded form, which a browser shows."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASHES = re.compile(r"/+")


def decode_path(path: str) -> str:
    """Decode each segment, and leave one that is no encoded UTF-8 as it is. Runs of slashes become one."""
    return _SLASHES.sub("/", "/".join(map(_decode, path.split("/"))))


def encode_path(path: str) -> str:
    """Encode each segment as JavaScript's `encodeURIComponent` does."""
    return "/".join(quote(segment, safe="-_.!~*'()", errors="replace") for segment in path.split("/"))


def _decode(segment: str) -> str:
    if "%" not in segment:
        return segment
    if _ESCAPE.search(segment):
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return segment
