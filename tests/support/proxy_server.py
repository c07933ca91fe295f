"""A proxy on its own event loop thread, for tests that talk to it with real drivers."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from support.postgres_server import PostgresServer

from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.hyperdrive.config import PLAINTEXT, Caching, Origin, PoolConfig
from wrangler_py.proxy.observer import QueryEvent
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.server import Proxy

PASSWORD = "a-random-password"
BINDING = "HYPERDRIVE"
Result = TypeVar("Result")


class ProxyServer:
    """Runs until `close`, which fails when something went wrong in the event loop meanwhile.

    `notices`, `failures` and `events` are what it told its observer.
    """

    def __init__(self, config: PoolConfig, **options: Any) -> None:
        self.config = config
        self.wants_queries = True
        self.notices: list[str] = []
        self.failures: list[tuple[str, str | None]] = []
        self.events: list[QueryEvent] = []
        self.crashes: list[str] = []
        self._loop = new_event_loop_factory()()
        self._loop.set_exception_handler(self._crashed)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        limits = ProxyOptions(**options)
        self.proxy: Proxy = self.call(
            lambda: Proxy(password=PASSWORD, password_is_random=True, observer=self, options=limits)
        )
        self.call(lambda: self.proxy.add_pool(BINDING, config))
        asyncio.run_coroutine_threadsafe(self.proxy.start(), self._loop).result(10)

    def query(self, event: QueryEvent) -> None:
        self.events.append(event)

    def notice(self, message: str) -> None:
        self.notices.append(message)

    def failure(self, binding: str, message: str, hint: str | None) -> None:
        self.failures.append((message, hint))

    def _crashed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.crashes.append(context["message"] + "\n" + "".join(traceback.format_exception(error)))

    def call(self, function: Callable[[], Result]) -> Result:
        """Calls `function` in the proxy's own thread."""

        async def run() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def dsn(self, request: str | None = None, **parameters: str) -> str:
        user = f"{BINDING}.{request}" if request else BINDING
        query = "&".join(f"{name}={value}" for name, value in {"sslmode": "disable", **parameters}.items())
        database = self.config.origin.database
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.proxy.port}/{database}?{query}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        gc.collect()  # which is when exceptions that nobody looked at are told
        assert not self.crashes, "\n".join(self.crashes)


def pool_config(origin: Origin, **changes: Any) -> PoolConfig:
    """A plaintext config without caching, unless `changes` say otherwise."""
    defaults: dict[str, Any] = {
        "name": "test",
        "origin": origin,
        "tls": PLAINTEXT,
        "caching": Caching(disabled=True),
        "connection_limit": 5,
    }
    return PoolConfig(**{**defaults, **changes})


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Polls until `condition` gives something true. Raises AssertionError when it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def origin_of(server: PostgresServer, **changes: Any) -> Origin:
    defaults: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "database": server.database,
        "user": server.user,
        "password": server.user_password,
    }
    return Origin(**{**defaults, **changes})
