"""Text as it is shown: styled, with nothing in it that steers a terminal."""

from __future__ import annotations

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


def styled(text: str, *names: str) -> str:
    """`text` in the styles `names`: `bold`, `dim`, colours."""
    if not names:
        return text
    return f"\x1b[{';'.join(str(_CODES[name]) for name in names)}m{text}\x1b[0m"


def printable(text: str) -> str:
    """`text` on one line, with control characters escaped, so that data cannot drive the terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
