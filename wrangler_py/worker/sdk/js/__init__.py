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
    "performance",
    "queueMicrotask",
    "setTimeout",
]


class NotEmulated:
    """A part of the JavaScript scope that is not here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _refuse(self) -> NotImplementedError:
        return NotImplementedError(
            f"js.{self._name} is not part of wrangler-py. Use a Python library in its place, "
            "or run this route with `pywrangler dev`"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refuse()

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise self._refuse()

    def __repr__(self) -> str:
        return f"<js.{self._name}, not emulated>"


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return NotEmulated(name)
