"""`ctx`: what a request may ask of the runtime."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from wrangler_py.worker.platform.current import Invocation
from wrangler_py.worker.platform.values import JsProxy, js_object


class ExecutionContext(JsProxy):
    """The execution context of one request."""

    illegal_constructor = True

    _invocation: Invocation

    @property
    def props(self) -> Any:
        return js_object()

    def waitUntil(self, awaitable: Awaitable[Any]) -> None:
        """Keep the request open after its response until `awaitable` is done, for 30 s at most."""
        self._invocation.wait_until(awaitable)

    def passThroughOnException(self) -> None:
        """On the platform an exception then reaches the origin. There is none here: the error page is shown."""


def execution_context(invocation: Invocation) -> ExecutionContext:
    """The `ctx` of an invocation."""
    context = object.__new__(ExecutionContext)
    context._invocation = invocation
    return context
