"""If several clients miss on one key, the first (the leader) asks the origin; the others wait for its answer."""

from __future__ import annotations

from typing import Generic, TypeVar

from wrangler_py.cache.keys import CacheKey

Follower = TypeVar("Follower")


class SingleFlight(Generic[Follower]):
    """Leaders and followers, by key. A `Follower` is any object by which the caller resumes a waiting client."""

    def __init__(self) -> None:
        self._flights: dict[CacheKey, list[Follower]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def lead(self, key: CacheKey) -> bool:
        """Whether the caller becomes the leader. Then it must call `land`, whatever happens to its query."""
        if key in self._flights:
            return False
        self._flights[key] = []
        return True

    def follow(self, key: CacheKey, follower: Follower) -> None:
        """Wait for the leader, which must exist."""
        self._flights[key].append(follower)

    def leave(self, key: CacheKey, follower: Follower) -> None:
        """A follower stops waiting before the leader's query has ended."""
        followers = self._flights.get(key, [])
        if follower in followers:
            followers.remove(follower)

    def land(self, key: CacheKey) -> list[Follower]:
        """The leader's query has ended; returns the followers to resume, in order of arrival.

        If there is an answer now, it is theirs. If the query failed, each runs its own (or the first leads again):
        an error is one client's.
        """
        return self._flights.pop(key, [])
