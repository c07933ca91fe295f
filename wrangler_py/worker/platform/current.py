"""The invocation that the running code belongs to: a request, or the global scope while the Worker is loaded."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol


class Invocation(Protocol):
    """One call of a handler, as the modules here need to know it."""

    in_request: bool
    """False while the Worker is loaded, when it may neither fetch nor set timers."""
    env: Any
    resources: dict[Any, Any]
    """Objects that modules keep until the request ends, such as fetch's HTTP client."""
    own_headers: list[tuple[str, str]]
    """Headers of a fetch that leads back to this Worker."""

    def leads_back(self, host: str | None, port: int | None) -> bool:
        """Whether a fetch of that address reaches this very Worker."""

    def wait_until(self, awaitable: Any) -> None:
        """Keep the request open until the awaitable is done."""

    def on_end(self, close: Any) -> None:
        """Await `close()` when the request ends."""


current: ContextVar[Invocation] = ContextVar("current")


def current_invocation(what: str) -> Invocation:
    """The invocation the caller runs in. Raises RuntimeError outside of one."""
    try:
        return current.get()
    except LookupError:
        raise RuntimeError(f"{what} works inside a request; here is none") from None
