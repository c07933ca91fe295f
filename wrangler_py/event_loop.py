"""The event loop that the proxy and the worker host run on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable


def new_event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of the fastest event loop that is installed: uvloop's where it exists."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop
