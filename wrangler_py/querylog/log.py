"""The query log: the last queries, bounded in number and in bytes, oldest out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.querylog.chunk import Chunk
from wrangler_py.querylog.counts import ConfigCounts
from wrangler_py.querylog.incidents import MAX_INCIDENTS, Incident
from wrangler_py.querylog.record import Column, Entry, QueryRecord, read_entry, shorten
from wrangler_py.querylog.requests import KnownRequests, RequestGroup

DEFAULT_MAX_RECORDS: Final = 20_000
DEFAULT_MAX_BYTES: Final = 64 * 1024 * 1024
RECORD_BYTES: Final = 600
"""The size of a record without its SQL, its parameters and its error (CPython on 64 bits)."""
CHUNK_LENGTH: Final = 256
"""How many records are packed together, and removed together to make room."""
CHUNKS: Final = 16
"""A small log has this many chunks, each of them shorter."""
LONG_BYTES: Final = 1_024
"""An entry whose SQL and parameters are longer than this, together, is shortened when it is added."""
MAX_PENDING_BYTES: Final = 262_144
"""Entries longer than LONG_BYTES are packed as soon as they come to more than this."""


class QueryLog:
    """Records have numbers from 1 on, in the order in which their queries ended. `clock` gives Unix seconds.

    A record larger than `max_bytes` is counted and not kept. `max_records` 0 keeps none.
    """

    def __init__(
        self,
        max_records: int = DEFAULT_MAX_RECORDS,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.last_number = 0
        self._size = 0
        self._clock = clock
        self._counts: dict[str, ConfigCounts] = {}
        self._pending: list[Entry] = []
        """Entries that are not packed yet."""
        self._counted = 0
        """How many of them are counted."""
        self._pending_long = 0
        """The bytes of those that are longer than LONG_BYTES."""
        self._chunks: deque[Chunk] = deque()
        self._chunk_length = max(1, min(CHUNK_LENGTH, max_records // CHUNKS)) if max_records else CHUNK_LENGTH
        self._requests = KnownRequests()
        self._incidents: deque[Incident] = deque(maxlen=MAX_INCIDENTS)
        self._subscribers: list[Callable[[QueryRecord], None]] = []

    def now(self) -> float:
        """The time on its clock."""
        return self._clock()

    def __len__(self) -> int:
        self._pack()
        return sum(map(len, self._chunks))

    @property
    def size(self) -> int:
        """The size that counts against `max_bytes`: the bytes in the records, and RECORD_BYTES for each."""
        self._pack()
        return self._size

    # --- recording -----------------------------------------------------------------------------------------

    def add(self, entry: Entry) -> None:
        """A query has ended."""
        pending = self._pending
        if entry[12] + len(entry[5]) > LONG_BYTES or entry[14] is not None:
            entry = shorten(entry)
            self._pending_long += len(entry[4]) + len(entry[5]) + len(entry[14] or b"")
        pending.append(entry)
        self.last_number += 1
        if len(pending) >= self._chunk_length or self._pending_long > MAX_PENDING_BYTES:
            self._pack()
        if self._subscribers:
            self._tell(entry)

    def count_with(self, binding: str, counts: ConfigCounts) -> None:
        """Has the queries of `binding` counted in `counts` from now on."""
        self.settle()
        self._counts[binding] = counts

    def settle(self) -> None:
        """Counts the queries that have not been counted yet. To count many at once takes a fraction of the time."""
        entries = self._pending[self._counted :]
        if entries:
            self._count(entries, list(zip(*entries, strict=True)))

    def _count(self, entries: list[Entry], columns: list[Any]) -> None:
        self._counted += len(entries)
        bindings = columns[Column.BINDING]
        for binding, counts in self._counts.items():
            if (count := bindings.count(binding)) == len(entries):
                counts.add_queries(columns)
            elif count:
                of_binding = (entry for entry in entries if entry[Column.BINDING] == binding)
                counts.add_queries(list(zip(*of_binding, strict=True)))

    def _pack(self) -> None:
        """Counts and packs the new entries, and makes room."""
        entries = self._pending
        if not entries:
            return
        columns: list[Any] = list(zip(*entries, strict=True))
        if self._counted:
            self.settle()
        else:
            self._count(entries, columns)
        self._pending = []
        self._pending_long = self._counted = 0
        if self.max_records:
            self._add_chunk(Chunk(self.last_number - len(entries) + 1, columns, RECORD_BYTES))

    def _add_chunk(self, chunk: Chunk) -> None:
        """Keeps `chunk`, and makes room for it."""
        self._chunks.append(chunk)
        self._size += chunk.size
        chunks = self._chunks
        while chunks and (self.last_number - chunks[0].first >= self.max_records or self._size > self.max_bytes):
            self._size -= chunks.popleft().size

    def _tell(self, entry: Entry) -> None:
        record = read_entry(self.last_number, entry)
        for callback in tuple(self._subscribers):
            callback(record)

    def clear(self) -> None:
        """Forgets all records, and the requests that have ended; numbers and counts go on."""
        self._pack()
        self._chunks.clear()
        self._size = 0
        self._incidents.clear()
        self._requests.clear()

    # --- requests ------------------------------------------------------------------------------------------

    def name_request(self, id: str, label: str) -> None:
        """The Worker's request `id`, which people call `label` (`GET /articles`), has begun."""
        self._requests.name(id, label, self._clock())

    def end_request(self, id: str) -> None:
        """The Worker's request `id` is over."""
        self._requests.end(id, self._clock())

    def label(self, request_id: str | None) -> str | None:
        """The name of the request, such as `GET /articles`."""
        return self._requests.label(request_id) if request_id is not None else None

    def requests(self) -> list[RequestGroup]:
        """The requests that have records, in the order in which their first query ended."""
        by_id: dict[str, list[QueryRecord]] = {}
        for record in self.records():
            if record.request_id is not None:
                by_id.setdefault(record.request_id, []).append(record)
        return [self._requests.group(id, records, self._incidents) for id, records in by_id.items()]

    def request(self, id: str) -> RequestGroup | None:
        """One request; None if it has no records."""
        records = [record for record in self.records() if record.request_id == id]
        return self._requests.group(id, records, self._incidents) if records else None

    # --- incidents -----------------------------------------------------------------------------------------

    def note(self, incident: Incident) -> None:
        """Add an incident."""
        self._incidents.append(incident)

    @property
    def incidents(self) -> list[Incident]:
        """The last incidents, oldest first."""
        return list(self._incidents)

    # --- reading -------------------------------------------------------------------------------------------

    @property
    def first_number(self) -> int:
        """The number of the oldest record that is kept; `last_number` + 1 if there is none."""
        self._pack()
        return self._chunks[0].first if self._chunks else self.last_number + 1

    def records(self, after: int = 0, limit: int | None = None) -> list[QueryRecord]:
        """The records with a number above `after`, oldest first; the first `limit` of them if that is given."""
        start = max(after + 1, self.first_number)
        found: list[QueryRecord] = []
        for chunk in self._chunks:
            if chunk.first + len(chunk) > start:
                found += chunk.records[max(0, start - chunk.first) :]
                if limit is not None and len(found) >= limit:
                    return found[:limit]
        return found

    def get(self, number: int) -> QueryRecord | None:
        """The record of that number, None if it is gone or never was."""
        if self.first_number <= number <= self.last_number:
            for chunk in self._chunks:
                if number < chunk.first + len(chunk):
                    return chunk.records[number - chunk.first]
        return None

    def subscribe(self, callback: Callable[[QueryRecord], None]) -> Callable[[], None]:
        """Calls `callback` with each record as its query ends, until the returned function is called."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe
