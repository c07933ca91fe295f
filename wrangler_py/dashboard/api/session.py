"""The bindings that are served, and the project they belong to."""

from __future__ import annotations

from typing import Any

from wrangler_py import __version__
from wrangler_py.dashboard.api.operation import (
    COUNT,
    FLAG,
    NUMBER,
    OPTIONAL_TEXT,
    TEXT,
    Call,
    Operation,
    list_of,
    object_of,
)
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.hyperdrive.pool_description import describe_caching, describe_place, describe_tls

_BINDING = object_of(
    binding=TEXT, config=TEXT, origin=TEXT, tls=TEXT, pool_size_maximum=COUNT, caching=TEXT, caching_disabled=FLAG
)


async def get_session(call: Call) -> Any:
    served, project = call.sources.served, call.sources.project
    return {
        "version": __version__,
        "started_at": call.sources.started_at,
        "serving": served is not None,
        "bindings": [] if served is None else [_binding(name, pool) for name, pool in served.pools.items()],
        "config_file": None if project is None else project.path.name,
        "environment": None if project is None else project.environment,
    }


def _binding(name: str, pool: PoolConfig) -> dict[str, Any]:
    return {
        "binding": name,
        "config": pool.source or pool.name,
        "origin": describe_place(pool),
        "tls": describe_tls(pool.tls),
        "pool_size_maximum": pool.connection_limit,
        "caching": describe_caching(pool.caching),
        "caching_disabled": pool.caching.disabled,
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/session",
        summary="The bindings that are served, and the project",
        run=get_session,
        returns=object_of(
            version=TEXT,
            started_at=NUMBER,
            serving=FLAG,
            bindings=list_of(_BINDING),
            config_file=OPTIONAL_TEXT,
            environment=OPTIONAL_TEXT,
        ),
    ),
)
