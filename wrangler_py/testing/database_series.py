"""The databases of tests behind one or more bindings, a new one for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from wrangler_py.hyperdrive.config import Origin, TLSPolicy
from wrangler_py.testing.database_copies import DatabaseCopies
from wrangler_py.testing.messages import Isolation
from wrangler_py.testing.truncation import Truncation

Result = TypeVar("Result")


class DatabaseSeries:
    """A series of copies of the same template at the server of `origin`.

    The next copy is made while a test runs, and the one before is dropped meanwhile, so that a test seldom waits.
    """

    def __init__(
        self, origin: Origin, tls: TLSPolicy, administrative: Origin, *, isolation: Isolation, run: str, worker: str
    ) -> None:
        self.origin = origin
        self._tls = tls
        self._isolation = isolation
        self._new_copies = lambda: DatabaseCopies(origin, tls, administrative, run, worker)
        self._copies: DatabaseCopies | None = None
        self._truncation: Truncation | None = None
        self._making = ThreadPoolExecutor(1, "make-database")
        self._dropping = ThreadPoolExecutor(1, "drop-database")
        self._spare: asyncio.Future[str] | None = None
        self._shared: str | None = None
        self._fresh: str | None = None

    async def prepare(self, fill: Callable[[str], None]) -> None:
        """Make the template, which `fill` fills; it gets its name, on a thread."""
        self._copies = copies = await self._run(self._making, self._new_copies)
        await self._run(self._making, lambda: copies.prepare(fill))
        if self._isolation == "copy":
            self._make_spare()

    async def shared(self, point: Callable[[Origin], None]) -> None:
        """Call `point` with the database of those tests that asked for none of their own."""
        if self._shared is None:
            self._shared = await self._next()
            if self._isolation == "truncate":
                origin = self._at(self._shared)
                self._truncation = await self._run(self._making, lambda: Truncation(origin, self._tls))
        point(self._at(self._shared))
        self._drop_fresh()

    async def fresh(self, point: Callable[[Origin], None]) -> str:
        """Call `point` with a database as the template is, for one test; returns its name.

        With `truncate` it is the shared one, emptied.
        """
        if self._isolation == "truncate":
            if (truncation := self._truncation) is not None:
                await self._run(self._making, truncation.restore)
            await self.shared(point)
            assert self._shared is not None
            return self._shared
        name = await self._next()
        point(self._at(name))
        self._drop_fresh()
        self._fresh = name
        return name

    def _drop_fresh(self) -> None:
        """Drop the last fresh database in the background; it is no longer needed."""
        name, self._fresh = self._fresh, None
        copies = self._copies
        if name is not None and copies is not None:
            self._dropping.submit(copies.drop, name)

    async def close(self) -> None:
        """Drop all of them."""
        spare, self._spare = self._spare, None
        if spare is not None:
            await asyncio.gather(spare, return_exceptions=True)
        await asyncio.to_thread(self._dropping.shutdown)
        await asyncio.to_thread(self._making.shutdown)
        if self._truncation is not None:
            self._truncation.close()
        if self._copies is not None:
            await asyncio.to_thread(self._copies.close)

    async def _next(self) -> str:
        if self._spare is None:
            self._make_spare()
        assert self._spare is not None
        spare, self._spare = self._spare, None
        name = await spare
        if self._isolation == "copy":
            self._make_spare()
        return name

    def _make_spare(self) -> None:
        copies = self._copies
        assert copies is not None
        self._spare = asyncio.ensure_future(self._run(self._making, copies.make))

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _at(self, name: str) -> Origin:
        return replace(self.origin, database=name)
