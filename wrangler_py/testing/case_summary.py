"""A summary of one test's queries: plain values, which pytest-xdist can pass on and a report can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from wrangler_py.querylog.findings import REPEATED_FROM
from wrangler_py.querylog.record import REFUSED, QueryRecord
from wrangler_py.querylog.verdicts import explain
from wrangler_py.testing.statements import is_transaction_control, one_line

_CACHED = frozenset({"hit", "miss", "disabled"})
_NOT_READS = frozenset({"notaquery", "transaction", REFUSED})
"""Queries with these statuses are not expected to be cached."""
_READS = ("SELECT", "WITH", "VALUES", "TABLE")


class StatementSummary(TypedDict):
    """One text: how often it ran, in all and by cache status, and the reason if it is never cached."""

    binding: str
    sql: str
    count: int
    by_status: dict[str, int]
    stale: int
    total_ms: float
    reason: str | None
    fix: str | None


class CaseSummary(TypedDict):
    """One test's queries. `stale` and `repeated` are texts, those that ran often enough to be reported."""

    queries: int
    by_status: dict[str, int]
    statements: list[StatementSummary]
    stale: list[str]
    repeated: list[str]


def summarize_case(records: Sequence[QueryRecord]) -> CaseSummary:
    """The queries of one test."""
    by_text: dict[tuple[str, str], list[QueryRecord]] = {}
    for record in records:
        by_text.setdefault((record.binding, record.sql), []).append(record)
    statements = [_summarize(binding, sql, group) for (binding, sql), group in by_text.items()]
    return CaseSummary(
        queries=len(records),
        by_status=dict(Counter(record.status for record in records)),
        statements=statements,
        stale=list(dict.fromkeys(one_line(record.sql) for record in records if record.stale)),
        repeated=[
            one_line(each["sql"])
            for each in statements
            if each["count"] >= REPEATED_FROM and not is_transaction_control(each["sql"])
        ],
    )


def _summarize(binding: str, sql: str, records: Sequence[QueryRecord]) -> StatementSummary:
    by_status = Counter(record.status for record in records)
    why = None
    if not by_status.keys() & _CACHED and by_status.keys() - _NOT_READS and _is_read(sql):
        why = explain(records[-1])
    return StatementSummary(
        binding=binding,
        sql=sql,
        count=len(records),
        by_status=dict(by_status),
        stale=sum(record.stale for record in records),
        total_ms=round(sum(record.duration_ms for record in records), 3),
        reason=why.reason if why else None,
        fix=why.fix if why else None,
    )


def _is_read(sql: str) -> bool:
    return sql.lstrip(" \t\r\n(").upper().startswith(_READS)
