"""Starts the peers when a row first needs them, and ends them all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

from support.postgres_server import PostgresServer

from benchmarks.figures import COMPILED, OURS
from benchmarks.peers.endpoint import Endpoint
from benchmarks.peers.node import NodePackages, install_node_packages
from benchmarks.peers.pgbouncer import POOL_SIZE, find_pgbouncer, run_pgbouncer, version_of
from benchmarks.peers.postgres import endpoint_of, run_postgres
from benchmarks.peers.proxy import run_proxy
from benchmarks.settings import Settings

POSTGRES = "PostgreSQL"
PGBOUNCER = "PgBouncer"
WRANGLER = "wrangler"
CACHED = "wrangler-py, cached"
CACHED_COMPILED = "wrangler-py, cached, compiled"
COMPILED_SITE = Path(__file__).parents[1] / ".cache" / "compiled" / "site"
"""Where `scripts/compiled` puts the compiled build."""


class Lab:
    """`say` gets what is being measured, as a line; `pgbouncer` and `node` are None where they are missing.

    With `compiled`, the compiled build is measured, too, where that may make a difference.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None], *, compiled: bool = False) -> None:
        self.settings = settings
        self.say = say
        self._compiled = compiled
        self._running = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @cached_property
    def server(self) -> PostgresServer:
        self.say("starting PostgreSQL")
        return self._running.enter_context(run_postgres())

    @property
    def direct(self) -> Endpoint:
        return endpoint_of(self.server)

    @cached_property
    def pgbouncer_program(self) -> Path | None:
        return find_pgbouncer()

    @cached_property
    def pgbouncer(self) -> Endpoint | None:
        return self.another_pgbouncer()

    def another_pgbouncer(self) -> Endpoint | None:
        if self.pgbouncer_program is None:
            return None
        return self._running.enter_context(run_pgbouncer(self.pgbouncer_program, self.server))

    @property
    def pgbouncer_prepares(self) -> bool:
        """Whether PgBouncer knows prepared statements in transaction mode (since 1.21)."""
        return self.pgbouncer_program is not None and version_of(self.pgbouncer_program) >= (1, 21)

    @cached_property
    def proxy(self) -> Endpoint:
        return self.another_proxy()

    def another_proxy(self) -> Endpoint:
        return self._running.enter_context(run_proxy(self.server, caching=False))

    def proxy_with(self, *options: str, caching: bool = False, pool_size: int = POOL_SIZE) -> Endpoint:
        """One that is started with other options."""
        return self._running.enter_context(run_proxy(self.server, *options, caching=caching, pool_size=pool_size))

    @cached_property
    def compiled_proxy(self) -> Endpoint | None:
        if not self._compiled:
            return None
        return self._running.enter_context(run_proxy(self.server, caching=False, site=COMPILED_SITE))

    @cached_property
    def cached_proxy(self) -> Endpoint:
        return self._running.enter_context(run_proxy(self.server, caching=True))

    @cached_property
    def cached_compiled_proxy(self) -> Endpoint | None:
        if not self._compiled:
            return None
        return self._running.enter_context(run_proxy(self.server, caching=True, site=COMPILED_SITE))

    @cached_property
    def node(self) -> NodePackages | None:
        return install_node_packages(self.say)

    def poolers(self) -> dict[str, Endpoint]:
        """The poolers there are, in the order they are measured."""
        found = {PGBOUNCER: self.pgbouncer, OURS: self.proxy, COMPILED: self.compiled_proxy}
        return {name: endpoint for name, endpoint in found.items() if endpoint is not None}

    def ways_to_cached_reads(self) -> dict[str, Endpoint]:
        """PostgreSQL itself, PgBouncer, and the proxies that cache."""
        found = {
            POSTGRES: self.direct,
            PGBOUNCER: self.pgbouncer,
            CACHED: self.cached_proxy,
            CACHED_COMPILED: self.cached_compiled_proxy,
        }
        return {name: endpoint for name, endpoint in found.items() if endpoint is not None}

    def ways_to_the_database(self) -> dict[str, Endpoint]:
        """PostgreSQL itself, and the poolers."""
        return {POSTGRES: self.direct, **self.poolers()}
