"""Combines a client's messages into groups: those up to a Sync or a Flush, or one simple query."""

from __future__ import annotations

from typing import Final

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend import FrontendReader, Piece
from wrangler_py.pgwire.frontend_kinds import EXTENDED, FLUSH, FUNCTION_CALL, QUERY, SYNC, TERMINATE
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.session.translation.ordinary_query import OrdinaryQuery

GROUP_BYTES: Final = 262_144
"""A longer group is sent before it is complete."""
MAX_WAITING_BYTES: Final = 1_048_576
"""The proxy stops reading from a client whose waiting groups take more."""

_NO_PIECE: Final[Piece] = (0, b"", 0)


class MessageGroup:
    """A group of messages, or else a `piece`: COPY data, Terminate, or a later piece of a long message.

    `closed`: the group has its last message. An `ordinary` query is cut into messages only when they are asked for.
    """

    __slots__ = ("_messages", "closed", "ordinary", "piece")

    def __init__(
        self,
        group: list[Piece] | None,
        closed: bool,
        piece: Piece = _NO_PIECE,
        ordinary: OrdinaryQuery | None = None,
    ) -> None:
        self._messages = group
        self.closed = closed
        self.piece = piece
        self.ordinary = ordinary

    @property
    def messages(self) -> list[Piece]:
        if self._messages is None:
            self._messages = self.ordinary.pieces() if self.ordinary is not None else []
        return self._messages

    @property
    def is_piece(self) -> bool:
        return self.ordinary is None and not self._messages

    @property
    def ends_with_sync(self) -> bool:
        return self.closed and self.messages[-1][0] == SYNC

    @property
    def size(self) -> int:
        """Its length in bytes."""
        if self.ordinary is not None:
            return len(self.ordinary.data)
        return len(self.piece[1]) + sum(len(data) for _, data, _ in self.messages)


class GroupReader:
    """Turns bytes into groups."""

    __slots__ = ("_bytes", "_open", "_reader", "is_between_groups")

    def __init__(self) -> None:
        self.is_between_groups = True
        """Whether everything that was read is in a group that has been given."""
        self._reader = FrontendReader()
        self._open: list[Piece] = []
        self._bytes = 0

    @property
    def has_open_group(self) -> bool:
        """Whether there are messages that no Sync or Flush follows yet."""
        return bool(self._open)

    def receive(self, data: bytes) -> list[MessageGroup]:
        """Raises ProtocolError for what can't be a message."""
        groups: list[MessageGroup] = []
        for piece in self._reader.receive(data):
            kind, message, missing = piece
            if kind in EXTENDED:
                self._open.append(piece)
                self._bytes += len(message)
                if missing or self._bytes > GROUP_BYTES:
                    groups.append(self._take(closed=False))
            elif kind in (SYNC, FLUSH):
                self._open.append(piece)
                groups.append(self._take(closed=kind == SYNC))
            else:
                if self._open and kind != TERMINATE:
                    groups.append(self._take(closed=False))
                if kind == QUERY and not missing and message.find(0, 5) != len(message) - 1:
                    raise ProtocolError("invalid message format")
                if kind in (QUERY, FUNCTION_CALL):
                    groups.append(MessageGroup([piece], True))
                else:
                    groups.append(MessageGroup([], False, piece))
        self.is_between_groups = not self._open and not self._reader.in_message
        return groups

    def end_group(self) -> MessageGroup | None:
        """The messages that no Sync or Flush follows, as if a Flush did."""
        if not self._open:
            return None
        self._open.append((FLUSH, messages.FLUSH, 0))
        group = self._take(closed=False)
        self.is_between_groups = not self._reader.in_message
        return group

    def forget(self) -> None:
        """Nothing becomes of the messages that no Sync or Flush follows."""
        self._open = []
        self._bytes = 0
        self.is_between_groups = not self._reader.in_message

    def _take(self, *, closed: bool) -> MessageGroup:
        group = MessageGroup(self._open, closed)
        self._open = []
        self._bytes = 0
        return group


class WaitingGroups:
    """Groups of a client that wait for an origin connection, or for the answer to another client's query."""

    __slots__ = ("_bytes", "_groups")

    def __init__(self) -> None:
        self._groups: list[MessageGroup] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._groups)

    @property
    def too_many(self) -> bool:
        return self._bytes > MAX_WAITING_BYTES

    @property
    def begins_with_ordinary(self) -> bool:
        return bool(self._groups) and self._groups[0].ordinary is not None

    def take_only_ordinary(self) -> OrdinaryQuery | None:
        """Takes an ordinary query with nothing behind it, if that is what waits."""
        if len(self._groups) != 1 or self._groups[0].ordinary is None:
            return None
        return self.take_all()[0].ordinary

    def add(self, group: MessageGroup) -> None:
        self._groups.append(group)
        self._bytes += group.size

    def first(self) -> list[MessageGroup]:
        """Those that belong together as the first: up to a Sync or the end of a query."""
        count = 0
        while count < len(self._groups) and not self._groups[count].closed:
            count += 1
        count += 1
        while count < len(self._groups) and self._groups[count].is_piece:
            count += 1  # the rest of a long message
        return self._groups[:count]

    def take_first(self) -> list[MessageGroup]:
        first = self.first()
        self._groups = self._groups[len(first) :]
        self._bytes -= sum(group.size for group in first)
        return first

    def take_all(self) -> list[MessageGroup]:
        groups, self._groups, self._bytes = self._groups, [], 0
        return groups
