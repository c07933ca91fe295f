"""The sources of the dashboard: a running local Hyperdrive, if there is one, and the project it belongs to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wrangler_py.console import Messages
from wrangler_py.dashboard.pool_history import PoolHistory
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.proxy.server import Proxy


class Served(Protocol):
    """The local Hyperdrive."""

    @property
    def proxy(self) -> Proxy: ...
    @property
    def pools(self) -> Mapping[str, PoolConfig]: ...
    def connection_string(self, binding: str) -> str: ...


@dataclass(frozen=True, slots=True)
class ProjectPlace:
    """Where the Worker's config file is, and the environment that is used."""

    path: Path
    environment: str | None = None


class Sources:
    """`served` is None for a dashboard without a session: it has the configs only.

    Changes made on the page are reported to `messages`, for the person at the terminal.
    """

    def __init__(
        self, *, messages: Messages, served: Served | None = None, project: ProjectPlace | None = None
    ) -> None:
        self.served = served
        self.project = project
        self.messages = messages
        self.started_at = time.time()
        self.history = None if served is None else PoolHistory(served.proxy)

    def open(self) -> None:
        """Begin to follow the pools."""
        if self.history is not None:
            self.history.start()

    async def close(self) -> None:
        if self.history is not None:
            self.history.stop()
