"""Some hundred entries of the query log, packed.

An entry is a dozen small objects. A log that keeps thousands of them touches memory for each that no cache has any
more, when it makes room; that costs more than all the rest of recording. So they are packed, column by column,
while they are at hand, into a few objects that are let go of together.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wrangler_py.querylog.record import Entry, QueryRecord, read_entry

_TIMES = (0, 9)
"""The columns whose numbers are a query's own. Other numbers are small, or zero, and shared."""
_TEXTS = (4, 5, 11)
"""The columns of bytes that often are a query's own: SQL, parameters, the end of the answer."""
_SQL, _BIND, _ERROR = 4, 5, 14


class Chunk:
    """Entries with consecutive numbers, the first of which is `first`. `size` is `each` for an entry, and the bytes
    of SQL, parameters and errors."""

    __slots__ = ("_columns", "_length", "_records", "first", "size")

    def __init__(self, first: int, entries: Sequence[Entry], each: int) -> None:
        columns: list[Any] = list(zip(*entries, strict=False))
        self.first = first
        self._length = len(entries)
        self.size = each * len(entries) + sum(map(len, columns[_SQL])) + sum(map(len, columns[_BIND]))
        if any(columns[_ERROR]):
            self.size += sum(len(error) for error in columns[_ERROR] if error is not None)
        for index in _TIMES:
            columns[index] = array("d", columns[index])
        for index in _TEXTS:
            columns[index] = _packed(columns[index])
        self._columns = columns
        self._records: list[QueryRecord] | None = None

    def __len__(self) -> int:
        return self._length

    @property
    def records(self) -> list[QueryRecord]:
        """All of it as people read it; from then on kept like that."""
        if self._records is None:
            entries: Iterable[Any] = zip(*self._columns, strict=True)
            self._records = [read_entry(number, entry) for number, entry in enumerate(entries, self.first)]
            self._columns = []
        return self._records


class _Texts:
    """A column of bytes as one piece."""

    __slots__ = ("_joined", "_lengths")

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._joined = b"".join(texts)
        self._lengths = array("I", map(len, texts))

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for length in self._lengths:
            yield self._joined[start : start + length]
            start += length


def _packed(texts: Sequence[bytes]) -> Iterable[bytes]:
    """Texts that entries share, as those of prepared statements, take no memory of their own."""
    return texts if texts[0] is texts[-1] is texts[len(texts) // 2] else _Texts(texts)
