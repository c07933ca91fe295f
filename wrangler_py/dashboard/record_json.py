"""Records of the query log as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wrangler_py.querylog.record import QueryRecord

SHOWN_SQL = 2_000
"""Characters of the SQL in a list; one query alone has all of it."""


def record_row(record: QueryRecord, label: Callable[[str | None], str | None]) -> dict[str, Any]:
    """`record` for a list, without the values of its parameters. `label` names a request."""
    return {
        "number": record.number,
        "started_at": record.started_at,
        "binding": record.binding,
        "request_id": record.request_id,
        "request": label(record.request_id),
        "sql": record.sql[:SHOWN_SQL],
        "status": record.status,
        "waited_ms": round(record.waited_ms, 3),
        "origin_ms": round(record.origin_ms, 3),
        "sending_ms": round(record.sending_ms, 3),
        "duration_ms": round(record.duration_ms, 3),
        "rows": record.rows,
        "query_bytes": record.query_bytes,
        "result_bytes": record.result_bytes,
        "error": record.error,
        "origin_connection": record.origin_connection,
        "in_transaction": record.in_transaction,
        "stale": record.stale,
    }
