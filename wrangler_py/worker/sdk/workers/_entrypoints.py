"""The classes a Worker is made of, and its execution context."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from wrangler_py.worker.sdk.workers._current import current_invocation

if TYPE_CHECKING:
    from wrangler_py.worker.sdk.workers._current import Invocation
    from wrangler_py.worker.sdk.workers._env import Env

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class Context:
    """The execution context of one request."""

    __slots__ = ("_invocation", "passes_through", "props")

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.passes_through = False
        self.props: dict[str, Any] = {}

    def waitUntil(self, awaitable: Awaitable[Any]) -> None:
        """Keep the request open after its response until `awaitable` is done, for 30 s at most."""
        self._invocation.wait_until(awaitable)

    wait_until = waitUntil

    def passThroughOnException(self) -> None:
        """On the platform an exception then reaches the origin. There is none here: the error page is shown."""
        self.passes_through = True


class WorkerEntrypoint:
    """Base class of a Worker's entry point.

    `class Default(WorkerEntrypoint)` with `async def fetch(self, request)`.
    """

    ctx: Context
    env: Env

    def __init__(self, ctx: Context, env: Env) -> None:
        self.ctx = ctx
        self.env = env


class DurableObject:
    """Base class of a Durable Object. It may be defined; Durable Objects are not emulated."""

    ctx: Any
    env: Env

    def __init__(self, ctx: Any, env: Env) -> None:
        self.ctx = ctx
        self.env = env


class WorkflowEntrypoint:
    """Base class of a Workflow. It may be defined; Workflows are not emulated."""

    ctx: Any
    env: Env

    def __init__(self, ctx: Any, env: Env) -> None:
        self.ctx = ctx
        self.env = env


def handler(function: _Handler) -> _Handler:
    """Mark a module-level handler, such as `on_fetch`. Handlers get the types of this module with or without it."""
    return function


def wait_until(awaitable: Awaitable[Any]) -> None:
    """Keep the current request open after its response until `awaitable` is done, for 30 s at most."""
    current_invocation("wait_until").wait_until(awaitable)


waitUntil = wait_until
