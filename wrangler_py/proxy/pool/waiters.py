"""The clients that wait for a connection of a pool, the first come first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from wrangler_py.proxy.origin.connection import OriginConnection
from wrangler_py.proxy.origin.connection_user import ConnectionUser
from wrangler_py.session.settings import SessionSettings, SettingsKey

SWITCH_AFTER_S: Final = 0.05
"""A client that has waited so long is served before others for whose settings a connection is there already."""

User = ConnectionUser[OriginConnection]


class Waiter:
    """A client that waits for a connection, since when, and until when."""

    __slots__ = ("client", "deadline", "since")

    def __init__(self, client: User, since: float, timeout_s: float) -> None:
        self.client = client
        self.since = since
        self.deadline = since + timeout_s


class Waiters:
    """`queue` are those of one pool. The clock is an argument."""

    def __init__(self) -> None:
        self.queue: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def users(self) -> list[User]:
        """The clients that wait, the first come first."""
        return [waiter.client for waiter in self.queue if waiter.client.waiting]

    def add(self, client: User, now: float, timeout_s: float) -> None:
        client.starts_waiting(now)
        self.queue.append(Waiter(client, now, timeout_s))

    def remove(self, client: User) -> None:
        """`client` no longer waits."""
        for waiter in self.queue:
            if waiter.client is client:
                self.queue.remove(waiter)
                return

    def take_overdue(self, now: float) -> Iterator[User]:
        """Removes and returns the clients that have waited too long."""
        while self.queue and self.queue[0].deadline <= now:
            client = self.queue.popleft().client
            if client.waiting:
                yield client

    def take_all_of(self, key: SettingsKey) -> list[Waiter]:
        """Removes and returns the clients that wait for a connection with these settings."""
        taken = [waiter for waiter in self.queue if key_of(waiter.client) == key]
        self.queue = deque(waiter for waiter in self.queue if key_of(waiter.client) != key)
        return taken

    def take_for(
        self,
        connection: OriginConnection,
        baseline: SessionSettings | None,
        opening: Counter[SettingsKey],
        now: float,
    ) -> User | None:
        """Who gets `connection`: the first who waits for its settings, unless others have waited for too long.

        `opening` counts the connections that are being opened, by their settings.
        """
        waiters = self.queue
        while waiters and not waiters[0].client.waiting:
            waiters.popleft()
        if not waiters:
            return None
        if fits(connection, waiters[0].client, baseline):
            return waiters.popleft().client
        if now - waiters[0].since > SWITCH_AFTER_S and not opening[key_of(waiters[0].client)]:
            return None
        for position, waiter in enumerate(waiters):
            if waiter.client.waiting and fits(connection, waiter.client, baseline):
                del waiters[position]
                return waiter.client
        return None

    def unserved(self, opening: Counter[SettingsKey]) -> Iterator[Waiter]:
        """Those for whom no connection is being opened."""
        left = opening.copy()
        for waiter in list(self.queue):
            key = key_of(waiter.client)
            if left[key] > 0:
                left[key] -= 1
            else:
                yield waiter


def key_of(client: User) -> SettingsKey:
    """The settings that `client` asks for."""
    return client.settings.key if client.settings is not None else frozenset()


def fits(connection: OriginConnection, client: User, baseline: SessionSettings | None) -> bool:
    """Whether `connection` has the settings of `client`; those of a client without any are `baseline`."""
    wanted = client.settings or baseline
    settings = connection.session.settings
    return settings is wanted or (wanted is not None and settings.key == wanted.key)
