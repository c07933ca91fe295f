"""`workers`: the module Python Workers are written with."""

from __future__ import annotations

from wrangler_py.worker.sdk.workers._entrypoints import (
    Context,
    DurableObject,
    WorkerEntrypoint,
    WorkflowEntrypoint,
    handler,
    wait_until,
    waitUntil,
)
from wrangler_py.worker.sdk.workers._env import CurrentEnv, Env, Hyperdrive, patch_env
from wrangler_py.worker.sdk.workers._headers import Headers
from wrangler_py.worker.sdk.workers._request import FetchKwargs, Request
from wrangler_py.worker.sdk.workers._response import FetchResponse, Response

env: CurrentEnv = CurrentEnv()

__all__ = [
    "Context",
    "DurableObject",
    "Env",
    "FetchKwargs",
    "FetchResponse",
    "Headers",
    "Hyperdrive",
    "Request",
    "Response",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "env",
    "handler",
    "patch_env",
    "waitUntil",
    "wait_until",
]
