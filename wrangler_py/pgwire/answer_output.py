"""What `OriginStream` makes of one read, for the owners of the groups that are answered in it."""

from __future__ import annotations

from wrangler_py.pgwire.outstanding_requests import SentGroup

Answer = tuple[SentGroup | None, bytes, int]
"""A group, octets for its owner, and the transaction status if they end the group, else 0. The group is None for
what came while nothing was under way."""


class AnswerOutput:
    """What the owners of groups get of one read: runs of messages as they are, and replacements in between."""

    __slots__ = ("_answers", "_data", "_pieces", "_start")

    def __init__(self) -> None:
        self._data = b""
        self._answers: list[Answer] = []
        self._start = 0
        self._pieces: list[bytes] = []

    def begin(self, data: bytes, start: int, answers: list[Answer]) -> None:
        """`data` was read; what owners get of it from `start` on is added to `answers`."""
        self._data = data
        self._answers = answers
        self._start = start
        if self._pieces:  # of a read that ended with an error
            self._pieces = []

    def replace(self, start: int, end: int, replacement: bytes) -> None:
        """Adds what comes before `start`, then `replacement` in place of the octets up to `end`."""
        if self._start < start:
            self._pieces.append(self._data[self._start : start])
        if replacement:
            self._pieces.append(replacement)
        self._start = end

    def is_empty(self, end: int) -> bool:
        """Whether there is nothing for the group at hand before `end`."""
        return self._start == end and not self._pieces

    def hand_over(self, group: SentGroup | None, end: int, status: int) -> None:
        """Adds what comes before `end`, and gives it all to `group`."""
        run = self._data
        if end < len(run):
            run = run[self._start : end]
        else:
            if self._start:
                run = run[self._start :]
            self._data = b""  # nothing comes behind, so don't hold it until the next read
        self._start = end
        if self._pieces:
            self._pieces.append(run)
            run = b"".join(self._pieces)
            self._pieces = []
        self._answers.append((group, run, status))
