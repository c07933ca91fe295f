"""`js`: the part of the JavaScript global scope that Python Workers use.

What is missing imports fine and says so at its first use.
"""

from __future__ import annotations

from typing import Any

from wrangler_py.worker.sdk.js._buffers import ArrayBuffer, TextDecoder, TextEncoder, Uint8Array
from wrangler_py.worker.sdk.js._crypto import crypto
from wrangler_py.worker.sdk.js._globals import (
    Date,
    atob,
    btoa,
    clearTimeout,
    console,
    performance,
    queueMicrotask,
    setTimeout,
)
from wrangler_py.worker.sdk.js._messages import Blob, File, FormData, Headers, Request, Response, fetch
from wrangler_py.worker.sdk.js._sockets import WebSocket, WebSocketPair
from wrangler_py.worker.sdk.js._streams import ReadableStream, TransformStream
from wrangler_py.worker.sdk.js._urls import URL, URLSearchParams
from wrangler_py.worker.sdk.js._values import JSON, Object
from wrangler_py.worker.sdk.js._values import JsArray as Array
from wrangler_py.worker.sdk.js._values import JsMap as Map
from wrangler_py.worker.sdk.workers._not_emulated import MissingGlobal

__all__ = [
    "JSON",
    "URL",
    "Array",
    "ArrayBuffer",
    "Blob",
    "Date",
    "File",
    "FormData",
    "Headers",
    "Map",
    "Object",
    "ReadableStream",
    "Request",
    "Response",
    "TextDecoder",
    "TextEncoder",
    "TransformStream",
    "URLSearchParams",
    "Uint8Array",
    "WebSocket",
    "WebSocketPair",
    "atob",
    "btoa",
    "clearTimeout",
    "console",
    "crypto",
    "fetch",
    "null",
    "performance",
    "queueMicrotask",
    "setTimeout",
    "undefined",
]


null = None
undefined = None


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return MissingGlobal(f"js.{name}")
