"""Latency and faults, changed while the session runs."""

from __future__ import annotations

from typing import Any

from wrangler_py.dashboard.api.operation import TEXT, Call, Field, Operation, list_of, object_of
from wrangler_py.proxy.conditions import Conditions, parse_fault, parse_latency

_RETURNS = object_of(latency=list_of(TEXT), faults=list_of(TEXT), lines=list_of(TEXT))


async def get_conditions(call: Call) -> Any:
    return _shown(call.served.proxy.conditions)


async def set_conditions(call: Call) -> Any:
    conditions = call.served.proxy.conditions
    latencies = [parse_latency(text) for text in call.body.get("latency", [])]
    faults = [parse_fault(text) for text in call.body.get("faults", [])]
    Conditions(latencies).check_bindings(call.served.pools)
    conditions.change(latencies=latencies, faults=faults)
    return _shown(conditions)


def _shown(conditions: Conditions) -> dict[str, Any]:
    return {
        "latency": [str(each) for each in conditions.latencies if each.longest_ms],
        "faults": [str(each) for each in conditions.faults],
        "lines": conditions.describe(),
    }


_TEXTS: dict[str, Any] = {"list": True, "maximum": 200}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/conditions",
        summary="The latency and the faults that are simulated",
        run=get_conditions,
        returns=_RETURNS,
    ),
    Operation(
        method="PUT",
        path="/api/conditions",
        summary="Replace the simulated latencies and faults by these, in the form of --latency and --fault",
        run=set_conditions,
        body_fields={
            "latency": Field(str, "times such as 25ms, 20-40ms, NAME=25ms", **_TEXTS),
            "faults": Field(str, "faults such as pool-exhausted:5% or connection-lost:/articles/", **_TEXTS),
        },
        returns=_RETURNS,
    ),
)
