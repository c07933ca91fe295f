"""A few hundred entries of the query log, packed.

An entry is a dozen small objects. When a log that keeps thousands of them makes room, it touches memory for each
that is no longer in the processor's cache, which costs more than all the rest of recording. So entries are packed,
column by column, while they are still in the cache, into a few objects that are freed together.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from typing import Any, Final

from wrangler_py.querylog.record import Column, QueryRecord, read_entry

_TIMES = (Column.ENDED_AT, Column.ORIGIN)
"""The columns of numbers that differ from query to query. Other numbers are small, or zero, and shared."""
_TEXTS = (Column.SQL, Column.BIND, Column.TAIL)
"""The columns of bytes that often differ from query to query: SQL, parameters, the end of the answer."""
_FORMAT: Final = 2
"""The version of marshal's format that has floats in binary and doesn't look for objects that occur twice."""


class Chunk:
    """Entries with consecutive numbers, the first of which is `first`, as their `columns`.

    `size` is `each` for an entry, and the bytes of SQL, parameters and errors.
    """

    __slots__ = ("_columns", "_length", "_records", "first", "size")

    def __init__(self, first: int, columns: list[Any], each: int) -> None:
        self.first = first
        self._length = len(columns[0])
        self.size = each * self._length
        if any(columns[Column.ERROR]):
            self.size += sum(len(error) for error in columns[Column.ERROR] if error is not None)
        for index in _TIMES:
            columns[index] = marshal.dumps(columns[index], _FORMAT)
        for index in _TEXTS:
            texts = columns[index]
            if texts[0] is texts[-1] is texts[self._length // 2] and texts.count(texts[0]) == self._length:
                size = len(texts[0]) * self._length  # one text, which takes no memory of its own
            else:
                packed = columns[index] = marshal.dumps(texts, _FORMAT)
                size = len(packed)
            if index != Column.TAIL:
                self.size += size
        self._columns = columns
        self._records: list[QueryRecord] | None = None

    def __len__(self) -> int:
        return self._length

    @property
    def records(self) -> list[QueryRecord]:
        """The entries as people read them. They are decoded once, and kept decoded."""
        if self._records is None:
            entries: Iterable[Any] = zip(*map(_unpacked, self._columns), strict=True)
            self._records = [read_entry(number, entry) for number, entry in enumerate(entries, self.first)]
            self._columns = []
        return self._records


def _unpacked(column: Any) -> tuple[Any, ...]:
    """The values of a column, which is packed if it is bytes."""
    return marshal.loads(column) if isinstance(column, bytes) else column  # type: ignore[no-any-return]  # noqa: S302
