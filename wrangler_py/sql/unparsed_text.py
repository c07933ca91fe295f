"""What a text that is too long to be parsed may leave in its session, as far as the words in it show."""

from __future__ import annotations

import re
from typing import Final

from wrangler_py.sql.tree_facts import OUTLIVING_FUNCTIONS

_OVERLAP_BYTES: Final = 1_000
"""How much of a piece is looked at again with the next one."""
_NAME = rb"[\w$\x80-\xff]+"
_COMMENT = rb"--|/\*"
_ALONE = rb"(?<![\w$\x80-\xff]%s)"
_SUSPICIOUS: Final = (
    # SET, SET LOCAL or RESET of a name with a dot, also in ALTER ROLE and CREATE FUNCTION, or with a comment there
    re.compile(
        rb"set(?:" + _ALONE % b"set" + b"|(?<=reset)" + _ALONE % b"reset" + rb")(?:\s+" + _NAME + rb"){0,2}\s*"
        rb"(?:\.|" + _COMMENT + rb'|"(?:[^".]|"")*(?:\.|"\s*(?:\.|' + _COMMENT + b")))"
    ),
    re.compile(rb"load" + _ALONE % b"load" + rb"\s*(?:(?:e|u&)?'|\$|" + _COMMENT + b")"),
)
"""In lower-case text. The words stand in front of the pattern's own conditions, so that `re` finds them fast."""
_SUSPICIOUS_WORDS: Final = (b'u&"', b"set_config", *sorted(name.encode() for name in OUTLIVING_FUNCTIONS))


class UnparsedText:
    """A text that comes in pieces."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = b""

    def may_outlive_reset(self, piece: bytes) -> bool:
        """Whether the text may, up to the end of `piece`, leave what no reset of the session undoes.

        A word in a constant or a comment counts, too.
        """
        text = (self._end + piece if self._end else piece).lower()
        self._end = text[-_OVERLAP_BYTES:]
        return any(word in text for word in _SUSPICIOUS_WORDS) or any(
            pattern.search(text) for pattern in _SUSPICIOUS
        )
