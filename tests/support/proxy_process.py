"""A proxy in a process of its own, to measure its memory or not to share the interpreter's lock with it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from support.proxy_server import BINDING, PASSWORD

from wrangler_py.hyperdrive.config import PLAINTEXT, Caching, Origin, PoolConfig


class ProxyProcess:
    """Runs until `close`."""

    def __init__(self, origin: Origin, **changes: Any) -> None:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.said = ""
        """What it wrote to standard error, once it is closed: nothing, if all went well."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.proxy_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environ,
        )
        assert self._process.stdin
        assert self._process.stdout
        self.database = origin.database
        fields = {name: getattr(origin, name) for name in ("host", "port", "database", "user", "password")}
        self._process.stdin.write(json.dumps({"origin": fields, **changes}) + "\n")
        self._process.stdin.flush()
        self.port = int(self._process.stdout.readline())
        self._statistics = psutil.Process(self._process.pid)

    @property
    def memory_bytes(self) -> int:
        return int(self._statistics.memory_info().rss)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def dsn(self, **parameters: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in {"sslmode": "disable", **parameters}.items())
        return f"postgresql://{BINDING}:{PASSWORD}@127.0.0.1:{self.port}/{self.database}?{query}"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.seek(0)
        self.said = self._errors.read()
        self._errors.close()


async def serve(options: dict[str, Any]) -> None:
    from wrangler_py.proxy.options import ProxyOptions
    from wrangler_py.proxy.server import Proxy

    proxy = Proxy(password=PASSWORD, options=ProxyOptions(**options.get("options", {})))
    caching = Caching(disabled=not options.get("caching", False))
    proxy.add_pool(
        BINDING,
        PoolConfig(
            name="test",
            origin=Origin(**options["origin"]),
            tls=PLAINTEXT,
            caching=caching,
            connection_limit=options.get("connection_limit", 5),
        ),
    )
    await proxy.start()
    print(proxy.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    from wrangler_py.event_loop import new_event_loop_factory

    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        runner.run(serve(json.loads(sys.stdin.readline())))
