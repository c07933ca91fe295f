"""A query of the proxy's own, which waits for an origin connection like any client."""

from __future__ import annotations

from collections.abc import Callable

from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.connection_user import ConnectionSource, ConnectionUser
from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.proxy.origin_connection import OriginConnection
from wrangler_py.session.settings import SessionSettings


class InternalQuery(ConnectionUser[OriginConnection]):
    """Sends `data` under `settings`. `done` gets the group when it has ended, or None if it never began."""

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
