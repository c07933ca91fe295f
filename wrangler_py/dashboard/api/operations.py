"""All operations of the API."""

from __future__ import annotations

from wrangler_py.dashboard.api import (
    cache,
    conditions,
    configs,
    database,
    metrics,
    pools,
    queries,
    requests,
    session,
)
from wrangler_py.dashboard.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *session.OPERATIONS,
    *queries.OPERATIONS,
    *requests.OPERATIONS,
    *pools.OPERATIONS,
    *cache.OPERATIONS,
    *metrics.OPERATIONS,
    *conditions.OPERATIONS,
    *configs.OPERATIONS,
    *database.OPERATIONS,
)
