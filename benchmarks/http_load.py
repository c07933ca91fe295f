"""HTTP requests as fast as they are answered, over several keep-alive connections.

wrk where it is installed. Else a generator of our own, which a single core limits to some 15,000 a second: it is
the same for every server either way, and the table says which it was.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from urllib.parse import urlsplit


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "the built-in load generator"


def requests_per_second(url: str, *, connections: int, seconds: float) -> float:
    """Raises RuntimeError if an answer is not 200."""
    if shutil.which("wrk") is None:
        return asyncio.run(_load(url, connections, seconds))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s*([\d.]+)", output)
    if rate is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{' '.join(command)}:\n{output}")
    return float(rate[1])


async def _load(url: str, connections: int, seconds: float) -> float:
    parts = urlsplit(url)
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    started = time.monotonic()
    deadline = started + seconds
    counts = await asyncio.gather(
        *(_keep_asking(parts.hostname or "", parts.port or 80, request, deadline) for _ in range(connections))
    )
    return sum(counts) / (time.monotonic() - started)


async def _keep_asking(host: str, port: int, request: bytes, deadline: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    count = 0
    try:
        while time.monotonic() < deadline:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not head.startswith(b"http/1.1 200 "):
                raise RuntimeError(f"the server answers {head!r}")
            length = re.search(rb"content-length: *(\d+)", head)
            if length is not None:
                await reader.readexactly(int(length[1]))
            else:
                await _skip_chunks(reader)
            count += 1
    finally:
        writer.close()
    return count


async def _skip_chunks(reader: asyncio.StreamReader) -> None:
    size = -1
    while size:
        size = int(await reader.readuntil(b"\r\n"), 16)
        await reader.readexactly(size + 2)
