"""A summary of a project's last dev session, for the checks before a deployment and beside Cloudflare's metrics.

It is a small file in the project's state folder. There are no values in it: statements are kept without their
constants and comments, and those that cannot be read as PostgreSQL's not at all.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wrangler_py.atomic_file import replace_file
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.querylog.counts import ConfigCounts

FILE = "last-session.json"
VERSION = 1
REPEATED_FROM = 5
"""A statement that a request runs this often is reported."""
_READS = ("SELECT", "WITH", "VALUES", "TABLE")
_NEVER_CACHED = frozenset({"volatile", "uncacheable", "transaction", "multiplestatements", "oversizedresult"})
_MOST_STATEMENTS = 500
_MOST_REQUESTS = 200
_SHOWN_STATEMENTS = 20
_LONGEST_STATEMENT = 300


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: how often it was seen, with which cache status if that is what it is listed for."""

    sql: str
    count: int
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """`bindings` maps each binding to its counts, by the product's names of metrics."""

    ended_on: str
    bindings: Mapping[str, Mapping[str, Any]]
    never_cached: tuple[Statement, ...] = ()
    repeated: tuple[Statement, ...] = ()
    most_connections: int = 0

    @property
    def stale_reads(self) -> int:
        return sum(int(counts.get("staleReads", 0)) for counts in self.bindings.values())


class SummaryRecorder:
    """Sees the queries of a session, as many as fit."""

    def __init__(self) -> None:
        self._never_cached: Counter[tuple[str, str]] = Counter()
        self._repeated: dict[str, int] = {}
        self._requests: OrderedDict[str, Counter[str]] = OrderedDict()

    def query(self, event: QueryEvent) -> None:
        """A query has ended."""
        sql = event.sql
        if event.status in _NEVER_CACHED and sql.lstrip(" \t\r\n(")[:6].upper().startswith(_READS):
            self._count(self._never_cached, (sql, event.status))
        if event.request is not None:
            times = self._in_request(event.request)
            self._count(times, sql)
            if times[sql] >= REPEATED_FROM and (sql in self._repeated or len(self._repeated) < _MOST_STATEMENTS):
                self._repeated[sql] = max(times[sql], self._repeated.get(sql, 0))

    def summary(self, counts: Mapping[str, ConfigCounts], most_connections: int) -> SessionSummary:
        """The session so far, with the proxy's counts."""
        never_cached: Counter[tuple[str, str]] = Counter()
        for (sql, status), count in self._never_cached.items():
            if (shown := _without_values(sql)) is not None:
                never_cached[shown, status] += count
        repeated: dict[str, int] = {}
        for sql, times in self._repeated.items():
            if (shown := _without_values(sql)) is not None:
                repeated[shown] = max(times, repeated.get(shown, 0))
        most_repeated = sorted(repeated.items(), key=lambda item: -item[1])
        return SessionSummary(
            ended_on=datetime.now(UTC).isoformat(timespec="seconds"),
            bindings={binding: each.as_metrics() for binding, each in counts.items()},
            never_cached=tuple(
                Statement(sql, count, status)
                for (sql, status), count in never_cached.most_common(_SHOWN_STATEMENTS)
            ),
            repeated=tuple(Statement(sql, times) for sql, times in most_repeated[:_SHOWN_STATEMENTS]),
            most_connections=most_connections,
        )

    def _in_request(self, request: str) -> Counter[str]:
        times = self._requests.get(request)
        if times is None:
            times = self._requests[request] = Counter()
            if len(self._requests) > _MOST_REQUESTS:
                self._requests.popitem(last=False)
        return times

    @staticmethod
    def _count(counter: Counter[Any], key: Any) -> None:
        if key in counter or len(counter) < _MOST_STATEMENTS:
            counter[key] += 1


def write_summary(state: Path, summary: SessionSummary) -> None:
    """Write `summary` to the folder `state`; failures are ignored."""
    with contextlib.suppress(OSError):
        state.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": VERSION, **asdict(summary)}, indent=2, ensure_ascii=False)
        replace_file(state / FILE, text.encode(), private=True)


def read_summary(state: Path) -> SessionSummary | None:
    """The summary in the folder `state`; None if there is none, or it cannot be read."""
    try:
        document = json.loads((state / FILE).read_text(encoding="utf-8"))
        if document.pop("version") != VERSION:
            return None
        lists = ("never_cached", "repeated")
        read: dict[str, Any] = {key: tuple(Statement(**each) for each in document.pop(key)) for key in lists}
        return SessionSummary(**document, **read)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _without_values(sql: str) -> str | None:
    import postgast

    try:
        text = str(postgast.deparse(postgast.parse(postgast.normalize(sql))))
    except (postgast.PgQueryError, ValueError):
        return None
    return text if len(text) <= _LONGEST_STATEMENT else text[: _LONGEST_STATEMENT - 1] + "…"
