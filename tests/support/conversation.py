"""A conversation with an origin, played without sockets: what is sent and received, and what each client gets.

A test that fails shows its conversation step by step:

    >>> conversation = Conversation()
    >>> conversation.send(Group("a", (fake(PARSE, messages.PARSE_COMPLETE), BIND, EXECUTE, SYNC)))
    >>> conversation.receive(messages.BIND_COMPLETE)
    >>> print(conversation)
    → origin   a: Parse (fake ParseComplete), Bind, Execute, Sync
    ← origin   BindComplete
       a gets  ParseComplete, BindComplete
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replace_in

from wrangler_py.pgwire import backend_kinds, frontend_kinds, messages
from wrangler_py.pgwire.messages import HEADER
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
    Prefix,
    SentGroup,
)


def _names(module: object, *without: str) -> dict[int, str]:
    constants = {value: name for name, value in vars(module).items() if name.isupper() and isinstance(value, int)}
    return {value: name.title().replace("_", "") for value, name in constants.items() if name not in without}


ANSWER_NAMES = _names(backend_kinds, "IDLE", "IN_TRANSACTION", "IN_FAILED_TRANSACTION") | {
    backend_kinds.EMPTY_QUERY_RESPONSE: "EmptyQueryResponse",
    backend_kinds.ERROR_RESPONSE: "ErrorResponse",
    backend_kinds.ROW_DESCRIPTION: "RowDescription",
}
REQUEST_NAMES = _names(frontend_kinds, "STATEMENT", "PORTAL", "CONTINUATION") | {
    frontend_kinds.PARSE: "Parse",
    frontend_kinds.SYNC: "Sync",
}


def describe(answers: bytes) -> str:
    """The names of backend messages, with what tells one from another."""
    found = []
    position = 0
    while _has_message(answers, position):
        kind, length = HEADER.unpack_from(answers, position)
        body = answers[position + 5 : position + length + 1]
        name = ANSWER_NAMES.get(kind, f"kind {kind}")
        if kind == backend_kinds.READY_FOR_QUERY:
            name += f" ({body.decode()})"
        elif kind == backend_kinds.COMMAND_COMPLETE:
            name += f" {body[:-1].decode()!r}"
        elif kind == backend_kinds.ERROR_RESPONSE:
            name += f" {messages.parse_report(body).get('C')}"
        found.append(name)
        position += length + 1
    if position < len(answers):
        found.append(f"{len(answers) - position} octets of a message")
    return ", ".join(found) or "nothing"


def _has_message(data: bytes, position: int) -> bool:
    return len(data) - position >= 5 and len(data) > position + int(HEADER.unpack_from(data, position)[1])


@dataclass(frozen=True)
class Request:
    """A message of a group: what becomes of its answer, and what takes its place."""

    kind: int
    action: Action = Action.FORWARD
    payload: bytes = b""

    def __str__(self) -> str:
        name = REQUEST_NAMES[self.kind]
        if self.action is Action.FORWARD:
            return name
        return f"{name} ({self.action.name.lower()}{' ' + describe(self.payload) if self.payload else ''})"

    def outstanding(self) -> OutstandingRequest:
        if self == SYNC:
            return OUTSTANDING_READY
        return OutstandingRequest(self.kind, self.action, self.payload)


PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, SYNC = (
    Request(kind)
    for kind in (
        frontend_kinds.PARSE,
        frontend_kinds.BIND,
        frontend_kinds.DESCRIBE,
        frontend_kinds.EXECUTE,
        frontend_kinds.CLOSE,
        frontend_kinds.SYNC,
    )
)


def skip(request: Request) -> Request:
    return Request(request.kind, Action.SKIP)


def fake(request: Request, payload: bytes) -> Request:
    return Request(request.kind, Action.FAKE, payload)


def replace(request: Request, payload: bytes) -> Request:
    return Request(request.kind, Action.REPLACE, payload)


@dataclass(frozen=True)
class Group:
    """A message group of the client `owner`; plain without `requests`."""

    owner: str
    requests: tuple[Request, ...] | None = None
    simple: bool = False
    closed: bool = True
    when_cancelled: bytes = b""
    prefix: bytes = b""
    """The answer to a Bind and an Execute of the proxy's own, in front of a plain group."""

    def __str__(self) -> str:
        if self.prefix:
            return f"{self.owner}: Bind and Execute of the proxy's own, then {replace_in(self, prefix=b'')}"
        if self.requests is not None:
            return f"{self.owner}: {', '.join(map(str, self.requests))}"
        return f"{self.owner}: {'a simple query' if self.simple else 'messages up to a Sync'}, plain"


@dataclass(frozen=True)
class Sync:
    """A Sync that a client sends while the origin waits for COPY data."""

    def __str__(self) -> str:
        return "Sync among COPY data"


@dataclass(frozen=True)
class EndOfCopy:
    """CopyDone or CopyFail."""

    def __str__(self) -> str:
        return "end of COPY data"


Sent = Group | Sync | EndOfCopy


_PLAIN = messages.parse(b"", b"\0\0\0") + messages.bind(b"", b"", b"") + messages.execute(b"") + messages.SYNC


class _Owner:
    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, data: bytes) -> None:
        raise AssertionError("the stream gives its answers back, and writes to nobody")


@dataclass(repr=False)
class Conversation:
    """Plays a conversation, and notes what comes of it. `gets` are the octets for each owner so far."""

    process_ids: Mapping[int, int] = field(default_factory=dict)
    gets: dict[str, bytes] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    groups: list[SentGroup] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cut_off = b""
        self.stream = OriginStream({})
        self.stream.show_process_ids(self.process_ids)

    def __repr__(self) -> str:
        return "\n".join(["", *self.transcript, f"   then {self.state or 'at rest'}"])

    @property
    def state(self) -> str:
        """What the origin is at, in a few words."""
        stream = self.stream
        if stream.broken is not None:
            return f"broken: {stream.broken}"
        words = ["waits for COPY data"] if stream.copy_in else []
        if stream.syncs_uncertain:
            words.append("Syncs uncertain")
        if stream.queue:
            words.append(f"{len(stream.queue)} under way")
        return ", ".join(words)

    def send(self, sent: Sent) -> None:
        self.transcript.append(f"→ origin   {sent}")
        if isinstance(sent, Group):
            self._send_group(sent)
        elif isinstance(sent, Sync):
            self.stream.sync_in_copy()
        else:
            self.stream.end_copy_data()

    def receive(self, data: bytes) -> None:
        self.transcript.append(f"← origin   {self._describe_received(data)}")
        for group, answer, status in self.stream.receive(data):
            owner = "nobody" if group is None else self._owner(group)
            self._give(owner, answer)
            if group is not None:
                group.note_answer(answer)
            if status:
                self.ended.append(owner)
                self.transcript.append(f"   {owner} has ended ({chr(status)})")
        for group in self.stream.take_dropped():
            self.transcript.append(f"   {self._owner(group)} gets no end of its own")

    def _send_group(self, sent: Group) -> None:
        outstanding = None if sent.requests is None else [request.outstanding() for request in sent.requests]
        queue = self.stream.queue
        if queue and not queue[-1].closed:
            if sent.simple:
                queue[-1].end_with_query(outstanding)
            else:
                queue[-1].extend(outstanding or [], closed=sent.closed)
            return
        group = SentGroup(_Owner(sent.owner), simple=sent.simple, closed=sent.closed, outstanding=outstanding)
        group.report_cancel_as(sent.when_cancelled)
        if sent.prefix:
            group.note_sent(messages.query("") if sent.simple else _PLAIN, 0.0)
            group.begin_with(Prefix(bytes((frontend_kinds.BIND, frontend_kinds.EXECUTE)), sent.prefix))
        self.groups.append(group)
        self.stream.send(group)
        self._give(sent.owner, self.stream.fake_ready_answers(group))

    def _give(self, owner: str, answer: bytes) -> None:
        self.gets[owner] = self.gets.get(owner, b"") + answer
        if answer:
            self.transcript.append(f"   {owner} gets  {describe(answer)}")

    def _describe_received(self, data: bytes) -> str:
        """The messages whose end is in `data`, and how much there is of one whose end is not."""
        data = self._cut_off + data
        position = 0
        while _has_message(data, position):
            position += int(HEADER.unpack_from(data, position)[1]) + 1
        self._cut_off = data[position:]
        return describe(data)

    @staticmethod
    def _owner(group: SentGroup) -> str:
        assert isinstance(group.owner, _Owner)
        return group.owner.name
