"""The session settings that clients of a pool ask for at start-up, and what they come to at the origin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionUser
from wrangler_py.session.settings import APPLICATION_NAME, SessionSettings, SettingsKey, probe

MAX_KNOWN_SETTINGS = 1_000
"""Distinct sets of session settings remembered per pool."""

_ASKED_BY_MOST = frozenset({"client_encoding", "extra_float_digits"})
"""What drivers ask for whether or not it is the default. It shares connections if it is: such defaults don't change
while a session lasts. Any other value holds for its client whatever becomes of the default."""

_SET_FOR_ROLES = frozenset({
    "client_encoding", "datestyle", "default_transaction_read_only", "intervalstyle", "search_path",
    "standard_conforming_strings", "timezone",
})  # fmt: skip
"""Reported settings that ALTER ROLE and ALTER DATABASE can change for sessions to come."""

Rows = list[list[str | None]]
Run = Callable[[OriginConnection, str], Awaitable[Rows]]


class StartingClient(ConnectionUser[OriginConnection], ABC):
    """A client that asks for session settings."""

    @abstractmethod
    async def wait_for_origin(self) -> OriginConnection:
        """A connection, to try the settings on. Raises OriginUnavailable."""

    @abstractmethod
    def settings_tried(self, connection: OriginConnection) -> None:
        """The settings were tried on `connection`, which goes back to the pool."""


class ClientSettings:
    """`baseline` are the settings of a client that asks for none, known once a connection has been opened.

    Clients with equal settings have the same object.
    """

    def __init__(self) -> None:
        self.baseline: SessionSettings = None  # type: ignore[assignment]
        self._by_request: OrderedDict[SettingsKey, SessionSettings] = OrderedDict()
        self._by_values: dict[SettingsKey, SessionSettings] = {}

    def forget(self) -> None:
        """The config leads to another origin."""
        self.baseline = None  # type: ignore[assignment]
        self._by_request.clear()
        self._by_values.clear()

    def of_connection(self, settings: SessionSettings | None, parameters: dict[str, str]) -> SessionSettings:
        """The settings of a connection that was opened with `settings` and reports `parameters`."""
        if settings is not None and settings.values:
            return settings
        if self.baseline is None:
            self.baseline = SessionSettings({}, dict(parameters))
            self._by_values[frozenset()] = self.baseline
        return self.baseline

    async def settings_for(self, client: StartingClient, requested: dict[str, str], run: Run) -> SessionSettings:
        """The session settings of a client that asks for `requested` at start-up.

        The origin is asked only the first time; `run` runs a query there and gives the rows. Raises
        OriginUnavailable, and Refused with the server's own words for a setting that it doesn't take.
        """
        requested = {name: value for name, value in requested.items() if name != "application_name"}
        key = frozenset(requested.items())
        known = self._by_request.get(key)
        if known is not None:
            self._by_request.move_to_end(key)
            return known
        if not requested and self.baseline is not None:
            return self.baseline
        while True:
            connection = await client.wait_for_origin()
            try:
                known = await self._probe(connection, requested, run) if requested else self.baseline
            finally:
                current = not connection.retired
                if connection.client is client:
                    client.settings_tried(connection)
                    connection.release()
            if current:
                break
        if requested:
            self._by_request[key] = known
            if len(self._by_request) > MAX_KNOWN_SETTINGS:
                self._by_request.popitem(last=False)
        return known

    async def _probe(self, connection: OriginConnection, requested: dict[str, str], run: Run) -> SessionSettings:
        connection.session.leave_dirty()  # also if the client goes away meanwhile
        rows = await run(connection, probe(requested))
        assert rows
        before, now = rows[0][0::2], rows[0][1::2]
        values = {
            name: value or ""
            for name, old, value in zip(requested, before, now, strict=True)
            if old != value or name not in _ASKED_BY_MOST
        }
        if not values:
            return self.baseline
        key = frozenset(values.items())
        known = self._by_values.get(key)
        if known is None:
            parameters = {**connection.stream.parameters, "application_name": APPLICATION_NAME}
            known = self._by_values[key] = SessionSettings(values, parameters)
        return known

    def defaults_changed(self) -> None:
        """Sessions to come have other settings, which may not be reported."""
        self._by_request.clear()  # what clients ask for may have been the default, and no longer be
        for settings in self._by_values.values():
            settings.defaults_changed({})

    def defaults_are(
        self, settings: SessionSettings, parameters: dict[str, str], *, at_start: bool
    ) -> dict[str, str]:
        """Takes note of what a connection with `settings` reports while it is clean; returns what has changed.

        `at_start`: it was opened just now. Of others than this one, other settings may hold, if an address leads to
        several servers, so only what a role or a database can have set counts.
        """
        known = settings.parameters
        changes = {
            name: value
            for name, value in parameters.items()
            if known.get(name) != value
            and name.lower() not in settings.values
            and (name.lower() in _SET_FOR_ROLES if at_start or settings.values else True)
        }
        if changes:
            for each in {settings, *self._by_values.values()}:
                each.defaults_changed(changes)
        return changes
