"""Descriptions of queries: a line for one, and counts by cache status."""

from __future__ import annotations

from collections.abc import Mapping

from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.terminal_text import printable


def describe_query(event: QueryEvent) -> str:
    """`HYPERDRIVE 3-17 miss 1 ms SELECT …`: the first line of the SQL.

    Of one that failed the error comes first: `HYPERDRIVE 3-17 failed 1 ms division by zero (22012): SELECT …`.
    """
    request = f" {event.request}" if event.request else ""
    first, *more = event.sql.strip().splitlines() or [""]
    status, sql = event.status, first.rstrip()
    if event.error is not None:
        status, sql = "refused" if status == "refused" else "failed", f"{event.error}: {sql}"
    line = printable(f"{event.binding}{request} {status} {event.duration_ms:.0f} ms {sql}")
    return f"{line} …" if more else line


def describe_counts(by_status: Mapping[str, int]) -> str:
    """`3 queries: 2 hit, 1 volatile`, most first."""
    most_first = sorted(by_status.items(), key=lambda item: (-item[1], item[0]))
    total = sum(by_status.values())
    if total == 1:
        return f"1 query: {most_first[0][0]}"
    return f"{total:,} queries: " + ", ".join(f"{count:,} {status}" for status, count in most_first)
