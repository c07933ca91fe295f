"""What an origin connection knows of the pool that it belongs to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from wrangler_py.pgwire.outstanding_requests import SentGroup
from wrangler_py.proxy.origin.write_queue import WriteQueue
from wrangler_py.session.query_run import QueryRun
from wrangler_py.session.settings import SessionSettings
from wrangler_py.session.shared import SharedState

Connection = TypeVar("Connection")


class ConnectionOwner(ABC, Generic[Connection]):
    """The pool of an origin connection. `Connection` is `OriginConnection`, which imports this."""

    shared: SharedState
    writes: WriteQueue

    @property
    @abstractmethod
    def baseline(self) -> SessionSettings:
        """The settings of a connection for which nobody asked for any."""

    @abstractmethod
    def available(self, connection: Connection) -> None:
        """The connection is clean and nobody's."""

    @abstractmethod
    def not_idle(self, connection: Connection) -> None:
        """The connection waits for its next use, and is not to be used for now."""

    @abstractmethod
    def replace(self, connection: Connection) -> None:
        """Nobody can use the connection any more."""

    @abstractmethod
    def connection_lost(self, connection: Connection) -> None: ...
    @abstractmethod
    def group_ended(self, connection: Connection, sent_group: SentGroup, status: int) -> None:
        """A group with queries has ended, in the transaction status `status`; 0 if it was cut off."""

    @abstractmethod
    def schema_changed(self) -> None: ...
    @abstractmethod
    def code_was_made_elsewhere(self) -> None: ...
    @abstractmethod
    def reports_defaults(self, connection: Connection, *, at_start: bool = False) -> None:
        """The connection reports other parameters than before, of which clients have changed none."""

    @abstractmethod
    def defaults_changed(self) -> None:
        """Somebody has changed the settings of sessions to come."""

    @abstractmethod
    def notice(self, message: str) -> None: ...
    @abstractmethod
    def say_rolled_back(self, writes: list[QueryRun]) -> None: ...
