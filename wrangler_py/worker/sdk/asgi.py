"""`asgi`: the older name of `workers.asgi`."""

from wrangler_py.worker.sdk.workers.asgi import entrypoint, fetch, websocket

__all__ = ["entrypoint", "fetch", "websocket"]


def __getattr__(name: str) -> object:
    from wrangler_py.worker.sdk.workers import asgi

    return getattr(asgi, name)
