"""The dashboard without a session, which shows the configs."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from wrangler_py.console import Console
from wrangler_py.dashboard.server import Dashboard
from wrangler_py.dashboard.sources import ProjectPlace, Sources


def serve_alone(place: ProjectPlace | None, *, port: int, opens: bool, console: Console) -> None:
    """Serve until Ctrl-C or SIGTERM; `opens` a browser. Raises `WranglerError` if it cannot start."""

    async def serve() -> None:
        ended = asyncio.Event()
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, ended.set)
        async with Dashboard(Sources(messages=console, project=place), port=port) as dashboard:
            console.out(f"Dashboard: {dashboard.url}")
            console.flush()
            console.info("Ctrl-C ends it.")
            if opens:
                await dashboard.show()
            await ended.wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
