"""What a client has sent that waits for an origin connection, or for someone else's answer."""

from __future__ import annotations

from wrangler_py.pgwire.frontend import Piece
from wrangler_py.session.translation.ordinary_query import OrdinaryQuery

MAX_BYTES = 1_048_576
"""The proxy stops reading from a client whose waiting messages take more."""

NO_PIECE: Piece = (0, b"", 0)


class Pending:
    """A group of messages, or a piece of a long message when there is no group.

    `closed`: the group has its last message. An ordinary query is cut into messages only when they are asked for.
    """

    __slots__ = ("_group", "closed", "ordinary", "piece")

    def __init__(
        self,
        group: list[Piece] | None,
        closed: bool,
        piece: Piece = NO_PIECE,
        ordinary: OrdinaryQuery | None = None,
    ) -> None:
        self._group = group
        self.closed = closed
        self.piece = piece
        self.ordinary = ordinary

    @property
    def group(self) -> list[Piece]:
        if self._group is None:
            self._group = self.ordinary.pieces() if self.ordinary is not None else []
        return self._group

    @property
    def is_piece(self) -> bool:
        return self.ordinary is None and not self._group

    @property
    def size(self) -> int:
        if self.ordinary is not None:
            return len(self.ordinary.data)
        return len(self.piece[1]) + sum(len(data) for _, data, _ in self.group)


class WaitingMessages:
    """In the order in which they were sent."""

    __slots__ = ("_bytes", "_items")

    def __init__(self) -> None:
        self._items: list[Pending] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def too_many(self) -> bool:
        return self._bytes > MAX_BYTES

    @property
    def begins_with_ordinary(self) -> bool:
        return bool(self._items) and self._items[0].ordinary is not None

    def add(self, item: Pending) -> None:
        self._items.append(item)
        self._bytes += item.size

    def first(self) -> list[Pending]:
        """Those that belong together as the first: up to a Sync or the end of a query."""
        count = 0
        while count < len(self._items) and not self._items[count].closed:
            count += 1
        count += 1
        while count < len(self._items) and self._items[count].is_piece:
            count += 1  # the rest of a long message
        return self._items[:count]

    def take_first(self) -> list[Pending]:
        first = self.first()
        self._items = self._items[len(first) :]
        self._bytes -= sum(item.size for item in first)
        return first

    def take_all(self) -> list[Pending]:
        items, self._items, self._bytes = self._items, [], 0
        return items
