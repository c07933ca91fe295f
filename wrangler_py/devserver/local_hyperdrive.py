"""The local Hyperdrive by itself: the proxy with a pool for each binding, for any client on this machine."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote

from wrangler_py.devserver.origins import Origins
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.hyperdrive.local import VARIABLE_PREFIXES, ResolvedBinding
from wrangler_py.proxy import Proxy, QueryEvent

LOOPBACK = "127.0.0.1"

_MISLEADING = ("PGHOSTADDR", "PGSERVICE", "PGCHANNELBINDING", "PGSSLNEGOTIATION")
"""What would lead libpq elsewhere than the other variables say, or ask for what takes TLS."""


class LocalHyperdrive:
    """Serves `bindings` inside an `async with` block, which starts the embedded PostgreSQL if one needs it.

    A client logs in with the binding's name and `password`, a random one by default. `say` gets each thing a
    person should know, one line; `on_query` each query that has ended. Entering raises `WranglerError` if
    the port (0: any free one) is taken or the embedded PostgreSQL does not start.
    """

    def __init__(
        self,
        bindings: Sequence[ResolvedBinding],
        *,
        root: Path,
        state: Path,
        say: Callable[[str], None],
        on_query: Callable[[QueryEvent], None] | None = None,
        adjust: Callable[[PoolConfig], PoolConfig] = lambda pool: pool,
        port: int = 0,
        password: str | None = None,
    ) -> None:
        self.bindings = tuple(bindings)
        self.pools: dict[str, PoolConfig] = {}
        self._schema = root / "schema.sql"
        self._say = say
        self._on_query = on_query
        self._adjust = adjust
        self._port = port
        self._password = password or secrets.token_urlsafe(24)
        self._origins = Origins(state)
        self._proxy: Proxy | None = None

    async def __aenter__(self) -> Self:
        self._proxy = Proxy(password=self._password, observer=self)
        try:
            await self._start(self._proxy)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the clients, the origin connections and what was started for them; harmless when repeated."""
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            await asyncio.gather(proxy.close(), self._origins.stop(), return_exceptions=True)

    def connection_string(self, binding: str) -> str:
        """What a client of `binding` connects with; the password in it is the proxy's, not the origin's."""
        login = f"{quote(binding, safe='')}:{quote(self._password, safe='')}"
        database = quote(self.pools[binding].origin.database, safe="")
        return f"postgresql://{login}@{LOOPBACK}:{self._running.port}/{database}?sslmode=disable"

    def wrangler_variables(self) -> dict[str, str]:
        """The variables by which `wrangler dev` learns of local databases, the deprecated ones included."""
        return {
            prefix + binding: self.connection_string(binding)
            for binding in self.pools
            for prefix in VARIABLE_PREFIXES
        }

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited` with the connection in every form programs look for: the first binding's, and wrangler's
        variables for each."""
        first = next(iter(self.pools))
        string = self.connection_string(first)
        kept = {name: value for name, value in inherited.items() if name not in _MISLEADING}
        return {
            **kept,
            **self.wrangler_variables(),
            "HYPERDRIVE_CONNECTION_STRING": string,
            "DATABASE_URL": string,
            "PGHOST": LOOPBACK,
            "PGPORT": str(self._running.port),
            "PGUSER": first,
            "PGPASSWORD": self._password,
            "PGDATABASE": self.pools[first].origin.database,
            "PGSSLMODE": "disable",
        }

    # What the proxy reports

    def query(self, event: QueryEvent) -> None:
        if self._on_query is not None:
            self._on_query(event)

    def notice(self, message: str) -> None:
        self._say(message)

    @property
    def _running(self) -> Proxy:
        if self._proxy is None:
            raise RuntimeError("the local Hyperdrive does not run")
        return self._proxy

    async def _start(self, proxy: Proxy) -> None:
        try:
            await proxy.start(LOOPBACK, self._port)
        except OSError as error:
            raise WranglerError(
                f"The local Hyperdrive cannot listen on port {self._port}: {error.strerror}.",
                hint="Choose another port, or leave it out for any free one.",
            ) from None
        resolved = await self._origins.pools(self.bindings)
        for databases in await self._origins.apply_schema(self.bindings, self._schema):
            self._say(f"Applied {self._schema.name} to {databases}.")
        self.pools = {binding: self._adjust(pool) for binding, pool in resolved.items()}
        for binding, pool in self.pools.items():
            proxy.add_pool(binding, pool)
