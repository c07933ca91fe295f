"""The product's metrics of each binding since the session began, under the product's names."""

from __future__ import annotations

from typing import Any

from wrangler_py.dashboard.api.operation import COUNT, NUMBER, Call, Operation, map_of, object_of
from wrangler_py.proxy.pool.pool import Pool

_LATENCY = object_of(avg=NUMBER, max=NUMBER, count=COUNT)


async def get_metrics(call: Call) -> Any:
    return {"bindings": {binding: _metrics(pool) for binding, pool in call.served.proxy.pools.items()}}


def _metrics(pool: Pool) -> dict[str, Any]:
    counts = pool.caching.counts
    return {
        "count": counts.by_status.total(),
        "cacheStatus": {str(status): count for status, count in sorted(counts.by_status.items())},
        "eventStatus": {"complete": counts.complete, "error": counts.error},
        "queryBytes": counts.query_bytes,
        "resultBytes": counts.result_bytes,
        "queryLatency": _latency(counts.query_latency),
        "connectionLatency": _latency(counts.connection_latency),
        "staleReads": counts.stale_reads,
        "waitingClients": pool.waiting,
        "currentPoolSize": len(pool.connections),
        "availablePoolSlots": max(0, pool.config.connection_limit - len(pool.connections)),
        "maxPoolSize": pool.config.connection_limit,
    }


def _latency(latency: Any) -> dict[str, Any]:
    return {"avg": round(latency.mean_ms, 3), "max": round(latency.max_ms, 3), "count": latency.count}


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/metrics",
        summary="Hyperdrive's metrics of each binding since the session began; latencies in milliseconds",
        run=get_metrics,
        returns=object_of(
            bindings=map_of(
                object_of(
                    count=COUNT,
                    cacheStatus=map_of(COUNT),
                    eventStatus=object_of(complete=COUNT, error=COUNT),
                    queryBytes=COUNT,
                    resultBytes=COUNT,
                    queryLatency=_LATENCY,
                    connectionLatency=_LATENCY,
                    staleReads=COUNT,
                    waitingClients=COUNT,
                    currentPoolSize=COUNT,
                    availablePoolSlots=COUNT,
                    maxPoolSize=COUNT,
                )
            )
        ),
    ),
)
