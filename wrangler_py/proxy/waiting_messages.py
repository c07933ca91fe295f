"""What a client has sent that waits: for an origin connection, or for someone else's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wrangler_py.pgwire.frontend import FrontendReader

if TYPE_CHECKING:
    from wrangler_py.pgwire.frontend import Piece
    from wrangler_py.proxy.fast_path import FastQuery
    from wrangler_py.proxy.forward import Group

MAX_BYTES = 1_048_576
"""A client whose messages take more is not read from until they have gone out."""


class Pending(NamedTuple):
    """A group, or a piece of a long message when the group is empty."""

    group: Group
    closed: bool
    piece: Piece = (0, b"", 0)


class WaitingMessages:
    """In the order in which they were sent."""

    def __init__(self) -> None:
        self.query: FastQuery | None = None
        """All there is, when it is one ordinary query: it is cut into messages only if it has to be."""
        self._items: list[Pending] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        return self.query is not None or bool(self._items)

    @property
    def too_many(self) -> bool:
        return self._bytes > MAX_BYTES

    def add(self, item: Pending) -> None:
        self._cut()
        self._items.append(item)
        self._bytes += _size(item)

    def first(self) -> list[Pending]:
        """Those that belong together as the first: up to a Sync or a query's end."""
        self._cut()
        count = 0
        while count < len(self._items) and not self._items[count].closed:
            count += 1
        count += 1
        while count < len(self._items) and not self._items[count].group:
            count += 1  # the rest of a long message
        return self._items[:count]

    def take_first(self) -> list[Pending]:
        first = self.first()
        self._items = self._items[len(first) :]
        self._bytes -= sum(map(_size, first))
        return first

    def take_all(self) -> list[Pending]:
        self._cut()
        items, self._items, self._bytes = self._items, [], 0
        return items

    def _cut(self) -> None:
        query, self.query = self.query, None
        if query is not None:
            self.add(Pending(FrontendReader().receive(query.data), closed=True))


def _size(item: Pending) -> int:
    return len(item.piece[1]) + sum(len(data) for _, data, _ in item.group)
