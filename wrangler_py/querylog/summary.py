"""One summary of a query log: totals, the costliest statements, what is never cached, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wrangler_py.querylog.findings import Finding, find
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.verdicts import explain

COSTLIEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTotals:
    """All queries with one text. `reason` and `fix` say why it is not cached; None where it is."""

    binding: str
    sql: str
    count: int
    by_status: Mapping[str, int]
    total_ms: float
    rows: int
    reason: str | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`queries` is how many ran in all, `recorded` how many of them are in the log and were looked at."""

    queries: int
    recorded: int
    by_status: Mapping[str, int]
    total_ms: float
    waited_ms: float
    errors: int
    costliest: tuple[StatementTotals, ...]
    never_cached: tuple[StatementTotals, ...]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_text(self) -> str:
        return f"{self.queries} queries"


def summarize(log: QueryLog) -> Summary:
    """`log` as it is now."""
    records = log.records()
    groups: dict[tuple[str, str], list[Any]] = {}
    for record in records:
        groups.setdefault((record.binding, record.sql), []).append(record)
    totals = []
    for (binding, sql), group in groups.items():
        by_status = Counter(record.status for record in group)
        why = explain(group[-1]) if not by_status.keys() & {"hit", "miss"} else None
        totals.append(
            StatementTotals(
                binding=binding,
                sql=sql,
                count=len(group),
                by_status=dict(by_status),
                total_ms=sum(record.duration_ms for record in group),
                rows=sum(record.rows for record in group),
                reason=why.reason if why else None,
                fix=why.fix if why else None,
            )
        )
    totals.sort(key=lambda each: -each.total_ms)
    return Summary(
        queries=log.last_number,
        recorded=len(records),
        by_status=dict(Counter(record.status for record in records)),
        total_ms=sum(record.duration_ms for record in records),
        waited_ms=sum(record.waited_ms for record in records),
        errors=sum(record.error is not None for record in records),
        costliest=tuple(totals[:COSTLIEST]),
        never_cached=tuple(each for each in totals if each.reason is not None),
        findings=tuple(find(log)),
    )
