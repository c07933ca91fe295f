"""The conversation with an origin after start-up: which group an answer belongs to, and what the client gets of it.

Source: PostgreSQL documentation, "Message Flow", "Message Formats".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from librt.strings import read_i32_be

from wrangler_py.pgwire.answer_output import Answer, AnswerOutput
from wrangler_py.pgwire.backend_kinds import (
    AUTHENTICATION,
    BACKEND_KEY_DATA,
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    COMMAND_COMPLETE,
    COPY_BOTH_RESPONSE,
    COPY_DATA,
    COPY_DONE,
    COPY_IN_RESPONSE,
    COPY_OUT_RESPONSE,
    DATA_ROW,
    EMPTY_QUERY_RESPONSE,
    ERROR_RESPONSE,
    FUNCTION_CALL_RESPONSE,
    IDLE,
    NEGOTIATE_PROTOCOL_VERSION,
    NO_DATA,
    NOTICE_RESPONSE,
    NOTIFICATION_RESPONSE,
    PARAMETER_DESCRIPTION,
    PARAMETER_STATUS,
    PARSE_COMPLETE,
    PORTAL_SUSPENDED,
    READY_FOR_QUERY,
    ROW_DESCRIPTION,
)
from wrangler_py.pgwire.copy_syncs import CopySyncs
from wrangler_py.pgwire.messages import READY_IDLE, ProtocolError, parse_parameter_status
from wrangler_py.pgwire.outstanding_requests import Action, OutstandingRequest, SentGroup

MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
"""The longest answer that has to be looked at whole (an error, a row description)."""


def _table(kinds: set[int]) -> bytes:
    return bytes(kind in kinds for kind in range(256))


_KNOWN: Final = {
    AUTHENTICATION, BACKEND_KEY_DATA, BIND_COMPLETE, CLOSE_COMPLETE, COMMAND_COMPLETE, COPY_BOTH_RESPONSE,
    COPY_DATA, COPY_DONE, COPY_IN_RESPONSE, COPY_OUT_RESPONSE, DATA_ROW, EMPTY_QUERY_RESPONSE, ERROR_RESPONSE,
    FUNCTION_CALL_RESPONSE, NEGOTIATE_PROTOCOL_VERSION, NO_DATA, NOTICE_RESPONSE, NOTIFICATION_RESPONSE,
    PARAMETER_DESCRIPTION, PARAMETER_STATUS, PARSE_COMPLETE, PORTAL_SUSPENDED, READY_FOR_QUERY, ROW_DESCRIPTION,
}  # fmt: skip
_ALL: Final = set(range(256))
_READ_IF_PLAIN: Final = _table(
    {READY_FOR_QUERY, ERROR_RESPONSE, PARAMETER_STATUS, COPY_IN_RESPONSE, NOTIFICATION_RESPONSE} | (_ALL - _KNOWN)
)
"""By kind: whether a message is read that belongs to a plain group, or to none. Others are passed on unread."""
_READ: Final = _table(_ALL - {DATA_ROW, COPY_DATA, NOTICE_RESPONSE})
"""The same for a group with outstanding requests."""
_READ_PREFIX: Final = _table(_ALL)
"""The same while the answers, rows too, belong to messages of the proxy's own in front of such a group."""


def _reads(group: SentGroup | None) -> bytes:
    if group is None or group.outstanding is None:
        return _READ_IF_PLAIN
    return _READ_PREFIX if group.in_prefix else _READ


class OriginStream:
    """Sent groups and an origin's octets in, answers out; a state machine without I/O.

    `queue` are the groups under way, in the order of their answers. `dropped` are those that get no end of their
    own, because the origin skips them or takes them for a part of another. `parameters` are the ParameterStatus
    values last reported. `transaction_status` is that of the last ReadyForQuery. `copy` knows which Syncs around a
    COPY are answered. `process_ids` are the process ids to show, in notifications, for the origin's own. `broken`
    is set when the origin breaks the protocol; the connection is of no use then.
    """

    __slots__ = (
        "_output", "_skip", "_tail", "broken", "copy", "dropped", "parameters", "parameters_changed", "process_ids",
        "queue", "transaction_status",
    )  # fmt: skip

    def __init__(self, parameters: dict[str, str]) -> None:
        self.queue: deque[SentGroup] = deque()
        self.dropped: list[SentGroup] = []
        self.broken: ProtocolError | None = None
        self.parameters = parameters
        self.parameters_changed = False
        self.process_ids: Mapping[int, int] = {}
        self.transaction_status = IDLE
        self.copy = CopySyncs()
        self._output = AnswerOutput()
        self._tail = b""
        self._skip = 0

    # --- state ---------------------------------------------------------------------------------------------

    @property
    def mid_message(self) -> bool:
        """Whether a part of a message has been handed on."""
        return self._skip > 0

    @property
    def runs_to_end(self) -> bool:
        """Whether something is under way, and the origin needs nothing more from the client to end it."""
        return bool(self.queue) and self.queue[-1].closed and not self.copy.copy_in

    @property
    def copy_in(self) -> bool:
        """Whether the origin waits for COPY data."""
        return self.copy.copy_in

    @property
    def syncs_uncertain(self) -> bool:
        """Whether the origin may or may not skip what is sent now: see `CopySyncs`."""
        return self.copy.uncertain

    def show_process_ids(self, process_ids: Mapping[int, int]) -> None:
        self.process_ids = process_ids

    def take_dropped(self) -> list[SentGroup]:
        dropped, self.dropped = self.dropped, []
        return dropped

    def parameters_noted(self) -> None:
        """The reported ParameterStatus values have been taken into account."""
        self.parameters_changed = False

    def take_queue(self) -> list[SentGroup]:
        """The groups under way, of a connection that is lost."""
        groups = list(self.queue)
        self.queue.clear()
        self.copy.groups.clear()
        return groups

    # --- sent ----------------------------------------------------------------------------------------------

    def send(self, group: SentGroup) -> None:
        """The messages of `group`, or the first of them, are sent."""
        self.queue.append(group)

    def end_copy_data(self) -> None:
        """CopyDone or CopyFail is sent."""
        self.copy.data_ended(self.queue)

    def sync_in_copy(self) -> None:
        """A Sync is sent while the origin waits for COPY data."""
        self.copy.sync_among_data(self.queue[0])

    def resolve_syncs(self) -> None:
        """Something that was sent behind all unresolved Syncs has been answered."""
        self.copy.resolve()

    def fake_ready_answers(self, group: SentGroup) -> bytes:
        """Faked answers that can be given before the origin answers, if `group` is the one whose turn it is."""
        if group.outstanding is None or not self.queue or self.queue[0] is not group or group.failed:
            return b""
        return _fake(group, group.outstanding)

    # --- received ------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Answer]:
        """Returns what the owners of groups get. After an error `broken` is set."""
        if self._tail:
            data = self._tail + data
            self._tail = b""
        queue = self.queue
        size = len(data)
        position = self._skip
        if position >= size:
            self._skip = position - size
            return [(queue[0] if queue else None, data, 0)]
        self._skip = start = 0
        group = queue[0] if queue else None
        while group is not None and group.expected and data.startswith(group.expected, position):
            start = position = position + len(group.expected)
            self._expected_came(group)
            group = queue[0] if queue else None
        if group is not None and (prefix := group.prefix) is not None and prefix.is_expected:
            if data.startswith(prefix.answer, position):
                start = position = position + len(prefix.answer)
                prefix.answered()
            elif prefix.answer.startswith(data[position:]):
                self._tail = data[position:]
                return []
            else:
                group.match_each(prefix)
        if group is not None and self._is_whole_answer(group, data, position):
            queue.popleft()
            self.transaction_status = data[-1]
            return [(group, data[start:] if start else data, data[-1])]
        answers: list[Answer] = []
        try:
            self._read_each(group, data, start, position, answers)
        except ProtocolError as error:
            self.broken = error
        return answers

    def _read_each(
        self, group: SentGroup | None, data: bytes, start: int, position: int, answers: list[Answer]
    ) -> None:
        """Looks at `data` from `position` on, where `group` is answered; owners get what comes from `start` on."""
        size = len(data)
        output = self._output
        output.begin(data, start, answers)
        reads = _reads(group)
        while size - position >= 5:
            kind = data[position]
            length: int = read_i32_be(data, position + 1)
            if length < 4:
                raise ProtocolError(f"message {chr(kind)!r} of an impossible length from the origin")
            end = position + length + 1
            if not reads[kind]:
                position = end
                continue
            if end > size:
                if length > MAX_KEPT_BYTES:
                    raise ProtocolError(f"message {chr(kind)!r} of {length} bytes from the origin")
                break
            if kind == READY_FOR_QUERY:
                group = self._ready_for_query(group, data[end - 1], output, position, end)
                reads = _reads(group)
            elif kind == PARAMETER_STATUS:
                self._parameter_status(data[position + 5 : end])
            elif kind in (NOTIFICATION_RESPONSE, NOTICE_RESPONSE):
                if group is not None and group.in_prefix:
                    output.replace(position, end, b"")  # of what another client has left behind
                elif kind == NOTIFICATION_RESPONSE:
                    self._notification(data, output, position)
            elif group is not None and group.outstanding is not None:
                self._answer(group, group.outstanding, kind, data[position:end], output, position, end)
                if group.prefix is not None:
                    reads = _reads(group)
            elif kind == ERROR_RESPONSE:
                self._error_in_plain(group, data[position:end], output, position, end)
            elif kind == COPY_IN_RESPONSE:
                self._copy_in_response(group)
                reads = _reads(group)
            else:
                raise ProtocolError(f"unknown message {kind} from the origin")
            position = end
        if position > size:
            self._skip = position - size
            position = size
        elif position < size:
            self._tail = data[position:]
        if not output.is_empty(position):
            output.hand_over(group, position, 0)

    def _is_whole_answer(self, group: SentGroup, data: bytes, position: int) -> bool:
        """Whether `data` is, from `position` on, the whole answer to a plain group with nothing in it to be read.

        Most answers are. The others are looked at message by message.
        """
        last = len(data) - len(READY_IDLE)
        copy = self.copy
        if (
            last < position
            or data[last] != READY_FOR_QUERY
            or group.outstanding is not None
            or not group.closed
            or len(self.queue) > 1
            or copy.copy_in
            or copy.unresolved
            or copy.groups
        ):
            return False
        while position < last:
            if _READ_IF_PLAIN[data[position]]:
                return False
            length: int = read_i32_be(data, position + 1)
            if length < 4:
                return False
            position += length + 1
        return position == last

    def _expected_came(self, group: SentGroup) -> None:
        self.queue.popleft()
        self.transaction_status = IDLE
        if self.copy.groups:
            self.copy.group_ended(group)

    def _ready_for_query(
        self, group: SentGroup | None, status: int, output: AnswerOutput, position: int, end: int
    ) -> SentGroup | None:
        """Ends `group`, or an unresolved Sync of a COPY; returns the group that is answered next."""
        copy = self.copy
        self.transaction_status = status
        if copy.copy_in:
            copy.no_data_wanted()
        if copy.unresolved and copy.answers_unresolved_sync(group, at_once=output.is_empty(position)):
            output.hand_over(None, end, 0)
            return group
        if group is None or not (group.closed or copy.ends_with_ignored_sync(group)):
            raise ProtocolError("ReadyForQuery without a request")
        queue = self.queue
        queue.popleft()
        if copy.groups:
            copy.group_ended(group)
        if group.outstanding is not None and not group.failed:
            faked = _fake(group, group.outstanding)
            if faked:
                output.replace(position, position, faked)
        output.hand_over(group, end, status)
        if not queue:
            return None
        following = queue[0]
        if following.outstanding is not None:
            faked = _fake(following, following.outstanding)
            if faked:
                output.replace(end, end, faked)
        return following

    def _parameter_status(self, body: bytes) -> None:
        name, value = parse_parameter_status(body)
        self.parameters[name] = value
        self.parameters_changed = True

    def _notification(self, data: bytes, output: AnswerOutput, position: int) -> None:
        """Shows the process id by which clients know the sender, if that is one of the proxy's own clients."""
        sender = int.from_bytes(data[position + 5 : position + 9], "big")
        if sender in self.process_ids:
            output.replace(position + 5, position + 9, self.process_ids[sender].to_bytes(4, "big"))

    def _error_in_plain(
        self, group: SentGroup | None, error: bytes, output: AnswerOutput, position: int, end: int
    ) -> None:
        self.copy.no_data_wanted()
        if group is not None:
            shown = group.fail(error)
            if shown is not error:
                output.replace(position, end, shown)

    def _copy_in_response(self, group: SentGroup | None) -> None:
        if group is None:
            raise ProtocolError("CopyInResponse without a request")
        self.dropped += self.copy.begin(self.queue)

    def _answer(
        self,
        group: SentGroup,
        outstanding: list[OutstandingRequest],
        kind: int,
        answer: bytes,
        output: AnswerOutput,
        position: int,
        end: int,
    ) -> None:
        """One answer to a group that has outstanding requests."""
        if kind == ERROR_RESPONSE:
            self.copy.failed(group)
            replacement = _error(group, outstanding, answer)
            if not group.closed:
                self._skip_to_sync(group)
        else:
            if kind == COPY_IN_RESPONSE:
                self._copy_in_response(group)
            elif kind == COMMAND_COMPLETE and self.copy.groups:
                self.copy.command_completed(group)
            replacement = _follow(group, outstanding, kind, answer)
        if replacement is not None:
            output.replace(position, end, replacement)

    def _skip_to_sync(self, group: SentGroup) -> None:
        """`group` has failed, so the origin skips everything that was sent behind it, up to a Sync."""
        queue = self.queue
        while not group.closed and len(queue) > 1:
            behind = queue[1]
            del queue[1]
            self.copy.forget(behind)
            self.dropped.append(behind)
            group.skip_behind(behind)


def _fake(group: SentGroup, outstanding: list[OutstandingRequest]) -> bytes:
    """The faked answers from the cursor on; moves the cursor past them."""
    faked = b""
    while group.cursor < len(outstanding) and outstanding[group.cursor].action is Action.FAKE:
        faked += outstanding[group.cursor].payload
        group.advance()
    return faked


def _error(group: SentGroup, outstanding: list[OutstandingRequest], error: bytes) -> bytes | None:
    """Fails the request at the cursor; returns what replaces the error, None to pass it on as it is."""
    if group.failed:
        return None
    before = _fake(group, outstanding)
    if group.cursor < len(outstanding):
        request = outstanding[group.cursor]
        if request.action is Action.REPLACE and request.payload and request.payload[0] == ERROR_RESPONSE:
            error = request.payload
    return before + group.fail(error)


def _follow(group: SentGroup, outstanding: list[OutstandingRequest], kind: int, answer: bytes) -> bytes | None:
    """Moves the cursor past one answer; returns what replaces it, None to pass it on as it is."""
    if group.failed:
        return None
    before = _fake(group, outstanding)
    if group.cursor >= len(outstanding):
        raise ProtocolError(f"answer {chr(kind)!r} from the origin that nothing was asked for")
    request = outstanding[group.cursor]
    if request.learns is not None:
        request.learns(answer)
    action = request.action
    if kind not in request.finals:
        # Part of an answer that goes on: a parameter description, the start or end of COPY data.
        shown = b"" if action is Action.SKIP or action is Action.REPLACE else answer
        return before + shown if before or not shown else None
    group.advance()
    if action is Action.FORWARD:
        after = _fake(group, outstanding)
        return before + answer + after if before or after else None
    shown = request.payload if action is Action.REPLACE else b""
    return before + shown + _fake(group, outstanding)
