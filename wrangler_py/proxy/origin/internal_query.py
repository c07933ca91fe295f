"""Internal queries of the proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wrangler_py.hyperdrive.config import PoolConfig
from wrangler_py.pgwire import messages
from wrangler_py.pgwire.client_startup import Refused
from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy import failures
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.origin.connection import Collector, OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionSource, ConnectionUser
from wrangler_py.session.settings import SessionSettings


class InternalQuery(ConnectionUser[OriginConnection]):
    """Waits for an origin connection like any client, and sends `data` under `settings`.

    `done` gets the group when it has ended, or None if it never began.
    """

    def __init__(
        self,
        source: ConnectionSource[OriginConnection],
        settings: SessionSettings,
        data: bytes,
        sent_group: SentGroup,
        done: Callable[[SentGroup | None], None],
    ) -> None:
        self.settings = settings
        self.waiting = True
        self.origin: OriginConnection | None = None
        self.write_paused = False
        self._data = data
        self._group = sent_group
        self._done = done
        self._sent = False
        sent_group.call_at_end(done)
        connection = source.checkout(self)
        if connection is not None:
            self.granted(connection)

    def granted(self, connection: OriginConnection) -> None:
        self.waiting = False
        self.origin = connection
        connection.prepare_for(self)
        connection.session.runs_own_query()
        self._sent = True
        connection.send(self._group, self._data)

    def released(self) -> None:
        self.origin = None

    def lets_go(self) -> bool:
        return True

    def origin_unavailable(self, error: OriginUnavailable) -> None:
        self.waiting = False
        self._done(None)

    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        if not self._sent:
            self._done(None)

    def write(self, data: bytes) -> None:
        """Answers are captured, not sent anywhere."""

    def pause_reading(self) -> None:
        """There is nothing to read from."""

    def resume_reading(self) -> None:
        """There is nothing to read from."""


async def run_on(connection: OriginConnection, sql: str, config: PoolConfig) -> list[list[str | None]]:
    """Runs `sql` on a connection that the caller has, and gives the rows of its last result.

    Raises Refused with the server's own error, OriginUnavailable when the connection is lost meanwhile.
    """
    collector = Collector()
    ended: asyncio.Future[SentGroup] = asyncio.get_running_loop().create_future()

    def done(sent_group: SentGroup) -> None:
        if not ended.done():
            ended.set_result(sent_group)

    connection.run(sql, done, collector)
    sent_group = await ended
    if sent_group.error == b"":
        raise failures.connection_attempt_failed(config, "connection_lost")
    if sent_group.error is not None:
        fields = messages.parse_report(sent_group.error[5:])
        raise Refused(fields.get("C", "XX000"), fields.get("M", ""), fields.get("H"))
    return messages.text_rows(collector.data)
