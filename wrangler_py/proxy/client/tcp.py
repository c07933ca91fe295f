"""Settings against delays of TCP."""

from __future__ import annotations

import asyncio
import socket
import sys


def acknowledge_now(transport: asyncio.BaseTransport) -> None:
    """Tells the other side at once that its data has come, where the system lets us (Linux).

    Drivers such as node-postgres send the messages of a query one by one. Without TCP_NODELAY, which workerd
    doesn't set, each waits for the acknowledgement of the one before, and a kernel puts that off for 40 ms.
    """
    sock = transport.get_extra_info("socket")
    if sys.platform == "linux" and sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
