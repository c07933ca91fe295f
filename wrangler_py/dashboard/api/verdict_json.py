"""Why a query has its cache status, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wrangler_py.dashboard.api.operation import COUNT, OPTIONAL_COUNT, OPTIONAL_TEXT, TEXT, object_of
from wrangler_py.querylog.record import QueryRecord
from wrangler_py.querylog.verdicts import explain

VERDICT = object_of(reason=TEXT, fix=OPTIONAL_TEXT, position=OPTIONAL_COUNT, length=COUNT)


def verdict_json(record: QueryRecord) -> dict[str, Any]:
    """`position` and `length` are the part of the SQL that is the reason, in characters."""
    return asdict(explain(record))
