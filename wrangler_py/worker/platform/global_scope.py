"""Refusals of work that a Worker may only do in a request, and not while it is loaded."""

from __future__ import annotations

from typing import Final

from wrangler_py.worker.platform.current import Invocation, current
from wrangler_py.worker.platform.values import JsException

_DISALLOWED: Final = (
    "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a "
    "timeout, and generating random values are not allowed within global scope. To fix this error, perform this "
    "operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/"
)


def invocation_in_request() -> Invocation:
    """The running request's invocation. Raises JsException, as the platform does, if there is none."""
    invocation = current.get(None)
    if invocation is None or not invocation.in_request:
        raise JsException.new(_DISALLOWED)
    return invocation
