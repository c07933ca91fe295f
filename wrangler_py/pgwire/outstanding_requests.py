"""Messages sent to an origin, and the handling of their answers. `pgwire.origin_stream` matches the two.

A *sent group* is everything up to a Sync, a simple query or a function call. Its answers end with a ReadyForQuery.
Several groups may be under way on one connection. Most of them are *plain*: the answers go to the client as they
are, and only ReadyForQuery and the few asynchronous messages are looked at. When the proxy sent messages of its
own, or kept some of the client's back, the group has a list of *outstanding requests*, one for each message. It
says whether an answer is forwarded, skipped, replaced, or faked because nothing was sent.

The terms are those of PgBouncer. Source: PostgreSQL documentation, "Message Flow", above all "Extended Query",
"Pipelining" and "COPY Operations".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from wrangler_py.pgwire import backend_kinds
from wrangler_py.pgwire.frontend_kinds import BIND, CLOSE, DESCRIBE, EXECUTE, PARSE, QUERY, SYNC
from wrangler_py.pgwire.messages import HEADER

TAIL_BYTES: Final = 64
"""The end of an answer that is long enough for a CommandComplete and a ReadyForQuery."""
_COMPLETED: Final = re.compile(rb"C\0\0\0[\x05-\x40][A-Z][A-Z ]*(?: \d+)*\0")


class Action(enum.Enum):
    FORWARD = enum.auto()
    """The answer goes to the client."""
    SKIP = enum.auto()
    """The message was the proxy's own; the client must not see its answer."""
    FAKE = enum.auto()
    """Nothing was sent; `payload` is the answer."""
    REPLACE = enum.auto()
    """Something harmless was sent in place of the client's message. `payload` replaces the error if it is an error
    itself (the message was meant to fail), and otherwise the message that ends the answer."""


class Receiver(Protocol):
    """Gets the answers to a group."""

    def write(self, data: bytes) -> None: ...


_FINAL_ANSWERS: Final[dict[int, bytes]] = {
    PARSE: bytes((backend_kinds.PARSE_COMPLETE,)),
    BIND: bytes((backend_kinds.BIND_COMPLETE,)),
    DESCRIBE: bytes((backend_kinds.ROW_DESCRIPTION, backend_kinds.NO_DATA)),
    EXECUTE: bytes((
        backend_kinds.COMMAND_COMPLETE, backend_kinds.EMPTY_QUERY_RESPONSE, backend_kinds.PORTAL_SUSPENDED,
    )),
    CLOSE: bytes((backend_kinds.CLOSE_COMPLETE,)),
    SYNC: bytes((backend_kinds.READY_FOR_QUERY,)),
}  # fmt: skip
"""By the kind of a message: the kinds of answers that complete it. An error completes any."""


class OutstandingRequest:
    """One message of a group.

    `kind` is that of `frontend_kinds`. A simple query is an `EXECUTE` (its result) followed by a `SYNC` (its
    ReadyForQuery). `name` and `statement` are for the sender, which is given the requests that an error made the
    origin skip: see `SentGroup.unfinished`. `learns` is called with each part of the answer. `undo` takes back what
    the sender noted when it sent the message; it is called if the origin skips it.
    """

    __slots__ = ("action", "finals", "kind", "learns", "name", "payload", "statement", "undo")

    def __init__(
        self,
        kind: int,
        action: Action = Action.FORWARD,
        payload: bytes = b"",
        name: bytes | None = None,
        statement: Any = None,
        learns: Callable[[bytes], None] | None = None,
        undo: Callable[[], object] | None = None,
    ) -> None:
        self.kind = kind
        self.finals = _FINAL_ANSWERS[kind]
        self.action = action
        self.payload = payload
        self.name = name
        self.statement = statement
        self.learns = learns
        self.undo = undo


OUTSTANDING_BIND: Final = OutstandingRequest(BIND)
OUTSTANDING_CLOSE: Final = OutstandingRequest(CLOSE)
OUTSTANDING_DESCRIBE: Final = OutstandingRequest(DESCRIBE)
OUTSTANDING_EXECUTE: Final = OutstandingRequest(EXECUTE)
OUTSTANDING_READY: Final = OutstandingRequest(SYNC)


class Prefix:
    """Messages of the proxy's own in front of a group; the owner of the group does not get their answers.

    `kinds` are their kinds, and `answer` is the whole answer to them if nothing fails. `is_expected`: that answer
    is still to come. `failed`: one of them failed.
    """

    __slots__ = ("answer", "failed", "is_expected", "kinds")

    def __init__(self, kinds: bytes, answer: bytes) -> None:
        self.kinds = kinds
        self.answer = answer
        self.is_expected = True
        self.failed = False

    def answered(self) -> None:
        """The expected answer has come, or another one is coming."""
        self.is_expected = False

    def fails(self) -> None:
        self.failed = True


class SentGroup:
    """One message group under way.

    `owner` gets the answers (None: nobody does), and `done` is called at the end. `outstanding` is None for a plain
    group; `cursor` is the index of the request that is answered next. `closed` says that the message that ends the
    group was sent. `error` is the first ErrorResponse; it is empty if the group gets no answer of its own.
    `unfinished` are then the requests that the origin did not carry out, the failed one first. `query_from` is the
    index of the first request of a simple query that was sent behind extended messages. `when_cancelled` replaces
    the error with which the origin reports that a query was cancelled. `expected` is the whole answer if nothing
    fails, for a group that has neither an owner nor requests: such an answer is only compared, and `done` is not
    called. `sent`, `sent_at`, `answered_bytes`, `tail` (the last octets answered), `completed` (the
    CommandComplete messages of a group with several queries), `capture` and `queries` are for the sender's use.

    `prefix` are messages of the proxy's own that were sent in front of a plain group.
    """

    __slots__ = (
        "answered_bytes", "capture", "closed", "completed", "cursor", "done", "error", "expected", "failed",
        "outstanding", "owner", "prefix", "queries", "query_from", "sent", "sent_at", "simple", "tail",
        "unfinished", "when_cancelled",
    )  # fmt: skip

    def __init__(
        self,
        owner: Receiver | None,
        *,
        simple: bool = False,
        closed: bool = True,
        outstanding: list[OutstandingRequest] | None = None,
        done: Callable[[SentGroup], None] | None = None,
        expected: bytes = b"",
        queries: Any = None,
    ) -> None:
        self.owner = owner
        self.simple = simple
        self.closed = closed
        self.outstanding = outstanding
        self.done = done
        self.expected = expected
        self.cursor = 0
        self.error: bytes | None = None
        self.failed = False
        self.unfinished: list[OutstandingRequest] = []
        self.query_from: int | None = None
        self.when_cancelled = b""
        self.sent = b""
        self.sent_at = 0.0
        self.answered_bytes = 0
        self.tail = b""
        self.completed: tuple[bytes, ...] = ()
        self.capture: Any = None
        self.queries = queries
        self.prefix: Prefix | None = None

    # --- sending -------------------------------------------------------------------------------------------

    def end_with_query(self, outstanding: list[OutstandingRequest] | None) -> None:
        """A simple query was sent behind extended messages; `outstanding` are its own requests."""
        assert self.outstanding is not None
        self._forget_ready()
        self.query_from = len(self.outstanding)
        self.outstanding += outstanding or [OUTSTANDING_READY]
        self.closed = True

    def extend(self, outstanding: list[OutstandingRequest], *, closed: bool) -> None:
        """More extended messages were sent."""
        assert self.outstanding is not None
        self._forget_ready()
        self.outstanding += outstanding
        self.closed = closed

    def close(self) -> None:
        """The message that ends the group was sent, and needs no request of its own."""
        self.closed = True

    def reopen(self, behind: SentGroup | None) -> None:
        """The origin ignores the Sync that ended the group, so what was sent `behind` it belongs to the group."""
        if self.outstanding is None:
            self.outstanding = [OUTSTANDING_EXECUTE]
            self.cursor = 0
        self._forget_ready()
        if behind is None:
            self.closed = False
        elif behind.simple:
            self.end_with_query(behind.outstanding)
        else:
            length = len(self.outstanding)
            self.extend(behind.outstanding or [OUTSTANDING_READY], closed=behind.closed)
            if behind.query_from is not None:
                self.query_from = length + behind.query_from

    def _forget_ready(self) -> None:
        """Removes the Sync of a group that goes on, because a COPY ignored it."""
        if self.outstanding and self.outstanding[-1] is OUTSTANDING_READY:
            self.outstanding.pop()

    def begin_with(self, prefix: Prefix) -> None:
        """`prefix` is sent in front of the group, which is plain."""
        self.prefix = prefix

    def note_sent(self, data: bytes, at: float) -> None:
        self.sent = data
        self.sent_at = at

    def disown(self) -> None:
        """The answers are discarded from now on."""
        self.owner = None

    def report_cancel_as(self, error: bytes) -> None:
        """The client gets `error` if the origin reports that the query was cancelled."""
        self.when_cancelled = error

    def turn_begins(self, at: float) -> None:
        """The groups in front of it have been answered, or it goes out now: its time counts from here."""
        self.sent_at = at

    def call_at_end(self, done: Callable[[SentGroup], None] | None) -> None:
        self.done = done

    def add_queries(self, queries: list[Any]) -> None:
        """The group runs these, too."""
        if queries:
            self.queries = [*self.queries, *queries] if self.queries else queries

    def capture_with(self, capture: Any) -> None:
        """`capture` gets the answers, too."""
        self.capture = capture

    def take_over(self, other: SentGroup) -> None:
        """The group is sent in the place of `other`, and has its queries and its capture."""
        self.queries, self.capture = other.give_away()

    def give_away(self) -> tuple[Any, Any]:
        """Its queries and its capture, which another group has from now on."""
        queries, capture = self.queries, self.capture
        self.queries = self.capture = None
        return queries, capture

    # --- asking --------------------------------------------------------------------------------------------

    @property
    def in_prefix(self) -> bool:
        """Whether the messages in front of the group are being answered, one by one."""
        return self.prefix is not None and self.cursor < len(self.prefix.kinds)

    @property
    def failed_in_prefix(self) -> bool:
        """Whether one of the messages in front of the group failed: the origin then did nothing of the group."""
        return self.prefix is not None and self.prefix.failed

    @property
    def is_running(self) -> bool:
        """Whether the origin has something to do, and isn't waiting for the client's next message."""
        return self.closed or (self.outstanding is not None and self.cursor < len(self.outstanding))

    def has_more_than_sync(self) -> bool:
        """Whether anything but a Sync was sent behind the message that is being answered."""
        return any(request is not OUTSTANDING_READY for request in (self.outstanding or ())[self.cursor + 1 :])

    @property
    def is_sync(self) -> bool:
        """Whether it is a Sync and nothing else."""
        outstanding = self.outstanding
        return outstanding is not None and len(outstanding) == 1 and outstanding[0] is OUTSTANDING_READY

    @property
    def ends_with_sync(self) -> bool:
        return self.closed and not self.simple and self.query_from is None

    # --- answers -------------------------------------------------------------------------------------------

    def fail(self, error: bytes) -> bytes:
        """Notes the origin's `error`, and returns the one to show to the client."""
        if self.when_cancelled and b"\0C57014\0" in error:
            error = self.when_cancelled
        if self.error is None:
            self.error = error
        if self.outstanding is None or (self.simple and self.query_from is None):
            return error
        self.failed = True
        if self.prefix is not None and self.in_prefix:
            self.prefix.fails()
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

    def skip(self) -> None:
        """The origin skips the whole group, or takes it for a part of another: it gets no answer of its own."""
        if self.error is None:
            self.error = b""

    def belongs_to_failed(self) -> None:
        """The origin skips it, because something in front of it failed."""
        self.error = b""

    def match_each(self, prefix: Prefix) -> None:
        """`prefix` is not answered as expected, so each answer is matched to its message."""
        prefix.answered()
        own = [OutstandingRequest(kind, Action.SKIP) for kind in prefix.kinds]
        if self.simple:
            self.query_from = len(own)
        self.outstanding = own + _requests_of(self.sent)

    def advance(self) -> None:
        """The request at the cursor has been answered."""
        self.cursor += 1

    def skip_behind(self, behind: SentGroup) -> None:
        """The group has failed, and the origin skips `behind`, too, for it has not found a Sync yet."""
        behind.belongs_to_failed()
        self.unfinished += behind.outstanding or ()
        self.closed = behind.ends_with_sync

    def take_unfinished(self) -> list[OutstandingRequest]:
        """The requests that an error made the origin skip, each of them once."""
        unfinished, self.unfinished = self.unfinished, []
        return unfinished

    def note_answer(self, data: bytes) -> None:
        """The owner was given `data`; the last TAIL_BYTES octets are kept, or up to twice as many."""
        size = len(data)
        self.answered_bytes += size
        if size > 2 * TAIL_BYTES:
            self.tail = data[-TAIL_BYTES:]
        else:
            self.tail = data if size >= TAIL_BYTES else self.tail[-TAIL_BYTES:] + data
        if self.queries is not None and len(self.queries) > 1:
            self.completed = (*self.completed, *_COMPLETED.findall(data))


def _requests_of(sent: bytes) -> list[OutstandingRequest]:
    """The requests of whole messages: extended ones, or a simple query."""
    requests = []
    position = 0
    while position < len(sent):
        kind, length = HEADER.unpack_from(sent, position)
        requests += [OUTSTANDING_EXECUTE, OUTSTANDING_READY] if kind == QUERY else [OutstandingRequest(kind)]
        position += length + 1
    return requests
