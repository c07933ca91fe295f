"""What is worth changing: found in the records, explained in plain words, with a fix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from wrangler_py.querylog.record import QueryRecord
from wrangler_py.querylog.requests import RequestGroup

if TYPE_CHECKING:
    from wrangler_py.querylog.log import QueryLog

Kind = Literal[
    "repeated-statement",
    "separate-round-trips",
    "stale-read",
    "never-cached",
    "slow-query",
    "waited-for-connection",
    "left-in-transaction",
    "self-deadlock",
]

REPEATED_FROM = 5
"""A statement that a request runs this often is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`title` is a line; `explanation` and `fix` are sentences. `records` are the numbers of the records concerned.

    `request_id` is None for what is not one request's. `cost_ms` is the time that the fix could save, as far as
    that can be told.
    """

    kind: Kind
    title: str
    explanation: str
    fix: str
    records: tuple[int, ...]
    request_id: str | None
    cost_ms: float


def find(log: QueryLog) -> list[Finding]:
    """All there is in `log`, the costliest first."""
    found = [finding for request in log.requests() for finding in find_in_request(request)]
    return sorted(found, key=lambda finding: -finding.cost_ms)


def find_in_request(request: RequestGroup) -> list[Finding]:
    """What is to be said of one request."""
    return list(_repeated(request))


def _repeated(request: RequestGroup) -> Sequence[Finding]:
    by_text: dict[tuple[str, str], list[QueryRecord]] = defaultdict(list)
    for record in request.records:
        by_text[record.binding, record.sql].append(record)
    return [
        Finding(
            kind="repeated-statement",
            title=f"{request.name} ran one statement {len(records)} times",
            explanation="The same statement ran once for each of many values (an N+1 query).",
            fix="Fetch all values with one query: WHERE id = ANY($1), or a JOIN.",
            records=tuple(record.number for record in records),
            request_id=request.id,
            cost_ms=sum(record.duration_ms for record in records[1:]),
        )
        for records in by_text.values()
        if len(records) >= REPEATED_FROM
    ]
