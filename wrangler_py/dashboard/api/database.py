"""The database behind a binding: its tables, and a SQL box that runs through the binding."""

from __future__ import annotations

import asyncio
from typing import Any

from wrangler_py.dashboard import sql_box, tables
from wrangler_py.dashboard.api.operation import (
    BINDING,
    COUNT,
    FLAG,
    OPTIONAL_COUNT,
    OPTIONAL_TEXT,
    TEXT,
    Call,
    Field,
    Operation,
    list_of,
    not_found,
    object_of,
)
from wrangler_py.dashboard.api.queries import ROW
from wrangler_py.dashboard.api.verdict_json import VERDICT, verdict_json
from wrangler_py.dashboard.record_json import record_row
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PoolConfig

_NAME = Field(str, "its name", required=True, minimum=1, maximum=63)


async def list_tables(call: Call) -> Any:
    return {"tables": await asyncio.to_thread(tables.list_tables, _pool(call))}


async def get_first_rows(call: Call) -> Any:
    return await asyncio.to_thread(tables.first_rows, _pool(call), call.query["schema"], call.query["table"])


async def run_sql(call: Call) -> Any:
    _pool(call)
    binding, proxy, log = call.path["binding"], call.served.proxy, call.served.proxy.query_log
    request_id = sql_box.new_request_id()
    proxy.name_request(request_id, sql_box.REQUEST_NAME)
    before = log.last_number
    outcome: dict[str, Any] = {"columns": [], "rows": [], "row_count": 0, "command": None}
    error = None
    try:
        string = call.served.connection_string(binding)
        user = f"{binding}.{request_id}"
        outcome = await asyncio.to_thread(sql_box.run, string, user, call.body["sql"])
    except WranglerError as failure:
        error = {"message": failure.message, "hint": failure.hint}
    finally:
        proxy.end_request(request_id)
    queries = [
        {**record_row(record, log.label), "verdict": verdict_json(record)}
        for record in log.records(after=before)
        if record.request_id == request_id
    ]
    return {**outcome, "error": error, "queries": queries}


def _pool(call: Call) -> PoolConfig:
    pool = call.served.pools.get(call.path["binding"])
    if pool is None:
        raise not_found(f"There is no binding {call.path['binding']} here.")
    return pool


_COLUMN = object_of(name=TEXT, type=TEXT, nullable=FLAG, default=OPTIONAL_TEXT, primary_key=FLAG)
_ROWS = {"columns": list_of(TEXT), "rows": list_of(list_of(OPTIONAL_TEXT))}
_ERROR = {"oneOf": [object_of(message=TEXT, hint=OPTIONAL_TEXT), {"type": "null"}]}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/database/{binding}/tables",
        summary="The tables behind a binding, with their columns",
        run=list_tables,
        path_fields=BINDING,
        returns=object_of(
            tables=list_of(
                object_of(
                    schema=TEXT,
                    name=TEXT,
                    kind=TEXT,
                    estimated_rows=OPTIONAL_COUNT,
                    readable=FLAG,
                    columns=list_of(_COLUMN),
                )
            )
        ),
    ),
    Operation(
        method="GET",
        path="/api/database/{binding}/rows",
        summary="The first rows of a table, as text",
        run=get_first_rows,
        path_fields=BINDING,
        query_fields={"schema": _NAME, "table": _NAME},
        returns=object_of(**_ROWS),
    ),
    Operation(
        method="POST",
        path="/api/database/{binding}/run",
        summary="Run SQL through a binding; returns the last result, and the cache status of each query",
        run=run_sql,
        path_fields=BINDING,
        body_fields={"sql": Field(str, "the SQL", required=True, minimum=1, maximum=100_000)},
        returns=object_of(
            **_ROWS,
            row_count=COUNT,
            command=OPTIONAL_TEXT,
            error=_ERROR,
            queries=list_of(object_of(**ROW["properties"], verdict=VERDICT)),
        ),
    ),
)
