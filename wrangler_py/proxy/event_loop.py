"""The event loop that the proxy runs on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable


def new_event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory of the fastest event loop there is: uvloop where it exists."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop
