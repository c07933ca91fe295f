"""Whether a socket has something to read, asked without the event loop."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Any


def poll_of(transport: asyncio.BaseTransport) -> Callable[[int], list[Any]] | None:
    """A function that lists what can be read, now or within so many milliseconds; None without a socket."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return None
    descriptor = sock.fileno()
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return poller.poll
    return lambda milliseconds: select.select([descriptor], [], [], milliseconds / 1000)[0]
