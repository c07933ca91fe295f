"""Hyperdrive's metrics at Cloudflare, by GraphQL.

The names are those of its documentation. What is not sure to be there for every account is asked for apart, so that
the rest is shown without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wrangler_py.cloudflare.api import API
from wrangler_py.cloudflare.api_failures import APIError

_FILTER = "filter: {configId: $configId, datetime_geq: $start, datetime_leq: $end}"
_QUERY = """
query($accountTag: string!, $configId: string!, $start: Time!, $end: Time!) {
  viewer { accounts(filter: {accountTag: $accountTag}) { %s } }
}
"""
_QUERIES = (
    "hyperdriveQueriesAdaptiveGroups(limit: 1000, " + _FILTER + ") { count dimensions { cacheStatus eventStatus }"
    " sum { connectionLatency queryLatency queryBytes resultBytes } }"
)
_BY_TIME = (
    "hyperdriveQueriesAdaptiveGroups(limit: 10000, " + _FILTER + ", orderBy: [%s_ASC])"
    " { count dimensions { cacheStatus %s } }"
)
_POOLS = (
    "hyperdrivePoolSizesAdaptiveGroups(limit: 1, " + _FILTER + ")"
    " { max { currentPoolSize waitingClients maxPoolSize } }"
)

_SHORT_S = 2 * 3600
"""Up to this long, a step is five minutes; else it is an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Of one config, for one span of time. `by_time` has the number of queries with each cache status, by the start
    of each step; None where it cannot be had, as `pool`."""

    by_cache_status: Mapping[str, int]
    by_event_status: Mapping[str, int]
    query_latency_ms: float | None
    query_bytes: int
    result_bytes: int
    by_time: Sequence[tuple[datetime, Mapping[str, int]]] | None
    pool: Mapping[str, int] | None


def read_metrics(api: API, account_id: str, config_id: str, start: datetime, end: datetime) -> Metrics:
    """The metrics from `start` to `end`, both in UTC. Raises WranglerError if Cloudflare refuses."""
    variables = {
        "accountTag": account_id,
        "configId": config_id,
        "start": _time(start),
        "end": _time(end),
    }
    by_cache_status: Counter[str] = Counter()
    by_event_status: Counter[str] = Counter()
    latency = query_bytes = result_bytes = 0.0
    for group in _groups(api.graphql(_QUERY % _QUERIES, variables)):
        count, dimensions, sums = int(group["count"]), group["dimensions"], group.get("sum") or {}
        by_cache_status[str(dimensions.get("cacheStatus"))] += count
        by_event_status[str(dimensions.get("eventStatus"))] += count
        latency += sums.get("queryLatency") or 0
        query_bytes += sums.get("queryBytes") or 0
        result_bytes += sums.get("resultBytes") or 0
    asked = sum(count for status, count in by_cache_status.items() if status != "hit")
    return Metrics(
        by_cache_status=by_cache_status,
        by_event_status=by_event_status,
        query_latency_ms=latency / asked if asked else None,
        query_bytes=int(query_bytes),
        result_bytes=int(result_bytes),
        by_time=_by_time(api, variables, (end - start).total_seconds()),
        pool=_pool(api, variables),
    )


def _by_time(
    api: API, variables: Mapping[str, Any], span_s: float
) -> Sequence[tuple[datetime, Mapping[str, int]]] | None:
    step = "datetimeMinute" if span_s <= _SHORT_S else "datetimeHour"
    steps: dict[datetime, Counter[str]] = {}
    try:
        for group in _groups(api.graphql(_QUERY % (_BY_TIME % (step, step)), variables)):
            time = datetime.fromisoformat(str(group["dimensions"][step]))
            time = time.replace(minute=time.minute - time.minute % 5)
            steps.setdefault(time, Counter())[str(group["dimensions"]["cacheStatus"])] += int(group["count"])
    except (APIError, KeyError, ValueError):
        return None
    return sorted(steps.items())


def _pool(api: API, variables: Mapping[str, Any]) -> Mapping[str, int] | None:
    try:
        groups = _groups(api.graphql(_QUERY % _POOLS, variables), "hyperdrivePoolSizesAdaptiveGroups")
        return {key: int(value) for key, value in groups[0]["max"].items()} if groups else None
    except (APIError, KeyError, ValueError, TypeError):
        return None


def _groups(data: Mapping[str, Any], name: str = "hyperdriveQueriesAdaptiveGroups") -> Sequence[Mapping[str, Any]]:
    try:
        accounts = data["viewer"]["accounts"]
        return accounts[0][name] if accounts else ()
    except (KeyError, TypeError, IndexError):
        raise APIError("Cloudflare returned metrics in an unknown format.", status=200) from None


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
