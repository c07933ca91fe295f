"""What an origin says after start-up: whose answer it is, what of it goes on, what it says of the session.

Source: PostgreSQL documentation, "Message Flow", "Message Formats".
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping

from wrangler_py.pgwire.messages import HEADER, ProtocolError, parse_parameter_status
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_EXECUTE,
    READY,
    Action,
    EarlyEnd,
    OutstandingRequest,
    SentGroup,
)

MAX_KEPT_BYTES = 16 * 1024 * 1024
"""The longest answer that has to be looked at whole (an error, a row description)."""

MAX_EARLY_ENDS = 100
"""More COPYs than one query has: what ends more of them ends none."""

Answer = tuple[SentGroup | None, bytes, int]
"""An group, octets for its owner, and the transaction status when they end it, else 0. The group is None for
what came while nothing was under way."""


def _table(kinds: bytes) -> bytes:
    return bytes(1 if kind in kinds else 0 for kind in range(256))


_KNOWN = b"123ACDEGHIKNRSTVWZcdnstv"
_UNKNOWN = bytes(kind for kind in range(256) if kind not in _KNOWN)
_PLAIN = _table(b"ZESGA" + _UNKNOWN)
_CAREFUL = _table(bytes(kind for kind in range(256) if kind not in b"DdN"))


class OriginStream:
    """The conversation with an origin after start-up, as a state machine: sent groups and bytes in, answers out.

    `parameters` are the ParameterStatus values last reported; `transaction_status` is that of the last
    ReadyForQuery; `copy_in` says that the origin waits for COPY data. `dropped` are sent groups that will not get
    an end of their own, because the origin skips them or takes them for a part of another. `unsettled_syncs` were
    sent among the data of a COPY that failed: the origin answers them, or has ignored them. `muddled` says that
    there may be such: what is sent now may be skipped, or not. `process_ids` are those to be shown, in
    notifications, for the origin's own.
    """

    __slots__ = (
        "_skip", "_tail", "broken", "copy_in", "dropped", "muddled", "parameters", "parameters_changed",
        "process_ids", "queue", "transaction_status", "unsettled_syncs",
    )  # fmt: skip

    def __init__(self, parameters: dict[str, str]) -> None:
        self.queue: deque[SentGroup] = deque()
        self.dropped: list[SentGroup] = []
        self.broken: ProtocolError | None = None
        self.parameters = parameters
        self.parameters_changed = False
        self.process_ids: Mapping[int, int] = {}
        self.transaction_status = ord("I")
        self.copy_in = False
        self.unsettled_syncs = 0
        self.muddled = False
        self._tail = b""
        self._skip = 0

    @property
    def mid_message(self) -> bool:
        """Whether a part of a message has been handed on."""
        return self._skip > 0

    def show_process_ids(self, process_ids: Mapping[int, int]) -> None:
        """`process_ids` are those to be shown for the origin's own."""
        self.process_ids = process_ids

    def parameters_are_known(self) -> None:
        """The parameters that were reported have been looked at."""
        self.parameters_changed = False

    def take_dropped(self) -> list[SentGroup]:
        """The groups that get no end of their own; they are given once."""
        dropped, self.dropped = self.dropped, []
        return dropped

    def copy_failed(self) -> None:
        """CopyFail was sent."""
        self.copy_in = False

    def lose(self) -> list[SentGroup]:
        """The connection is lost: the groups that get no answer any more."""
        lost, self.queue = list(self.queue), deque()
        return lost

    def fake_ready_answers(self, sent_group: SentGroup) -> bytes:
        """Answers that can be given before the origin says anything, when `group` is the one it is at."""
        if sent_group.outstanding is None or not self.queue or self.queue[0] is not sent_group or sent_group.failed:
            return b""
        return _fake(sent_group, sent_group.outstanding)

    def receive(self, data: bytes) -> list[Answer]:
        """When the origin says what it can't, `broken` says so; what came before that is given all the same."""
        answers: list[Answer] = []
        try:
            self._receive(data, answers)
        except ProtocolError as error:
            self.broken = error
        return answers

    def _receive(self, data: bytes, answers: list[Answer]) -> None:
        if self._tail:
            data = self._tail + data
            self._tail = b""
        size = len(data)
        position = self._skip
        if position >= size:
            self._skip = position - size
            answers.append((self.queue[0] if self.queue else None, data, 0))
            return
        self._skip = 0
        sent_group = self.queue[0] if self.queue else None
        start = 0
        while sent_group is not None and sent_group.expected and data.startswith(sent_group.expected, position):
            start = position = position + len(sent_group.expected)
            self.queue.popleft()
            self.transaction_status = ord("I")
            sent_group = self.queue[0] if self.queue else None
        table = _PLAIN if sent_group is None or sent_group.outstanding is None else _CAREFUL
        output: list[bytes] = []
        unpack = HEADER.unpack_from
        while size - position >= 5:
            kind, length = unpack(data, position)
            end = position + length + 1
            if not table[kind]:
                position = end
                continue
            if end > size:
                if length > MAX_KEPT_BYTES:
                    raise ProtocolError(f"message {chr(kind)!r} of {length} bytes from the origin")
                break
            if kind == 90:  # Z, ReadyForQuery
                status = data[end - 1]
                self.transaction_status = status
                self.copy_in = False
                if self.unsettled_syncs:
                    first = start == position and not output
                    if self._is_for_unsettled_sync(sent_group, first=first):
                        self.unsettled_syncs -= 1
                        self._look_for_mud()
                        answers.append((None, data[start:end], 0))
                        start = position = end
                        continue
                if sent_group is None or not (sent_group.closed or self._ends_with_ignored_sync(sent_group)):
                    raise ProtocolError("ReadyForQuery without a request")
                self.queue.popleft()
                if self.muddled:
                    if sent_group.error is not None:
                        self.unsettled_syncs += sent_group.ignored_syncs
                    self._look_for_mud()
                if sent_group.outstanding is not None:
                    if start < position:
                        output.append(data[start:position])
                    made_up = _fake(sent_group, sent_group.outstanding) if not sent_group.failed else b""
                    if made_up:
                        output.append(made_up)
                    start = position
                output.append(data if start == 0 and end == size else data[start:end])
                answers.append((sent_group, output[0] if len(output) == 1 else b"".join(output), status))
                output = []
                start = end
                sent_group = self.queue[0] if self.queue else None
                if sent_group is None or sent_group.outstanding is None:
                    table = _PLAIN
                else:
                    table = _CAREFUL
                    made_up = _fake(sent_group, sent_group.outstanding)
                    if made_up:
                        output.append(made_up)
            elif kind == 83:  # S, ParameterStatus
                name, value = parse_parameter_status(data[position + 5 : end])
                self.parameters[name] = value
                self.parameters_changed = True
            elif kind == 65:  # A, NotificationResponse
                sender = int.from_bytes(data[position + 5 : position + 9], "big")
                if sender in self.process_ids:
                    shown_as = self.process_ids[sender].to_bytes(4, "big")
                    output += (data[start : position + 5], shown_as)
                    start = position + 9
            elif sent_group is None or sent_group.outstanding is None:
                if kind == 69:  # E, ErrorResponse
                    self.copy_in = False
                    if sent_group is not None:
                        # Its outstanding are None: nothing behind it is skipped.
                        error = data[position:end]
                        shown = sent_group.fail(error)
                        if shown is not error:
                            output += (data[start:position], shown)
                            start = end
                elif kind == 71:  # G, CopyInResponse
                    self._begin_copy_in(sent_group)
                    if sent_group is not None and sent_group.outstanding is not None:
                        table = _CAREFUL
                else:
                    raise ProtocolError(f"unknown message {kind} from the origin")
            else:
                if kind == 71:
                    self._begin_copy_in(sent_group)
                elif kind == 69:
                    self.copy_in = False
                    if sent_group.ignored_syncs and sent_group.has_more_than_sync():
                        raise ProtocolError("a COPY failed, and what was sent behind it is skipped, or not")
                elif kind == 67 and sent_group.ignored_syncs:  # C, CommandComplete: they have all been read
                    sent_group.ignored_syncs = 0
                    self._look_for_mud()
                replacement = _follow(sent_group, sent_group.outstanding, kind, data[position:end])
                if kind == 69 and not sent_group.closed:
                    self._skip_to_sync(sent_group)
                if replacement is not None:
                    if start < position:
                        output.append(data[start:position])
                    if replacement:
                        output.append(replacement)
                    start = end
            position = end
        if position > size:
            self._skip = position - size
            position = size
        elif position < size:
            self._tail = data[position:]
        if start < position:
            output.append(data[start:position])
        if output:
            answers.append((sent_group, b"".join(output), 0))

    def _begin_copy_in(self, sent_group: SentGroup | None) -> None:
        if sent_group is None:
            raise ProtocolError("CopyInResponse without a request")
        # An end that was sent before the message that begins this COPY is ignored by the origin.
        early_ends = [end for end in sent_group.early_ends if end.outstanding > sent_group.cursor]
        if early_ends:
            ignored = early_ends.pop(0).syncs
        else:
            ignored = self._syncs_behind(sent_group)
            self.copy_in = True
        sent_group.early_ends = tuple(early_ends)
        sent_group.ignored_syncs += ignored
        self.muddled = self.muddled or ignored > 0
        for _ in range(ignored):
            behind = self._take_behind()
            if sent_group.ends_with_sync:
                sent_group.reopen(behind)

    def end_copy_data(self) -> None:
        """CopyDone or CopyFail was sent."""
        if self.copy_in:
            self.copy_in = False
            return
        sent_group = next((sent_group for sent_group in reversed(self.queue) if not sent_group.is_sync), None)
        if sent_group is not None and len(sent_group.early_ends) < MAX_EARLY_ENDS:
            ahead = self._syncs_behind(sent_group) - sum(end.syncs for end in sent_group.early_ends)
            outstanding = 1 if sent_group.outstanding is None else len(sent_group.outstanding)
            sent_group.early_ends = (*sent_group.early_ends, EarlyEnd(outstanding, ahead))
            self.muddled = self.muddled or ahead > 0

    def _syncs_behind(self, sent_group: SentGroup) -> int:
        """How many Syncs, and nothing else, were sent behind `group`, the one that ends it included."""
        behind = itertools.islice(self.queue, self.queue.index(sent_group) + 1, None)
        syncs = itertools.takewhile(lambda sent_group: sent_group.is_sync, behind)
        return sent_group.ends_with_sync + sum(1 for _ in syncs)

    def sync_in_copy(self) -> None:
        """A Sync was sent among COPY data."""
        self.queue[0].ignored_syncs += 1
        self.muddled = True

    def settle_syncs(self) -> None:
        """Something sent behind them was answered: no answer to them is to come any more."""
        self.unsettled_syncs = 0
        self._look_for_mud()

    def _look_for_mud(self) -> None:
        under_way = any(
            sent_group.ignored_syncs or any(end.syncs for end in sent_group.early_ends) for sent_group in self.queue
        )
        self.muddled = self.unsettled_syncs > 0 or under_way

    def _is_for_unsettled_sync(self, sent_group: SentGroup | None, *, first: bool) -> bool:
        """Whether ReadyForQuery, the `first` that is said to `group`, answers a Sync of a COPY before it.

        One is like the other: what may be either's is taken for the answer to `sent_group`.
        """
        if sent_group is None:
            return True
        if not first or sent_group.answered_bytes or sent_group.failed:
            return False
        plain = sent_group.outstanding is None or sent_group.simple
        outstanding = [OUTSTANDING_EXECUTE] if plain else (sent_group.outstanding or [])[sent_group.cursor :]
        return any(request.finals != READY and request.action is not Action.FAKE for request in outstanding)

    def _ends_with_ignored_sync(self, sent_group: SentGroup) -> bool:
        """Whether `group` failed before the origin had read a Sync among the COPY data, which now ends it."""
        if sent_group.failed and sent_group.ignored_syncs:
            sent_group.ignored_syncs -= 1
            return True
        return False

    def _skip_to_sync(self, sent_group: SentGroup) -> None:
        """`group` has failed: all that was sent behind it is skipped, up to a Sync."""
        while not sent_group.closed:
            behind = self._take_behind()
            if behind is None:
                return
            behind.error = b""
            sent_group.unfinished += behind.outstanding or ()
            sent_group.closed = behind.ends_with_sync

    def _take_behind(self) -> SentGroup | None:
        if len(self.queue) < 2:
            return None
        behind = self.queue[1]
        del self.queue[1]
        self.dropped.append(behind)
        return behind


def _fake(sent_group: SentGroup, outstanding: list[OutstandingRequest]) -> bytes:
    """The made-up answers from the cursor on."""
    payloads = []
    while sent_group.cursor < len(outstanding) and outstanding[sent_group.cursor].action is Action.FAKE:
        payloads.append(outstanding[sent_group.cursor].payload)
        sent_group.cursor += 1
    return b"".join(payloads)


def _follow(sent_group: SentGroup, outstanding: list[OutstandingRequest], kind: int, whole: bytes) -> bytes | None:
    """Moves the cursor past one answer; None to pass it on as it is, else what takes its place."""
    if sent_group.failed:
        return None
    before = _fake(sent_group, outstanding)
    request = outstanding[sent_group.cursor] if sent_group.cursor < len(outstanding) else None
    if kind == 69:
        replaced = request is not None and request.action is Action.REPLACE and request.payload[:1] == b"E"
        shown = request.payload if request is not None and replaced else whole
        return before + sent_group.fail(shown)
    if request is None:
        raise ProtocolError(f"answer {chr(kind)!r} from the origin that nothing was asked for")
    if request.learns is not None:
        request.learns(whole)
    if kind not in request.finals:
        # Part of an answer that goes on: a parameter description, the start or end of COPY data.
        shown = b"" if request.action in (Action.SKIP, Action.REPLACE) else whole
        return before + shown if before or not shown else None
    sent_group.cursor += 1
    if request.action is Action.FORWARD:
        after = _fake(sent_group, outstanding)
        return before + whole + after if before or after else None
    shown = request.payload if request.action is Action.REPLACE else b""
    return before + shown + _fake(sent_group, outstanding)
