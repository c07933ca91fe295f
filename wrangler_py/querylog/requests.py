"""Queries by request of the Worker, and by client where there is no request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from wrangler_py.querylog.incidents import Incident
from wrangler_py.querylog.record import QueryRecord

MAX_REQUESTS = 10_000
"""Requests remembered with their names and times, the oldest out first."""
PAUSE_S = 0.1
"""Queries of a client without a request belong together while the pauses between them are shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestGroup:
    """One request with its queries. `label` is what people call it, such as `GET /articles`; `ended_at` is None
    while it is under way. Times are in Unix seconds."""

    id: str
    label: str | None
    started_at: float
    ended_at: float | None
    records: tuple[QueryRecord, ...]
    incidents: tuple[Incident, ...] = ()

    @property
    def name(self) -> str:
        """Its label, or its id where it has none."""
        return self.label or f"request {self.id}"


def ended_at(record: QueryRecord) -> float:
    """When the query ended, in Unix seconds."""
    return record.started_at + record.duration_ms / 1000


def client_runs(records: Iterable[QueryRecord]) -> list[RequestGroup]:
    """The queries that belong to no request, grouped by client and cut where the client paused.

    Only Python Workers report their requests. A JavaScript Worker opens a client for each
    request, so a group is usually one request there.
    """
    by_client: dict[int, list[list[QueryRecord]]] = defaultdict(list)
    for record in records:
        if record.request_id is None:
            runs = by_client[record.client]
            if not runs or record.started_at - ended_at(runs[-1][-1]) > PAUSE_S:
                runs.append([])
            runs[-1].append(record)
    return [_client_run(client, run) for client, runs in by_client.items() for run in runs]


def _client_run(client: int, run: list[QueryRecord]) -> RequestGroup:
    return RequestGroup(
        id=f"client-{client}-{run[0].number}",
        label=f"client {client}",
        started_at=min(record.started_at for record in run),
        ended_at=max(ended_at(record) for record in run),
        records=tuple(run),
    )


class KnownRequests:
    """Names and times of requests, by id."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float, float | None]] = {}

    def name(self, id: str, label: str, now: float) -> None:
        """Request `id` begins, or gets another name."""
        before = self._known.pop(id, None)
        self._known[id] = (label, before[1] if before else now, None)
        if len(self._known) > MAX_REQUESTS:
            del self._known[next(iter(self._known))]

    def end(self, id: str, now: float) -> None:
        known = self._known.get(id)
        if known is not None:
            self._known[id] = (known[0], known[1], now)

    def label(self, id: str) -> str | None:
        known = self._known.get(id)
        return known[0] if known else None

    def group(self, id: str, records: list[QueryRecord], incidents: Iterable[Incident]) -> RequestGroup:
        """Request `id` with its queries. A request without a name lasts from its first query to its last."""
        started = min((record.started_at for record in records), default=0.0)
        label, began, ended = self._known.get(id, (None, started, None))
        if label is None and records:
            ended = max(ended_at(record) for record in records)
        return RequestGroup(
            id=id,
            label=label,
            started_at=began,
            ended_at=ended,
            records=tuple(records),
            incidents=tuple(incident for incident in incidents if incident.request_id == id),
        )

    def clear(self) -> None:
        """Forgets the requests that have ended."""
        self._known = {id: known for id, known in self._known.items() if known[2] is None}
