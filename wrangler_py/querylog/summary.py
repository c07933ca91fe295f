"""One summary of a query log: totals, the costliest statements, reads that are never cached, findings.

Statements are shown without their constants, and without parameters, because a summary may go to other people.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wrangler_py.querylog.findings import Finding, find, is_never_cached
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import QueryRecord
from wrangler_py.querylog.statement_text import shape_of, shortened
from wrangler_py.querylog.verdicts import explain
from wrangler_py.terminal_text import printable

COSTLIEST = 10
VERSION = 1
_WIDTH = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTotals:
    """All queries of one statement. `reason` and `fix` say why it is never cached; None if that is not so."""

    binding: str
    sql: str
    count: int
    by_status: Mapping[str, int]
    total_ms: float
    longest_ms: float
    rows: int
    reason: str | None = None
    fix: str | None = None

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`queries` is how many ran in all, `recorded` how many of them are in the log and were looked at. Times are in
    milliseconds; `ended_at` is in Unix seconds."""

    ended_at: float
    queries: int
    recorded: int
    requests: int
    by_status: Mapping[str, int]
    errors: int
    rows: int
    query_bytes: int
    result_bytes: int
    waited_ms: float
    origin_ms: float
    sending_ms: float
    costliest: tuple[StatementTotals, ...]
    never_cached: tuple[StatementTotals, ...]
    findings: tuple[Finding, ...]

    @property
    def total_ms(self) -> float:
        return self.waited_ms + self.origin_ms + self.sending_ms

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        return {"version": VERSION, **asdict(self)}

    def as_text(self) -> str:
        """For a terminal."""
        return "\n".join([*describe_totals(self), *_costliest(self), *_never_cached(self), *_findings(self)])


def summarize(log: QueryLog) -> Summary:
    """`log` as it is now."""
    records = log.records()
    totals = total_statements(records)
    return Summary(
        ended_at=log.now(),
        queries=log.last_number,
        recorded=len(records),
        requests=len({record.request_id for record in records if record.request_id is not None}),
        by_status=dict(Counter(record.status for record in records).most_common()),
        errors=sum(record.error is not None for record in records),
        rows=sum(record.rows for record in records),
        query_bytes=sum(record.query_bytes for record in records),
        result_bytes=sum(record.result_bytes for record in records),
        waited_ms=sum(record.waited_ms for record in records),
        origin_ms=sum(record.origin_ms for record in records),
        sending_ms=sum(record.sending_ms for record in records),
        costliest=tuple(totals[:COSTLIEST]),
        never_cached=tuple(each for each in totals if each.reason is not None),
        findings=tuple(find(log)),
    )


def total_statements(records: Iterable[QueryRecord]) -> list[StatementTotals]:
    """The statements of `records`, the costliest first."""
    by_shape: dict[tuple[str, str], list[QueryRecord]] = defaultdict(list)
    for record in records:
        by_shape[record.binding, shape_of(record.sql)].append(record)
    totals = [_of_statement(binding, shape, same) for (binding, shape), same in by_shape.items()]
    return sorted(totals, key=lambda each: -each.total_ms)


def _of_statement(binding: str, shape: str, same: Sequence[QueryRecord]) -> StatementTotals:
    why = explain(same[-1]) if is_never_cached(same) else None
    return StatementTotals(
        binding=binding,
        sql=shape,
        count=len(same),
        by_status=dict(Counter(record.status for record in same).most_common()),
        total_ms=sum(record.duration_ms for record in same),
        longest_ms=max(record.duration_ms for record in same),
        rows=sum(record.rows for record in same),
        reason=why.reason if why else None,
        fix=why.fix if why else None,
    )


# --- as text ----------------------------------------------------------------------------------------------------


def describe_statuses(by_status: Mapping[str, int]) -> str:
    """`2 hit, 1 volatile`."""
    return ", ".join(f"{count:,} {status}" for status, count in by_status.items())


def describe_time(milliseconds: float) -> str:
    """`0.3 ms`, `25 ms`, `1.2 s`."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:,.1f} s"
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def describe_totals(summary: Summary) -> list[str]:
    """How many queries, and where their time went."""
    if not summary.queries:
        return ["No queries ran."]
    count = f"{summary.queries:,} {'query' if summary.queries == 1 else 'queries'}"
    errors = f"; {summary.errors:,} failed" if summary.errors else ""
    lines = [f"{count}: {describe_statuses(summary.by_status)}{errors}"]
    if summary.recorded < summary.queries:
        lines.append(
            f"The last {summary.recorded:,} of them are in this report; the others are no longer in the log."
        )
    lines.append(
        f"Time: {describe_time(summary.total_ms)}, of which {describe_time(summary.waited_ms)} waiting for a "
        f"connection, {describe_time(summary.origin_ms)} at the origin, {describe_time(summary.sending_ms)} "
        "sending to clients"
    )
    return lines


def _costliest(summary: Summary) -> Iterable[str]:
    if summary.costliest:
        yield ""
        yield "Statements that took the most time:"
        yield f"  {'total':>9} {'mean':>9} {'count':>7}  statement"
        for each in summary.costliest:
            times = f"{describe_time(each.total_ms):>9} {describe_time(each.mean_ms):>9} {each.count:>7,}"
            yield f"  {times}  {_statement(each.sql)}"


def _never_cached(summary: Summary) -> Iterable[str]:
    if summary.never_cached:
        yield ""
        yield "Reads that are never cached:"
        for each in summary.never_cached:
            yield f"  {each.count:>7,}  {_statement(each.sql)}"
            yield f"           {describe_statuses(each.by_status)}: {each.reason}"
            if each.fix:
                yield f"           change: {each.fix}"


def _findings(summary: Summary) -> Iterable[str]:
    if summary.findings:
        yield ""
        yield "Findings:"
        for finding in summary.findings:
            cost = f" ({describe_time(finding.cost_ms)})" if finding.cost_ms else ""
            yield f"  {finding.kind}: {printable(finding.title)}{cost}"
            yield f"    {printable(finding.explanation)}"
            yield f"    {printable(finding.fix)}"


def _statement(sql: str) -> str:
    return printable(shortened(sql, _WIDTH))
