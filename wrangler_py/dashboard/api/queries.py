"""The query log: its records, and the details of one of them."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

from wrangler_py.cache.verdict import CacheStatus
from wrangler_py.dashboard import plans
from wrangler_py.dashboard.api.operation import (
    COUNT,
    FLAG,
    MESSAGE,
    NUMBER,
    OPTIONAL_COUNT,
    OPTIONAL_TEXT,
    TEXT,
    ApiError,
    Call,
    Field,
    Operation,
    list_of,
    not_found,
    object_of,
)
from wrangler_py.dashboard.api.verdict_json import VERDICT, verdict_json
from wrangler_py.dashboard.formatting import format_sql
from wrangler_py.dashboard.record_json import record_row
from wrangler_py.errors import WranglerError
from wrangler_py.querylog.log import QueryLog
from wrangler_py.querylog.record import REFUSED, QueryRecord

_NUMBER = {"number": Field(int, "the number of a query", required=True, minimum=1, maximum=2**53)}
_MOST = 2_000
_STATUSES = (*map(str, CacheStatus), REFUSED)

ROW = object_of(
    number=COUNT,
    started_at=NUMBER,
    binding=TEXT,
    request_id=OPTIONAL_TEXT,
    request=OPTIONAL_TEXT,
    sql=TEXT,
    status=TEXT,
    waited_ms=NUMBER,
    origin_ms=NUMBER,
    sending_ms=NUMBER,
    duration_ms=NUMBER,
    rows=COUNT,
    query_bytes=COUNT,
    result_bytes=COUNT,
    error=OPTIONAL_TEXT,
    origin_connection=OPTIONAL_COUNT,
    in_transaction=FLAG,
    stale=FLAG,
)


async def list_queries(call: Call) -> Any:
    log = call.served.proxy.query_log
    wanted = call.query
    text = wanted.get("text", "").lower()
    found = [
        record
        for record in log.records(after=wanted.get("after", 0))
        if wanted.get("status") in (None, record.status)
        and wanted.get("binding") in (None, record.binding)
        and wanted.get("request") in (None, record.request_id)
        and record.duration_ms >= wanted.get("slower_than", 0)
        and text in record.sql.lower()
    ]
    shown = found[: wanted.get("limit", _MOST)]
    return {
        "first_number": log.first_number,
        "last_number": log.last_number,
        "more": len(shown) < len(found),
        "queries": [record_row(record, log.label) for record in shown],
    }


async def clear_queries(call: Call) -> Any:
    call.served.proxy.query_log.clear()
    return {"message": "Cleared the query log."}


async def get_query(call: Call) -> Any:
    log, record = _record(call)
    return {
        **record_row(record, log.label),
        "sql": record.sql,
        "verdict": verdict_json(record),
        "formatted": format_sql(record.sql),
        "parameter_count": len(record.parameters),
        "analyzable": _is_whole(record) and plans.can_analyze(record.sql),
    }


async def get_parameters(call: Call) -> Any:
    _, record = _record(call)
    return {"parameters": list(record.parameters)}


async def explain_query(call: Call) -> Any:
    _, record = _record(call)
    pool = call.served.pools.get(record.binding)
    if pool is None:
        raise ApiError(HTTPStatus.CONFLICT, f"The binding {record.binding} is no longer served.")
    if not _is_whole(record) or any(map(_is_cut, record.parameters)):
        raise WranglerError(
            "The query log has only the beginning of this query's text or parameters, so it cannot be explained.",
            hint="It keeps 64 KB of each. Run EXPLAIN with the whole query: `wrangler-py hyperdrive execute`.",
        )
    analyze = bool(call.body.get("analyze", False))
    plan = await asyncio.to_thread(plans.explain, pool, record.sql, record.parameters, analyze=analyze)
    return {"plan": plan, "analyzed": analyze}


def _is_whole(record: QueryRecord) -> bool:
    """Whether the record has the whole SQL. The proxy cuts a text that is too long for the cache."""
    return record.sql_is_whole and record.status != CacheStatus.OVERSIZED_QUERY


def _is_cut(value: str | None) -> bool:
    """Whether `value` is the beginning of a parameter, followed by its length (see `querylog.parameters`)."""
    return value is not None and re.search(r"… \([\d,]+ bytes\)$", value) is not None


def _record(call: Call) -> tuple[QueryLog, QueryRecord]:
    log = call.served.proxy.query_log
    record = log.get(call.path["number"])
    if record is None:
        raise not_found(f"The query log has no query {call.path['number']}. It may have been removed.")
    return log, record


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/queries",
        summary="The queries of the log, oldest first",
        run=list_queries,
        query_fields={
            "after": Field(int, "only those with a higher number", minimum=0, maximum=2**53),
            "limit": Field(int, "the most queries to return, 1 to 2,000", minimum=1, maximum=_MOST),
            "status": Field(str, f"only those of this cache status: {', '.join(_STATUSES)}", choices=_STATUSES),
            "binding": Field(str, "only those of this binding", maximum=200),
            "request": Field(str, "only those of the request with this id", maximum=200),
            "text": Field(str, "only those with this text in their SQL", maximum=1_000),
            "slower_than": Field(float, "only those that took at least this many milliseconds", minimum=0),
        },
        returns=object_of(first_number=COUNT, last_number=COUNT, more=FLAG, queries=list_of(ROW)),
    ),
    Operation(
        method="DELETE",
        path="/api/queries",
        summary="Clear the query log",
        run=clear_queries,
        returns=MESSAGE,
    ),
    Operation(
        method="GET",
        path="/api/queries/{number}",
        summary="One query: its whole SQL, and why it was cached or not",
        run=get_query,
        path_fields=_NUMBER,
        returns=object_of(
            **ROW["properties"], verdict=VERDICT, formatted=OPTIONAL_TEXT, parameter_count=COUNT, analyzable=FLAG
        ),
    ),
    Operation(
        method="GET",
        path="/api/queries/{number}/parameters",
        summary="The values of its parameters, as text",
        run=get_parameters,
        path_fields=_NUMBER,
        returns=object_of(parameters=list_of(OPTIONAL_TEXT)),
    ),
    Operation(
        method="POST",
        path="/api/queries/{number}/plan",
        summary="Its plan: EXPLAIN with its parameters, at the origin",
        run=explain_query,
        path_fields=_NUMBER,
        body_fields={
            "analyze": Field(bool, "whether to run the query (reads only, in a transaction that is rolled back)")
        },
        returns=object_of(plan=TEXT, analyzed=FLAG),
    ),
)
