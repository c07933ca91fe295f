"""The query log: the last queries, bounded in number and in bytes, oldest out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from wrangler_py.querylog.incidents import MAX_INCIDENTS, Incident
from wrangler_py.querylog.record import MAX_TEXT_BYTES, Entry, QueryRecord, read_entry, shorten
from wrangler_py.querylog.requests import KnownRequests, RequestGroup

DEFAULT_MAX_RECORDS = 20_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
RECORD_BYTES = 600
"""What a record takes besides its SQL, its parameters and its error (CPython on 64 bits)."""


class QueryLog:
    """Records have numbers from 1 on, in the order in which their queries ended. `clock` gives Unix seconds.

    `size` is what the records count for: the bytes in them, and RECORD_BYTES for each. A record larger than
    `max_bytes` is counted and not kept. `max_records` 0 keeps none.
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
        self.size = 0
        self._clock = clock
        self._entries: deque[tuple[int, Entry | QueryRecord]] = deque()
        self._requests = KnownRequests()
        self._incidents: deque[Incident] = deque(maxlen=MAX_INCIDENTS)
        self._subscribers: list[Callable[[QueryRecord], None]] = []

    def now(self) -> float:
        """The time on its clock."""
        return self._clock()

    def __len__(self) -> int:
        return len(self._entries)

    # --- recording -----------------------------------------------------------------------------------------

    def add(self, entry: Entry) -> None:
        """A query has ended."""
        size = RECORD_BYTES + len(entry[4]) + len(entry[5])
        if entry[14] is not None or size > MAX_TEXT_BYTES:
            entry = shorten(entry)
            size = RECORD_BYTES + len(entry[4]) + len(entry[5]) + len(entry[14] or b"")
        entries = self._entries
        entries.append((size, entry))
        self.last_number += 1
        size += self.size
        if len(entries) > self.max_records:
            size -= entries.popleft()[0]
        while size > self.max_bytes:
            size -= entries.popleft()[0]
        self.size = size
        if self._subscribers:
            self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        record = read_entry(self.last_number, entry)
        for callback in tuple(self._subscribers):
            callback(record)

    def clear(self) -> None:
        """Forgets all records, and the requests that have ended; numbers go on."""
        self._entries.clear()
        self._incidents.clear()
        self.size = 0
        self._requests.clear()

    # --- requests ------------------------------------------------------------------------------------------

    def name_request(self, id: str, label: str) -> None:
        """The Worker's request `id`, which people call `label` (`GET /articles`), has begun."""
        self._requests.name(id, label, self._clock())

    def end_request(self, id: str) -> None:
        """The Worker's request `id` is over."""
        self._requests.end(id, self._clock())

    def label(self, request_id: str | None) -> str | None:
        """What people call the request."""
        return self._requests.label(request_id) if request_id is not None else None

    def requests(self) -> list[RequestGroup]:
        """The requests that have records, in the order in which their first query ended."""
        by_id: dict[str, list[QueryRecord]] = {}
        for record in self.records():
            if record.request_id is not None:
                by_id.setdefault(record.request_id, []).append(record)
        return [self._requests.group(id, records) for id, records in by_id.items()]

    def request(self, id: str) -> RequestGroup | None:
        """One request; None if it has no records."""
        records = [record for record in self.records() if record.request_id == id]
        return self._requests.group(id, records) if records else None

    # --- what happens between queries ----------------------------------------------------------------------

    def note(self, incident: Incident) -> None:
        """Something worth knowing has happened."""
        self._incidents.append(incident)

    @property
    def incidents(self) -> list[Incident]:
        """The last of them, oldest first."""
        return list(self._incidents)

    # --- reading -------------------------------------------------------------------------------------------

    @property
    def first_number(self) -> int:
        """The number of the oldest record that is kept; `last_number` + 1 if there is none."""
        return self.last_number - len(self._entries) + 1

    def records(self, after: int = 0) -> list[QueryRecord]:
        """The records with a number above `after`, oldest first."""
        skipped = max(0, after - self.first_number + 1)
        return [self._read(index) for index in range(skipped, len(self._entries))] if skipped else self._read_all()

    def get(self, number: int) -> QueryRecord | None:
        """The record of that number, None if it is gone or never was."""
        index = number - self.first_number
        return self._read(index) if 0 <= index < len(self._entries) else None

    def subscribe(self, callback: Callable[[QueryRecord], None]) -> Callable[[], None]:
        """`callback` gets each record as its query ends, until what is returned is called."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def _read(self, index: int) -> QueryRecord:
        size, entry = self._entries[index]
        if isinstance(entry, QueryRecord):
            return entry
        record = read_entry(self.first_number + index, entry)
        self._entries[index] = (size, record)
        return record

    def _read_all(self) -> list[QueryRecord]:
        numbers = range(self.first_number, self.last_number + 1)
        read = [
            (size, entry if isinstance(entry, QueryRecord) else read_entry(number, entry))
            for number, (size, entry) in zip(numbers, self._entries, strict=True)
        ]
        self._entries = deque(read)
        return [record for _, record in read]
