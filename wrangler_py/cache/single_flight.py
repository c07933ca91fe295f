"""Many that miss on one key at once make one query: the first leads, the others wait for its answer."""

from __future__ import annotations

from typing import Generic, TypeVar

from wrangler_py.cache.keys import CacheKey

Follower = TypeVar("Follower")


class SingleFlight(Generic[Follower]):
    """Who leads and who follows, by key. A `Follower` is whatever the caller needs to resume one that waits."""

    def __init__(self) -> None:
        self._flights: dict[CacheKey, list[Follower]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def lead(self, key: CacheKey) -> bool:
        """Whether nobody leads yet: then the caller does, and must `land`, whatever happens to its query."""
        if key in self._flights:
            return False
        self._flights[key] = []
        return True

    def follow(self, key: CacheKey, follower: Follower) -> None:
        """Wait with the others; there must be a leader."""
        self._flights[key].append(follower)

    def leave(self, key: CacheKey, follower: Follower) -> None:
        """A follower goes away before the landing."""
        followers = self._flights.get(key, [])
        if follower in followers:
            followers.remove(follower)

    def land(self, key: CacheKey) -> list[Follower]:
        """The leader's query has ended: those to wake, in order of arrival.

        If there is an answer now, it is theirs. If the query failed, each runs its own (or the first leads again):
        an error is one client's.
        """
        return self._flights.pop(key, [])
