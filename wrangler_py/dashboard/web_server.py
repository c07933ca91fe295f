"""The web server of the dashboard: uvicorn, in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn

from wrangler_py.dashboard.access import AccessControl
from wrangler_py.dashboard.app import new_app
from wrangler_py.dashboard.sources import Sources


class _Server(uvicorn.Server):
    """Leaves signals to its process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def new_server(sources: Sources, *, token: str, port: int, closing: asyncio.Event) -> uvicorn.Server:
    """A server that does not `serve` yet; streams of events end when `closing` is set."""
    app = AccessControl(new_app(sources, closing), token=token, port=port)
    return _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
    )
