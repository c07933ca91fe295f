"""Stored answers: bounded in bytes, least recently used first out. The clock (monotonic seconds) is an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from wrangler_py.cache.keys import CacheKey, StatementKey, statement_key
from wrangler_py.pgwire.outstanding_requests import TAIL_BYTES

DEFAULT_MAX_BYTES = 64 * 1024 * 1024

ENTRY_OVERHEAD_BYTES = 600
"""Memory of an entry besides its bytes (key, entry and index objects, CPython on 64 bits)."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """The origin's answer to one query, in parts, each as whole messages ready to be sent.

    ParseComplete and BindComplete have no content: whoever answers makes them as the client's messages ask.
    """

    row_description: bytes | None
    """RowDescription or NoData; None if it was never asked for."""
    parameter_description: bytes | None
    """ParameterDescription; None if it was never asked for."""
    body: bytes
    """All DataRows and the CommandComplete."""

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return len(self.row_description or b"") + len(self.parameter_description or b"") + len(self.body)

    @property
    def tail(self) -> bytes:
        """The end of the body, with its CommandComplete."""
        return self.body[-TAIL_BYTES:]


@dataclass(slots=True)
class Entry:
    """A stored answer with its metadata."""

    result: StoredResult
    stored_at: float
    tables: frozenset[str]
    """The tables it was read from."""
    size: int
    """Bytes it counts for in the store."""
    refreshing: bool = field(default=False, compare=False)
    hits: int = field(default=0, compare=False)

    def hit(self) -> None:
        """The entry is served."""
        self.hits += 1

    def refresh(self, refreshing: bool) -> None:
        """Whether a client refreshes it now."""
        self.refreshing = refreshing


class Hit(NamedTuple):
    """An answer to serve."""

    entry: Entry
    age: float
    """Seconds since it was stored."""
    stale: bool
    """Older than `max_age`: still good to serve, and someone should refresh it (`claim_refresh`)."""


class CacheStore:
    """Answers by key, at most `max_bytes` of them.

    `size` is exact: the sum over all entries of the bytes in key and answer, and ENTRY_OVERHEAD_BYTES for each.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self.generation = 0
        """Grows with every `clear`: an answer asked for in an earlier generation is not stored any more."""
        self._entries: OrderedDict[CacheKey, Entry] = OrderedDict()
        self._by_statement: dict[StatementKey, dict[CacheKey, None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, now: float, max_age: float, stale_while_revalidate: float) -> Hit | None:
        """The answer to serve, or None. Ages are in seconds; one that has passed both is dropped."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = now - entry.stored_at
        if age < max_age:
            entry.hit()
            self._entries.move_to_end(key)
            return Hit(entry, age, False)
        if age < max_age + stale_while_revalidate:
            entry.hit()
            self._entries.move_to_end(key)
            return Hit(entry, age, True)
        self._drop(key)
        return None

    def is_alive(self, key: CacheKey, now: float, max_age: float, stale_while_revalidate: float) -> bool:
        """Whether there is an answer that `get` would give."""
        entry = self._entries.get(key)
        return entry is not None and now - entry.stored_at < max_age + stale_while_revalidate

    def put(
        self,
        key: CacheKey,
        result: StoredResult,
        now: float,
        *,
        tables: frozenset[str] = frozenset(),
        generation: int | None = None,
    ) -> bool:
        """Keep an answer; False if it is larger than the store or older than a `clear`.

        `now` is when the query was sent: what was written since then is newer than the answer.
        `generation` is the store's at that time.
        """
        size = ENTRY_OVERHEAD_BYTES + result.size + sum(map(len, key))
        if size > self.max_bytes or (generation is not None and generation != self.generation):
            return False
        self._drop(key)
        while self.size + size > self.max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = Entry(result, now, tables, size)
        self._by_statement.setdefault(statement_key(key), {})[key] = None
        self.size += size
        return True

    def describing(
        self, statement: StatementKey, now: float, max_age: float, stale_while_revalidate: float
    ) -> StoredResult | None:
        """An answer of this statement, with whatever parameters, that has a RowDescription and is alive."""
        for key in reversed(self._by_statement.get(statement, {})):
            entry = self._entries[key]
            if (
                now - entry.stored_at < max_age + stale_while_revalidate
                and entry.result.row_description is not None
            ):
                return entry.result
        return None

    def claim_refresh(self, key: CacheKey) -> bool:
        """Whether the caller is the one to refresh a stale answer: one is, until `put` or `give_up_refresh`."""
        entry = self._entries.get(key)
        if entry is None or entry.refreshing:
            return False
        entry.refresh(True)
        return True

    def give_up_refresh(self, key: CacheKey) -> None:
        """The refresh failed: another reader may try."""
        if entry := self._entries.get(key):
            entry.refresh(False)

    def clear(self) -> int:
        """Remove all answers; returns their number."""
        self.generation += 1
        dropped = len(self._entries)
        self._entries.clear()
        self._by_statement.clear()
        self.size = 0
        return dropped

    def entries(self) -> list[tuple[CacheKey, Entry]]:
        """What is stored, the least recently used first; some of it may have grown too old to be served."""
        return list(self._entries.items())

    def remove(self, key: CacheKey) -> bool:
        """Remove one answer; False if there is none with that key."""
        known = key in self._entries
        if known:
            self._drop(key)
        return known

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size -= entry.size
        statement = statement_key(key)
        siblings = self._by_statement[statement]
        del siblings[key]
        if not siblings:
            del self._by_statement[statement]
