"""`workers`: the module Python Workers are written with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wrangler_py.worker.sdk.workers._blob import Blob, BlobEnding, BlobValue, File
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
from wrangler_py.worker.sdk.workers._fetch import fetch
from wrangler_py.worker.sdk.workers._form_data import FormData, FormDataValue
from wrangler_py.worker.sdk.workers._headers import Headers
from wrangler_py.worker.sdk.workers._not_emulated import MissingGlobal
from wrangler_py.worker.sdk.workers._request import FetchKwargs, Request, RequestInitCfProperties
from wrangler_py.worker.sdk.workers._response import BodyInit as Body
from wrangler_py.worker.sdk.workers._response import FetchResponse, JSBody, Response

if TYPE_CHECKING:
    env: Env
else:
    env = CurrentEnv()

__all__ = [
    "Blob",
    "BlobEnding",
    "BlobValue",
    "Body",
    "Context",
    "DurableObject",
    "Env",
    "FetchKwargs",
    "FetchResponse",
    "File",
    "FormData",
    "FormDataValue",
    "Headers",
    "Hyperdrive",
    "JSBody",
    "Request",
    "RequestInitCfProperties",
    "Response",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "env",
    "fetch",
    "handler",
    "import_from_javascript",
    "patch_env",
    "python_from_rpc",
    "python_to_rpc",
    "waitUntil",
    "wait_until",
]


def import_from_javascript(module_name: str) -> Any:
    """`cloudflare:workers` has its `env` and `waitUntil`; the platform's other modules say that they are missing
    when they are used. Raises ImportError for what is none of the platform's.
    """
    if module_name == "cloudflare:workers":
        import sys

        return sys.modules[__name__]
    if module_name.startswith(("cloudflare:", "node:")):
        return MissingGlobal(module_name)
    raise ImportError(f"Failed to import {module_name!r}: there are no JavaScript modules here")


def python_from_rpc(value: Any) -> Any:
    """A JavaScript value as Python."""
    from wrangler_py.worker.sdk.js._values import to_py

    return to_py(value)


def python_to_rpc(value: Any) -> Any:
    """A Python value as JavaScript."""
    from wrangler_py.worker.sdk.js._values import to_js

    return value.js_object if hasattr(value, "js_object") else to_js(value)
