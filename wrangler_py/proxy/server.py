"""The listener of the proxy: accepts clients, has the pools, passes cancel requests on."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from typing import cast

from wrangler_py.cache.counts import QueryCounts
from wrangler_py.cache.stale_reads import WrittenTables
from wrangler_py.cache.store import CacheStore
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.open_files import FileReserve
from wrangler_py.pgwire.client_startup import LOGIN_HINT, Refused
from wrangler_py.pgwire.scram import QUICK_ITERATIONS, Verifier
from wrangler_py.proxy.client.connection import ClientConnection
from wrangler_py.proxy.client.login import Login
from wrangler_py.proxy.conditions import Conditions
from wrangler_py.proxy.database_pools import DatabasePools
from wrangler_py.proxy.observer import Observer
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.pool.caching import WrittenByDatabase
from wrangler_py.proxy.pool.pool import Pool
from wrangler_py.proxy.pool.snapshot import PoolSnapshot
from wrangler_py.proxy.worker_requests import Request, Requests
from wrangler_py.querylog.counts import ConfigCounts
from wrangler_py.querylog.log import QueryLog

BACKLOG = 4096
CANCEL_AGAIN_S = 0.005
MAX_CONNECTIONS_PER_REQUEST = 6
"""Workers documentation, Limits: simultaneous outgoing connections."""


class Proxy:
    """A pooling proxy on one port, with a pool for each binding.

    Clients log in as `BINDING`, or `BINDING.REQUEST` on behalf of a Worker's request, with `password`.
    A random one has at least 128 bits, so that deriving keys from it need not be slow.
    """

    def __init__(
        self,
        *,
        password: str,
        password_is_random: bool = False,
        observer: Observer | None = None,
        options: ProxyOptions | None = None,
    ) -> None:
        self.options = options or ProxyOptions()
        self.verifier = Verifier.of(password)
        self.quick_verifier = Verifier.of(password, iterations=QUICK_ITERATIONS) if password_is_random else None
        self.clients: set[Login | ClientConnection] = set()
        self.pools: dict[str, Pool] = {}
        self.host = ""
        self.port = 0
        self.observer = observer
        self.store = CacheStore(self.options.cache_max_bytes)
        self._written: WrittenByDatabase = defaultdict(WrittenTables)
        self.query_log = QueryLog(self.options.query_log_records, self.options.query_log_bytes)
        self.client_numbers: Iterator[int] = itertools.count(1)
        self.conditions = Conditions(self.options.latencies, self.options.faults, self.options.seed)
        self.conditions.subscribe(self._conditions_changed)
        self.requests = Requests()
        # What a pool's database was called before stays good: connection strings outlive a change of config.
        self._databases: dict[str, set[str]] = {}
        self._on_demand: dict[str, DatabasePools] = {}
        self._said: set[str] = set()
        self._by_process_id: dict[int, ClientConnection] = {}
        self._server: asyncio.Server | None = None
        self.files = FileReserve(self.notice)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens on `host`; port 0 takes a free one. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_login, host, port, backlog=BACKLOG)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    def _new_login(self) -> asyncio.Protocol:
        return cast(asyncio.Protocol, Login(self))

    async def close(self) -> None:
        """Ends every client and every origin connection."""
        if self._server is not None:
            self._server.close()
        for client in list(self.clients):
            client.transport.abort()
        for pool in list(self.pools.values()):
            await pool.close()
        for on_demand in list(self._on_demand.values()):
            await on_demand.close()

    # --- pools ---------------------------------------------------------------------------------------------

    def add_pool(self, binding: str, config: PoolConfig) -> None:
        pool = self.pools[binding] = self._new_pool(binding, config)
        self._databases[binding] = {config.origin.database}
        if self.options.any_database:
            new_pool = partial(self._new_pool, binding, counts=pool.caching.counts)
            self._on_demand[binding] = DatabasePools(pool, new_pool)

    def _new_pool(self, binding: str, config: PoolConfig, counts: ConfigCounts | None = None) -> Pool:
        shared = (
            self.options,
            self.store,
            self._written,
            self.requests,
            self.observer,
            self._said,
            self.query_log,
            self.conditions,
        )
        return Pool(binding, config, *shared, counts)

    def update_pool(self, binding: str, config: PoolConfig) -> None:
        """Takes effect at once, without closing a client."""
        if binding in self._on_demand:
            self._on_demand[binding].update(config)
        else:
            self.pools[binding].update(config)
        self._databases[binding].add(config.origin.database)

    async def remove_pool(self, binding: str) -> None:
        """Ends the clients of `binding` and its origin connections."""
        pool = self.pools.pop(binding)
        del self._databases[binding]
        on_demand = self._on_demand.pop(binding, None)
        pools = {pool, *(on_demand or ())}
        for client in list(self.clients):
            if client.pool in pools:
                client.transport.abort()
        await pool.close()
        if on_demand is not None:
            await on_demand.close()

    def snapshot(self) -> list[PoolSnapshot]:
        """Snapshots of the pools. Pools of other databases of the server follow their binding's own."""
        return [pool.snapshot() for pool in self._all_pools()]

    def restart(self, binding: str) -> None:
        """What the product's Restart does: closes every origin connection of `binding`. Queries under way may fail.

        Raises KeyError if there is no such binding.
        """
        for pool in self._on_demand.get(binding, (self.pools[binding],)):
            pool.restart()

    def _all_pools(self) -> list[Pool]:
        return [each for binding, pool in self.pools.items() for each in self._on_demand.get(binding, (pool,))]

    def _conditions_changed(self) -> None:
        for pool in self._all_pools():
            pool.conditions_changed()

    def notice(self, message: str) -> None:
        """Gives a notice to the user."""
        if self.observer is not None:
            self.observer.notice(message)

    def clear_cache(self) -> int:
        """Something has changed elsewhere: forgets every stored answer, and what statements and functions were
        like. Gives how many answers there were.
        """
        for pool in self._all_pools():
            pool.schema_changed()
        return self.store.clear()

    def changed_elsewhere(self) -> int:
        """Another program has changed the database, perhaps the default settings of sessions: replaces the
        connections, and forgets what `clear_cache` forgets. Returns the number of answers that were stored.
        """
        for pool in self._all_pools():
            pool.defaults_changed()
        return self.store.clear()

    # --- clients -------------------------------------------------------------------------------------------

    def login_begins(self, login: Login) -> None:
        """A client has connected."""
        self.clients.add(login)

    def login_ended(self, login: Login) -> None:
        """The client of `login` has logged in, or has disconnected."""
        self.clients.discard(login)
        if login.pool is not None:
            self.left(login.pool)
        if login.request is not None:
            login.request.remove(login)

    def admit(self, client: Login, parameters: Mapping[str, str]) -> tuple[Pool, Request | None]:
        """The pool, and the request, that an authenticated client belongs to. Raises Refused."""
        user = parameters["user"]
        binding, _, request_id = user.partition(".")
        pool = self.pools.get(binding)
        if pool is None:
            raise Refused("28000", f'no Hyperdrive binding "{binding}"', LOGIN_HINT)
        if parameters.get("replication", "false").lower() not in ("false", "off", "no", "0"):
            raise Refused("0A000", "Hyperdrive does not support replication connections")
        database = parameters.get("database", user)
        if self.options.any_database and parameters.get("database"):
            pool = self._on_demand[binding].pool(database)
        elif database != user and database not in self._databases[binding]:
            hint = f'Hyperdrive serves the config\'s database only: "{pool.config.origin.database}".'
            if self.options.serves_tools:
                hint += " With --any-database, it serves every database of the server."
            raise Refused("3D000", f'database "{database}" does not exist', hint)
        if not request_id:
            return pool, None
        request = self.requests.enter(request_id)
        if request is None:
            if self.options.allow_global_clients:
                return pool, None
            raise request_over()
        if self.requests.add_client(request, client) == MAX_CONNECTIONS_PER_REQUEST + 1:
            name = self.requests.label(request.id) or f"request {request.id}"
            self.notice(
                f"{name} has more than six connections at once: a request in production has at most six "
                "outgoing connections, and later ones wait"
            )
        return pool, request

    def enter(self, client: ClientConnection) -> int:
        """`client` has logged in; returns the process id of its cancel key."""
        self.clients.add(client)
        client.pool.clients.add(client.queries)
        if client.request is not None:
            client.request.add(client)
        process_id = secrets.randbelow(2**31 - 1) + 1
        while process_id in self._by_process_id:
            process_id = secrets.randbelow(2**31 - 1) + 1
        self._by_process_id[process_id] = client
        return process_id

    def leave(self, client: ClientConnection) -> None:
        """`client` has disconnected."""
        self.clients.discard(client)
        client.pool.clients.discard(client.queries)
        self.left(client.pool)
        self._by_process_id.pop(client.process_id, None)
        if client.request is not None:
            client.request.remove(client)

    def left(self, pool: Pool) -> None:
        """A client of `pool` is gone, or one that was about to be admitted to it."""
        if self._on_demand and not pool.clients:
            asyncio.get_running_loop().call_soon(self._end_if_unused, pool)

    def _end_if_unused(self, pool: Pool) -> None:
        on_demand = self._on_demand.get(pool.binding)
        if on_demand is not None and not any(client.pool is pool for client in self.clients):
            on_demand.unused(pool)

    async def cancel(self, process_id: int, secret: bytes) -> None:
        """A cancel request: passed on if the key is right and the client has a query under way.

        Returns when the origin has passed it on, too.
        """
        client = self._by_process_id.get(process_id)
        if client is None or not hmac.compare_digest(client.secret, secret):
            return
        queries = client.queries
        while (origin := queries.origin) is not None:
            queue = origin.stream.queue
            if queue and queue[0].owner is queries:
                await asyncio.wait([client.pool.cancel(origin)])
                return
            if not queue and not queries.waiting:
                return
            await asyncio.sleep(CANCEL_AGAIN_S)  # the connection is still being prepared for its query
        if queries.waiting:
            queries.cancel_waiting()

    # --- requests ------------------------------------------------------------------------------------------

    def name_request(self, request_id: str, label: str) -> None:
        """Sets the name of a request (`GET /articles`) for later messages."""
        self.requests.name(request_id, label)
        self.query_log.name_request(request_id, label)

    def end_request(self, request_id: str) -> QueryCounts:
        """The Worker's request is over: closes what it left open, as Hyperdrive does, and gives its counts."""
        request = self.requests.end(request_id)
        self.query_log.end_request(request_id)
        if request is None:
            return QueryCounts()
        if self.options.allow_global_clients:
            for client in request.clients:
                client.forget_request()
        else:
            _close_clients(request)
        return request.counts

    def close_global_clients(self, scope_id: str) -> None:
        """No request is under way: closes what was connected with the string that the Worker's global scope got."""
        scope = self.requests.get(scope_id)
        if scope is not None and not self.options.allow_global_clients:
            _close_clients(scope)


def _close_clients(request: Request) -> None:
    for client in list(request.clients):
        client.refuse(request_over().response)


def request_over() -> Refused:
    return Refused(
        "57P01",
        "This database connection belongs to a request that has ended.",
        "Create the database client inside the handler, once per request, not in the global scope.",
    )
