"""`wsgi`: the older name of `workers.wsgi`."""

from wrangler_py.worker.sdk.workers.wsgi import build_environ, entrypoint, fetch

__all__ = ["build_environ", "entrypoint", "fetch"]
