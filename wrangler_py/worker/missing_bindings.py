"""Messages about bindings that are not emulated."""

from __future__ import annotations

from collections.abc import Callable

_PRODUCTS = {
    "ai": "Workers AI",
    "analytics_engine_datasets": "Analytics Engine",
    "browser": "Browser Rendering",
    "d1_databases": "D1",
    "durable_objects": "Durable Objects",
    "images": "Images",
    "kv_namespaces": "Workers KV",
    "queues": "Queues",
    "r2_buckets": "R2",
    "send_email": "Email",
    "services": "service",
    "vectorize": "Vectorize",
    "workflows": "Workflows",
}
_WAY_OUT = "Run this route with `pywrangler dev`, or guard the code while you develop without it"


def product_of(kind: str) -> str:
    """The name of a kind of binding, which is a key of the config file, as people know it."""
    return _PRODUCTS.get(kind, kind)


def refusal_of(binding: str, kind: str) -> str:
    """The message of the exception that using the binding raises."""
    return f"env.{binding} is a {product_of(kind)} binding, and wrangler-py emulates Hyperdrive alone. {_WAY_OUT}"


class FirstUses:
    """Warns of the first use of each binding: a framework may swallow the exception.

    `where` returns the line of the person's code that runs now, as `FILE:LINE`.
    """

    def __init__(self, warn: Callable[[str], None], where: Callable[[], str | None]) -> None:
        self._warn = warn
        self._where = where
        self._seen: set[str] = set()

    def note(self, binding: str, kind: str) -> None:
        """Record that the binding is used now."""
        if binding in self._seen:
            return
        self._seen.add(binding)
        place = self._where()
        used = "was used" if place is None else f"was used at {place}"
        self._warn(
            f"env.{binding} {used}: a {product_of(kind)} binding, which wrangler-py does not emulate. "
            "It raised NotEmulatedError"
        )
