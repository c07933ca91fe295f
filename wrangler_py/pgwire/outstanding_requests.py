"""What was sent to an origin, and what is to become of its answers; `pgwire.origin_stream` follows those.

An *sent_group* is all that is sent up to a Sync, a simple query or a function call, and ends with its
ReadyForQuery. Several may be under way on one connection. Most sent groups are *plain*: what comes back goes to
the client as it is, and only ReadyForQuery and the few asynchronous messages are looked at. When the proxy
sent something of its own, or kept something back, the group has *outstanding requests*, one a message, that say
for each
answer whether it is passed on, skipped, or replaced, and where an answer is faked.

Source: PostgreSQL documentation, "Message Flow", above all "Extended Query", "Pipelining" and "COPY Operations".
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class Action(enum.Enum):
    FORWARD = enum.auto()
    """Pass the answer on."""
    SKIP = enum.auto()
    """The message was the proxy's own; the client must not see its answer."""
    FAKE = enum.auto()
    """Nothing was sent; `payload` is the answer."""
    REPLACE = enum.auto()
    """Something harmless was sent in the place of the client's message. `payload` replaces what ends its answer:
    the error when `payload` is one (it was meant to fail), the last message otherwise."""


class Receiver(Protocol):
    """Whoever gets the answers to an group."""

    def write(self, data: bytes) -> None: ...


class OutstandingRequest:
    """One message of an group.

    `finals` are the kinds of answer that end it. `name` and `statement` let the owner keep its books: see
    `SentGroup.unfinished`. `learns` gets to see every answer, whole. `undo` takes back what the owner has noted as
    done, should the origin skip it.
    """

    __slots__ = ("action", "finals", "learns", "name", "payload", "statement", "undo")

    def __init__(
        self,
        finals: bytes,
        action: Action = Action.FORWARD,
        payload: bytes = b"",
        name: bytes | None = None,
        statement: Any = None,
        learns: Callable[[bytes], None] | None = None,
        undo: Callable[[], object] | None = None,
    ) -> None:
        self.finals = finals
        self.action = action
        self.payload = payload
        self.name = name
        self.statement = statement
        self.learns = learns
        self.undo = undo


PARSE = b"1"
BIND = b"2"
CLOSE = b"3"
DESCRIBE = b"Tn"
EXECUTE = b"CIs"
READY = b"Z"

OUTSTANDING_BIND = OutstandingRequest(BIND)
OUTSTANDING_CLOSE = OutstandingRequest(CLOSE)
OUTSTANDING_DESCRIBE = OutstandingRequest(DESCRIBE)
OUTSTANDING_EXECUTE = OutstandingRequest(EXECUTE)
OUTSTANDING_READY = OutstandingRequest(READY)


class EarlyEnd(NamedTuple):
    """The end of COPY data, behind so many of the group's outstanding, and behind so many Syncs among the data."""

    outstanding: int
    syncs: int


class SentGroup:
    """One message group under way.

    `owner` gets the answers (None: nobody), and `done` is called at the end. `outstanding` is None for a plain
    group. `closed` says that the message that ends the group was sent. `error` is the first ErrorResponse, and
    `unfinished` are then the requests that the origin skipped, the failed one first. `query_from` is the index of
    the first request of a simple query behind extended ones. `early_ends` are the ends of COPY data that were sent
    before the origin asked for data. `ignored_syncs` counts the Syncs that the origin ignores unless the COPY fails
    before it reads them, and `absorbed` says that more than Syncs was sent behind one of those. `sent`, `sent_at`,
    `answered_bytes`, `capture` and `queries` are for the sender's use. `when_cancelled` replaces the error with
    which the origin reports a cancel. `expected` is the whole answer if nothing fails, for a group that has neither
    owner nor requests: such an answer is only compared, and `done` is not called.
    """

    __slots__ = (
        "absorbed",
        "answered_bytes",
        "capture",
        "closed",
        "cursor",
        "done",
        "early_ends",
        "error",
        "expected",
        "failed",
        "ignored_syncs",
        "outstanding",
        "owner",
        "queries",
        "query_from",
        "sent",
        "sent_at",
        "simple",
        "unfinished",
        "when_cancelled",
    )  # fmt: skip
    sent: bytes

    def __init__(
        self,
        owner: Receiver | None,
        *,
        simple: bool = False,
        closed: bool = True,
        outstanding: list[OutstandingRequest] | None = None,
        done: Callable[[SentGroup], None] | None = None,
    ) -> None:
        self.owner = owner
        self.simple = simple
        self.closed = closed
        self.outstanding = outstanding
        self.done = done
        self.cursor = 0
        self.error: bytes | None = None
        self.failed = False
        self.unfinished: list[OutstandingRequest] = []
        self.query_from: int | None = None
        self.early_ends: tuple[EarlyEnd, ...] = ()
        self.ignored_syncs = 0
        self.absorbed = False
        self.when_cancelled = b""
        self.expected = b""
        self.sent_at = 0.0
        self.answered_bytes = 0
        self.capture: Any = None
        self.queries: Any = None

    def end_with_query(self, outstanding: list[OutstandingRequest] | None) -> None:
        """A simple query, with `outstanding` of its own, was sent behind extended ones."""
        assert self.outstanding is not None
        self._drop_ready()
        self.query_from = len(self.outstanding)
        self.outstanding += outstanding or [OUTSTANDING_READY]
        self.closed = True

    def extend(self, outstanding: list[OutstandingRequest], *, closed: bool) -> None:
        """More extended messages were sent."""
        assert self.outstanding is not None
        self._drop_ready()
        self.outstanding += outstanding
        self.closed = closed

    def _drop_ready(self) -> None:
        """Forgets the Sync of an group that goes on: a COPY ignored it."""
        if self.outstanding and self.outstanding[-1] is OUTSTANDING_READY:
            self.outstanding.pop()

    def reopen(self, behind: SentGroup | None) -> None:
        """Its Sync was ignored, so that what was sent `behind` it belongs to it."""
        if self.outstanding is None:
            self.outstanding = [OUTSTANDING_EXECUTE]
            self.cursor = 0
        self._drop_ready()
        self.absorbed = self.absorbed or (behind is not None and not behind.is_sync)
        if behind is None:
            self.closed = False
        elif behind.simple:
            self.end_with_query(behind.outstanding)
        else:
            length = len(self.outstanding)
            self.extend(behind.outstanding or [OUTSTANDING_READY], closed=behind.closed)
            if behind.query_from is not None:
                self.query_from = length + behind.query_from

    @property
    def is_running(self) -> bool:
        """Whether the origin has something to do, and isn't waiting for the client's next message."""
        return self.closed or (self.outstanding is not None and self.cursor < len(self.outstanding))

    def has_more_than_sync(self) -> bool:
        """Whether anything but a Sync was sent behind the message that is being answered."""
        return self.absorbed or any(
            request is not OUTSTANDING_READY for request in (self.outstanding or ())[self.cursor + 1 :]
        )

    @property
    def is_sync(self) -> bool:
        """Whether it is a Sync and nothing else."""
        return self.outstanding == [OUTSTANDING_READY]

    @property
    def ends_with_sync(self) -> bool:
        return self.closed and not self.simple and self.query_from is None

    def fail(self, error: bytes) -> bytes:
        """Notes the origin's `error`, and gives what the client is told."""
        if self.when_cancelled and b"\0C57014\0" in error:
            error = self.when_cancelled
        if self.error is None:
            self.error = error
        if self.outstanding is None or self.simple:
            return error
        self.failed = True
        if self.query_from is None:
            self.unfinished = self.outstanding[self.cursor :]
        elif self.cursor < self.query_from:
            # A simple query behind a failed message is skipped; the client still owes a Sync.
            self.unfinished = self.outstanding[self.cursor :]
            del self.outstanding[self.query_from :]
            self.query_from = None
            self.closed = False
        self.cursor = len(self.outstanding)
        return error

    # --- for the sender ------------------------------------------------------------------------------------

    def mark_sent(self, data: bytes, now: float) -> None:
        """`data`, the first part of the group, goes out."""
        self.sent = data
        self.sent_at = now

    def turn_begins(self, now: float) -> None:
        """Everything in front of the group has been answered, or is about to be sent with it."""
        self.sent_at = now

    def answered(self, count: int) -> None:
        """The owner got `count` octets of the answer."""
        self.answered_bytes += count

    def take_unfinished(self) -> list[OutstandingRequest]:
        """The requests that the origin skipped; they are given once."""
        unfinished, self.unfinished = self.unfinished, []
        return unfinished

    def close(self) -> None:
        """The message that ends the group was sent."""
        self.closed = True

    def abandon(self) -> None:
        """The owner is gone: nobody gets the answers."""
        self.owner = None

    def lose(self) -> None:
        """The connection is lost: the group gets no answer any more."""
        if self.error is None:
            self.error = b""

    def cancel_with(self, error: bytes) -> None:
        """`error` replaces the one with which the origin will report that the group was cancelled."""
        self.when_cancelled = error

    def call_at_end(self, done: Callable[[SentGroup], None] | None) -> None:
        self.done = done

    def add_queries(self, queries: list[Any]) -> None:
        if queries:
            self.queries = [*self.queries, *queries] if self.queries else queries

    def capture_with(self, capture: Any) -> None:
        """`capture` gets the answer, too."""
        self.capture = capture

    def take_over(self, other: SentGroup) -> None:
        """The group is sent in the place of `other`, and has its queries and its capture."""
        self.queries, other.queries = other.queries, None
        self.capture, other.capture = other.capture, None
