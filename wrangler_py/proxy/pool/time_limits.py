"""Time limits of statements at the origin, which are cancelled when they exceed them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy import failures
from wrangler_py.proxy.conditions import Conditions
from wrangler_py.proxy.options import ProxyOptions
from wrangler_py.proxy.origin.connect import cancel
from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.pool.background_tasks import BackgroundTasks
from wrangler_py.proxy.pool.caching import Caching

SLOW_READER_S = 1.0
"""Other clients stop waiting for the answer of a client that reads nothing for this long."""


class LimitedPool(Protocol):
    """The pool whose connections are watched."""

    binding: str
    options: ProxyOptions
    conditions: Conditions
    caching: Caching

    def notice(self, message: str) -> None: ...


class TimeLimits:
    """The time limits of one pool."""

    def __init__(self, pool: LimitedPool, tasks: BackgroundTasks) -> None:
        self._pool = pool
        self._tasks = tasks

    def check(self, connection: OriginConnection, now: float) -> None:
        """Cancels what has run for too long on `connection`, and closes it if that doesn't help."""
        queue = connection.stream.queue
        if not queue:
            connection.times_out(None)
            return
        client = connection.client
        if client is not None and client.write_paused and now - queue[0].sent_at > SLOW_READER_S:
            self._pool.caching.overtake(queue[0])
        options = self._pool.options
        if not connection.runs_too_long(
            now, statement_timeout_s=options.statement_timeout_s, abandoned_grace_s=options.abandoned_grace_s
        ):
            connection.times_out(None)
        elif connection.timed_out_at is None:
            connection.times_out(now)
            if not connection.is_abandoned:
                self._report(queue[0])
            self.cancel(connection)
        elif now - connection.timed_out_at > options.cancelled_grace_s:
            connection.abort()

    def _report(self, sent_group: SentGroup) -> None:
        limit = self._pool.options.statement_timeout_s
        sent_group.report_cancel_as(failures.statement_limit(limit))
        self._pool.notice(f"a statement on {self._pool.binding} ran longer than {limit:g} s and was cancelled")

    def cancel(self, connection: OriginConnection) -> asyncio.Task[None]:
        """Cancels what `connection` is running at the origin; done when the origin has passed that on."""
        connection.cancel_begins()
        return self._tasks.start(self._cancel(connection))

    async def _cancel(self, connection: OriginConnection) -> None:
        pool = self._pool
        try:
            if latency := pool.conditions.latency_of(pool.binding):  # it must not be there before the query
                await asyncio.sleep(2 * latency.longest_ms / 1000)
            await cancel(connection, pool.options.connect_timeout_s)
        finally:
            connection.cancel_ended()
