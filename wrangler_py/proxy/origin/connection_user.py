"""Users of an origin connection: a client, a client's login, or an internal query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from wrangler_py.proxy.failures import OriginUnavailable
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.settings import SessionSettings

Connection = TypeVar("Connection")


class ConnectionUser(ABC, Generic[Connection]):
    """Waits for an origin connection and uses it. `Connection` is `OriginConnection`, which imports this."""

    settings: SessionSettings
    last_origin: Connection | None = None
    """The connection that it used last. It gets it again without a reset if nobody else has used it since."""
    last_use: int = 0
    """The number of that use, as the connection counts them."""
    waiting: bool
    """For a connection that the pool has not given yet."""
    write_paused: bool
    """It takes no more answers for now."""

    @property
    def client_session(self) -> ClientSession | None:
        """A client's session; None for others, whose messages are not translated."""
        return None

    @property
    def request_id(self) -> str | None:
        """The id of the Worker's request that it belongs to."""
        session = self.client_session
        request = session.request if session is not None else None
        return request.id if request is not None else None

    waiting_since = 0.0
    """When it began to wait for the connection that it has, or 0 if it had one at once."""

    def starts_waiting(self, now: float) -> None:
        """The pool has no connection for it now."""
        self.waiting_since = now

    def take_wait(self, until: float) -> float:
        """How many seconds it has waited for the connection; counted once."""
        since, self.waiting_since = self.waiting_since, 0.0
        return max(0.0, until - since) if since else 0.0

    paused_s = 0.0
    """How long it has not taken what was sent to it; `take_paused` adds what goes on."""

    def take_paused(self) -> float:
        """How many seconds it has not taken what was sent to it; counted once."""
        return 0.0

    def uses(self, connection: Connection, number: int) -> None:
        """It is about to send its first query over `connection`, which counts this use as `number`."""
        self.last_origin = connection
        self.last_use = number

    @abstractmethod
    def released(self) -> None:
        """Its connection goes back to the pool."""

    @abstractmethod
    def granted(self, connection: Connection) -> None:
        """The pool gives it a connection, or what it waited for on its connection has ended."""

    @abstractmethod
    def origin_unavailable(self, error: OriginUnavailable) -> None:
        """The pool can't give it a connection."""

    @abstractmethod
    def origin_lost(self, *, told: bool, mid_message: bool) -> None:
        """Its connection was lost. `told`: the origin's own error was passed on."""

    def query_not_run(self, error: bytes | None) -> None:
        """Its query was not run, and its connection is of no use. It goes over another, or fails with `error`."""
        self.origin_lost(told=False, mid_message=False)

    @abstractmethod
    def lets_go(self) -> bool:
        """The origin is idle and everything is answered; whether the connection can go back to the pool."""

    @abstractmethod
    def write(self, data: bytes) -> None: ...
    @abstractmethod
    def pause_reading(self) -> None: ...
    @abstractmethod
    def resume_reading(self) -> None: ...


class ConnectionSource(Protocol[Connection]):
    """A pool, as seen by the users of its connections."""

    def checkout(self, client: ConnectionUser[Connection]) -> Connection | None:
        """A connection at once, or None: then `granted` or `origin_unavailable` is called later."""
