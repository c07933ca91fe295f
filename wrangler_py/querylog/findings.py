"""Problems found in the records, each with an explanation and a fix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wrangler_py.querylog.incidents import Incident
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import REFUSED, QueryRecord
from wrangler_py.querylog.requests import PAUSE_S, RequestGroup, client_runs, ended_at
from wrangler_py.querylog.statement_text import controls_transaction, only_reads, shape_of, shortened
from wrangler_py.querylog.verdicts import explain

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
"""A statement that a request runs this often is reported."""
SEPARATE_FROM = 3
"""This many different reads, one after the other, are reported."""
SLOW_MS = 250.0
"""A query that keeps the origin busy for this long is slow."""
WAITED_MS = 100.0
"""A request whose queries wait for this long, in all, has waited for the pool."""
NEVER_CACHED_FROM = 2
"""How often a read has to run for it to matter that it is never cached."""
_CLOCK_S = 0.000_005
"""How far apart two readings can be: the begin and the end of a query come from two clocks."""
_SPARED = frozenset({"hit", "disabled", "miss", REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`title` is a line; `explanation` and `fix` are sentences. `records` are the numbers of the records concerned.

    `request_id` is None for a finding that concerns more than one request. `cost_ms` estimates the time that the
    fix could save.
    """

    kind: Kind
    title: str
    explanation: str
    fix: str
    records: tuple[int, ...]
    request_id: str | None
    cost_ms: float


def find(log: QueryLog) -> list[Finding]:
    """All findings of `log`: deadlocks first, then the costliest."""
    records = log.records()
    groups = [*log.requests(), *client_runs(records)]
    found = [finding for group in groups for finding in _in_group(group.name, group.id, group.records)]
    found += _never_cached(records)
    found += _incidents(log.incidents, records)
    return sorted(found, key=lambda finding: (finding.kind != "self-deadlock", -finding.cost_ms))


def find_in_request(request: RequestGroup) -> list[Finding]:
    """The findings of one request."""
    incidents = _incidents(request.incidents, request.records)
    return [*incidents, *_in_group(request.name, request.id, request.records)]


def _in_group(name: str, request_id: str | None, records: Sequence[QueryRecord]) -> Iterator[Finding]:
    repeated = list(_repeated(name, request_id, records))
    yield from repeated
    in_repeated = {number for finding in repeated for number in finding.records}
    yield from _separate(name, request_id, [each for each in records if each.number not in in_repeated])
    yield from _stale(name, request_id, records)
    yield from _slow(name, request_id, records)
    yield from _waited(name, request_id, records)


# --- in one request ---------------------------------------------------------------------------------------------


def _repeated(name: str, request_id: str | None, records: Sequence[QueryRecord]) -> Iterator[Finding]:
    by_shape: dict[tuple[str, str], list[QueryRecord]] = defaultdict(list)
    for record in records:
        if record.status != REFUSED and not controls_transaction(record.sql):
            by_shape[record.binding, shape_of(record.sql)].append(record)
    for (_, shape), same in by_shape.items():
        if _turns(same) < REPEATED_FROM:
            continue
        values = {(record.sql, record.parameters) for record in same}
        reads = only_reads(same[0].sql)
        if len(values) == 1 and reads:
            explanation = "The same query ran several times with the same values."
            fix = "Run it once and keep its result for the rest of the request."
        elif reads:
            explanation = (
                "A query for each of many values (N+1): each is a round trip, which takes time if the database is "
                "far away."
            )
            fix = (
                "Fetch all of them with one query: WHERE id = ANY($1), or a JOIN with the query that returned them."
            )
        else:
            explanation = "A statement for each of many rows: each is a round trip."
            fix = "Write them with one statement: INSERT … SELECT … FROM unnest($1, $2), or INSERT with many rows."
        yield Finding(
            kind="repeated-statement",
            title=f"{name} ran one statement {len(same)} times: {shortened(shape)}",
            explanation=explanation,
            fix=fix,
            records=_numbers(same),
            request_id=request_id,
            cost_ms=sum(record.duration_ms for record in same[1:]),
        )


def _turns(same: Sequence[QueryRecord]) -> int:
    """How many of them began after the ones before had ended. A batch that is sent at once is one turn, and so are
    simultaneous queries on several connections."""
    turns, end = 0, 0.0
    for record in sorted(same, key=lambda record: record.started_at):
        if record.started_at >= end - _CLOCK_S or not record.duration_ms:
            turns += 1
        end = max(end, ended_at(record))
    return turns


def _separate(name: str, request_id: str | None, records: Sequence[QueryRecord]) -> Iterator[Finding]:
    """Reads that went to the origin one after another, each begun soon after the one before."""
    asked = [
        record
        for record in records
        if record.origin_connection is not None and record.error is None and not controls_transaction(record.sql)
    ]
    asked.sort(key=lambda record: record.started_at)
    run: list[QueryRecord] = []
    for record in asked:
        follows = bool(run) and 0 <= record.started_at - ended_at(run[-1]) + _CLOCK_S <= PAUSE_S
        if not only_reads(record.sql):
            yield from _one_run(name, request_id, run)
            run = []
        elif follows and record.binding == run[-1].binding:
            run.append(record)
        else:
            yield from _one_run(name, request_id, run)
            run = [record]
    yield from _one_run(name, request_id, run)


def _one_run(name: str, request_id: str | None, run: Sequence[QueryRecord]) -> Iterator[Finding]:
    different = {shape_of(record.sql) for record in run}
    if len(different) >= SEPARATE_FROM:
        yield Finding(
            kind="separate-round-trips",
            title=f"{name} ran {len(run)} queries one after the other",
            explanation="Each of these reads waited for the previous answer, so each is a separate round trip.",
            fix="If none needs the result of another, combine them into one query (JOIN, WITH, or subqueries), or "
            "send them at once: Promise.all with Postgres.js, a pipeline with psycopg.",
            records=_numbers(run),
            request_id=request_id,
            cost_ms=sum(record.origin_ms for record in run[1:]),
        )


def _stale(name: str, request_id: str | None, records: Sequence[QueryRecord]) -> Iterator[Finding]:
    by_shape: dict[str, list[QueryRecord]] = defaultdict(list)
    for record in records:
        if record.stale:
            by_shape[shape_of(record.sql)].append(record)
    for shape, stale in by_shape.items():
        yield Finding(
            kind="stale-read",
            title=f"{name} read stale data: {shortened(shape)}",
            explanation="The answer came from the cache, and one of its tables had been written since. Writes "
            "don't remove cached answers, here and in production: for up to max_age and stale_while_revalidate, "
            "a read may be out of date.",
            fix="For reads that must be fresh, use a second binding whose config has caching disabled.",
            records=_numbers(stale),
            request_id=request_id,
            cost_ms=0.0,
        )


def _slow(name: str, request_id: str | None, records: Sequence[QueryRecord]) -> Iterator[Finding]:
    by_shape: dict[str, list[QueryRecord]] = defaultdict(list)
    for record in records:
        if record.origin_ms >= SLOW_MS:
            by_shape[shape_of(record.sql)].append(record)
    for shape, slow in by_shape.items():
        longest = max(record.origin_ms for record in slow)
        yield Finding(
            kind="slow-query",
            title=f"{name} ran a slow query ({longest:,.0f} ms): {shortened(shape)}",
            explanation="The database took long to answer, and the connection was busy meanwhile.",
            fix="Look at its plan with EXPLAIN (ANALYZE, BUFFERS): often an index is missing, or it reads more "
            "rows than it returns.",
            records=_numbers(slow),
            request_id=request_id,
            cost_ms=sum(record.origin_ms for record in slow),
        )


def _waited(name: str, request_id: str | None, records: Sequence[QueryRecord]) -> Iterator[Finding]:
    waited = [record for record in records if record.waited_ms > 0]
    total = sum(record.waited_ms for record in waited)
    if total >= WAITED_MS:
        yield Finding(
            kind="waited-for-connection",
            title=f"{name} waited {total:,.0f} ms for an origin connection",
            explanation="All connections of the pool were in use, or a new one had to be opened, which takes seven "
            "round trips.",
            fix="Keep transactions short, and do no other work in them. If it still waits, raise the "
            "config's origin connection limit.",
            records=_numbers(waited),
            request_id=request_id,
            cost_ms=total,
        )


# --- in all -----------------------------------------------------------------------------------------------------


def _never_cached(records: Sequence[QueryRecord]) -> Iterator[Finding]:
    by_shape: dict[tuple[str, str], list[QueryRecord]] = defaultdict(list)
    for record in records:
        if record.error is None:
            by_shape[record.binding, shape_of(record.sql)].append(record)
    for (binding, shape), same in by_shape.items():
        if len(same) < NEVER_CACHED_FROM or not is_never_cached(same):
            continue
        why = explain(same[-1])
        yield Finding(
            kind="never-cached",
            title=f"{binding}: {len(same)} reads were never cached ({same[-1].status}): {shortened(shape)}",
            explanation=f"It only reads, but goes to the database each time: {why.reason}.",
            fix=_sentence(why.fix) if why.fix else "It cannot be changed.",
            records=_numbers(same),
            request_id=None,
            cost_ms=sum(record.duration_ms for record in same),
        )


def is_never_cached(same: Sequence[QueryRecord]) -> bool:
    """Whether these queries of one statement only read, and none was or will be answered from the cache."""
    return all(record.status not in _SPARED for record in same) and all(only_reads(record.sql) for record in same)


def _incidents(incidents: Iterable[Incident], records: Sequence[QueryRecord]) -> Iterator[Finding]:
    left = defaultdict(list)
    for incident in incidents:
        if incident.kind == "left-in-transaction":
            left[incident.binding, incident.request_id, incident.who].append(incident)
            continue
        waited = [
            record
            for record in records
            if record.request_id == incident.request_id
            and record.binding == incident.binding
            and record.error is not None
            and record.waited_ms > WAITED_MS
        ]
        yield Finding(
            kind="self-deadlock",
            title=f"{incident.who} waited for a connection that it held itself",
            explanation=f"{_upper(incident.message.partition(': ')[2])}",
            fix="Use the transaction's own client for every query until COMMIT, or end the transaction first.",
            records=_numbers(waited),
            request_id=incident.request_id,
            cost_ms=sum(record.waited_ms for record in waited),
        )
    for (binding, request_id, who), same in left.items():
        clients = {incident.client for incident in same}
        own = [record for record in records if record.client in clients and record.in_transaction]
        yield Finding(
            kind="left-in-transaction",
            title=f"{who} left a transaction open on {binding}",
            explanation="The client went away without COMMIT or ROLLBACK, so its changes were rolled back. Until "
            "then, no other client could use the origin connection.",
            fix="COMMIT, or connect with autocommit where you need no transaction; run transactions in the "
            "driver's own block (sql.begin, with connection.transaction()).",
            records=_numbers(own),
            request_id=request_id,
            cost_ms=0.0,
        )


def _numbers(records: Iterable[QueryRecord]) -> tuple[int, ...]:
    return tuple(record.number for record in records)


def _sentence(text: str) -> str:
    return _upper(text) + ("" if text.endswith(".") else ".")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
