"""Proxies in front of the shared PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import ProxyServer, origin_of, pool_config

from wrangler_py.hyperdrive.config import Origin

StartProxy = Callable[..., ProxyServer]


@pytest.fixture
def start_proxy(postgres: PostgresServer) -> Iterator[StartProxy]:
    """Starts proxies: `config` has changes to the PoolConfig, the rest is ProxyOptions."""
    servers: list[ProxyServer] = []

    def start(origin: Origin | None = None, config: dict[str, Any] | None = None, **options: Any) -> ProxyServer:
        server = ProxyServer(pool_config(origin or origin_of(postgres), **(config or {})), **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def proxy(postgres: PostgresServer) -> Iterator[ProxyServer]:
    """One proxy with a pool of five, shared by the tests of a module."""
    server = ProxyServer(pool_config(origin_of(postgres)))
    yield server
    server.close()
