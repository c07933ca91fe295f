"""The Worker's requests with their queries and findings."""

from __future__ import annotations

from typing import Any

from wrangler_py.dashboard.api.operation import (
    COUNT,
    NUMBER,
    OPTIONAL_NUMBER,
    OPTIONAL_TEXT,
    TEXT,
    Call,
    Field,
    Operation,
    list_of,
    object_of,
)
from wrangler_py.querylog.findings import Finding, find, find_in_request
from wrangler_py.querylog.requests import RequestGroup, client_runs

_MOST = 500

FINDING = object_of(
    kind=TEXT,
    title=TEXT,
    explanation=TEXT,
    fix=TEXT,
    queries=list_of(COUNT),
    request_id=OPTIONAL_TEXT,
    cost_ms=NUMBER,
)


async def list_requests(call: Call) -> Any:
    log = call.served.proxy.query_log
    groups = sorted([*log.requests(), *client_runs(log.records())], key=lambda group: group.started_at)
    wanted = groups[-call.query.get("limit", 200) :]
    return {
        "count": len(groups),
        "requests": [_request(group) for group in reversed(wanted)],
    }


async def list_findings(call: Call) -> Any:
    return {"findings": [finding_json(finding) for finding in find(call.served.proxy.query_log)]}


def _request(group: RequestGroup) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "started_at": group.started_at,
        "ended_at": group.ended_at,
        "queries": [record.number for record in group.records],
        "findings": [finding_json(finding) for finding in find_in_request(group)],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "title": finding.title,
        "explanation": finding.explanation,
        "fix": finding.fix,
        "queries": list(finding.records),
        "request_id": finding.request_id,
        "cost_ms": round(finding.cost_ms, 3),
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/requests",
        summary="The last requests, or groups of queries, the newest first, with their queries and findings",
        run=list_requests,
        query_fields={"limit": Field(int, "the most requests to return, 1 to 500", minimum=1, maximum=_MOST)},
        returns=object_of(
            count=COUNT,
            requests=list_of(
                object_of(
                    id=TEXT,
                    name=TEXT,
                    started_at=NUMBER,
                    ended_at=OPTIONAL_NUMBER,
                    queries=list_of(COUNT),
                    findings=list_of(FINDING),
                )
            ),
        ),
    ),
    Operation(
        method="GET",
        path="/api/findings",
        summary="The findings, the most costly first",
        run=list_findings,
        returns=object_of(findings=list_of(FINDING)),
    ),
)
