"""`pyodide.webloop`: Pyodide's event loop. Requests run on asyncio's own here."""

from __future__ import annotations

import asyncio


class WebLoop(asyncio.AbstractEventLoop):
    """The name of Pyodide's event loop."""


class PyodideFuture(asyncio.Future[object]):
    """The name of Pyodide's futures."""


class PyodideTask(asyncio.Task[object]):
    """The name of Pyodide's tasks."""
