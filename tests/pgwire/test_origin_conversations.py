"""What each client gets of an origin's answers, as a table: sent, received, expected at the client.

`support.conversation` plays them and prints the one that fails. Each is also played with the answers cut in two at
every octet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.conversation import (
    BIND,
    CLOSE,
    DESCRIBE,
    EXECUTE,
    PARSE,
    SYNC,
    Conversation,
    EndOfCopy,
    Group,
    Request,
    Sent,
    Sync,
    fake,
    replace,
    skip,
)

from wrangler_py.pgwire import backend_kinds, messages
from wrangler_py.pgwire.messages import BIND_COMPLETE, CLOSE_COMPLETE, NO_DATA, PARSE_COMPLETE, READY_IDLE, message
from wrangler_py.pgwire.outstanding_requests import SentGroup

ROW = message(backend_kinds.DATA_ROW, b"\0\1\0\0\0\1x")
COLUMNS = message(backend_kinds.ROW_DESCRIPTION, b"\0\1a\0" + bytes(18))
PARAMETERS = message(backend_kinds.PARAMETER_DESCRIPTION, b"\0\0")
ROW_LIKE_READY = message(backend_kinds.DATA_ROW, b"\0\1\0\0\0\6" + READY_IDLE)
SELECTED = messages.command_complete("SELECT 1")
RESULT = ROW + SELECTED
COPIED = messages.command_complete("COPY 2")
COPY_IN = message(backend_kinds.COPY_IN_RESPONSE, b"\0\0\0")
COPY_OUT = message(backend_kinds.COPY_OUT_RESPONSE, b"\0\0\0")
COPY_DATA = message(backend_kinds.COPY_DATA, b"1\n")
COPY_DONE = message(backend_kinds.COPY_DONE)
EMPTY = message(backend_kinds.EMPTY_QUERY_RESPONSE)
SUSPENDED = message(backend_kinds.PORTAL_SUSPENDED)
FAILED = messages.error_response("42703", 'column "nothing" does not exist')
REFUSED = messages.error_response("0A000", "LISTEN is not supported")
CANCELLED = messages.error_response("57014", "canceling statement due to user request")
TOO_LONG = messages.error_response("57014", "the statement ran longer than 60 s")
NOTICE = message(backend_kinds.NOTICE_RESPONSE, b"SNOTICE\0Mhello\0\0")
STATUS = messages.parameter_status("TimeZone", "UTC")
READY_FAILED = message(backend_kinds.READY_FOR_QUERY, b"E")
READY_OPEN = message(backend_kinds.READY_FOR_QUERY, b"T")


def notification(process_id: int) -> bytes:
    return message(backend_kinds.NOTIFICATION_RESPONSE, process_id.to_bytes(4, "big") + b"channel\0\0")


@dataclass(frozen=True)
class Turn:
    """What is sent, what the origin answers, what the client gets of it, and what is then the state."""

    sent: tuple[Sent, ...]
    received: bytes
    client: bytes
    then: str = ""


def plain(owner: str = "a", *, simple: bool = False, prefix: bytes = b"") -> tuple[Group]:
    return (Group(owner, simple=simple, prefix=prefix),)


def passed_on(sent: tuple[Sent, ...], received: bytes, then: str = "") -> Turn:
    """A turn whose answers the client gets as they are."""
    return Turn(sent, received, received, then)


def group(*requests: Request, closed: bool = True, owner: str = "a", when_cancelled: bytes = b"") -> tuple[Group]:
    return (Group(owner, requests, closed=closed, when_cancelled=when_cancelled),)


EXTENDED = PARSE_COMPLETE + BIND_COMPLETE + RESULT + READY_IDLE
COPY = (PARSE, BIND, EXECUTE)
PREFIX = BIND_COMPLETE + SELECTED

TABLE: dict[str, list[Turn]] = {
    # --- each action ---------------------------------------------------------------------------------------
    "a plain simple query": [
        Turn(plain(simple=True), COLUMNS + RESULT + READY_IDLE, COLUMNS + RESULT + READY_IDLE)
    ],
    "rows whose last octets look like a ReadyForQuery": [
        passed_on(plain(), BIND_COMPLETE + ROW_LIKE_READY + ROW_LIKE_READY + SELECTED + READY_IDLE)
    ],
    "a plain extended query": [Turn(plain(), EXTENDED, EXTENDED)],
    "forwarded": [Turn(group(PARSE, BIND, EXECUTE, SYNC), EXTENDED, EXTENDED)],
    "the proxy's own Parse is skipped": [
        Turn(group(skip(PARSE), BIND, EXECUTE, SYNC), EXTENDED, BIND_COMPLETE + RESULT + READY_IDLE)
    ],
    "the proxy's own Describe is skipped, all parts of its answer": [
        Turn(
            group(PARSE, skip(DESCRIBE), BIND, EXECUTE, SYNC),
            PARSE_COMPLETE + PARAMETERS + COLUMNS + BIND_COMPLETE + RESULT + READY_IDLE,
            EXTENDED,
        )
    ],
    "a Parse that was not sent is faked": [
        Turn(group(fake(PARSE, PARSE_COMPLETE), BIND, EXECUTE, SYNC), BIND_COMPLETE + RESULT + READY_IDLE, EXTENDED)
    ],
    "a Close that was not sent is faked before ReadyForQuery": [
        Turn(
            group(BIND, EXECUTE, fake(CLOSE, CLOSE_COMPLETE), SYNC),
            BIND_COMPLETE + RESULT + READY_IDLE,
            BIND_COMPLETE + RESULT + CLOSE_COMPLETE + READY_IDLE,
        )
    ],
    "all answers but the last are faked": [
        Turn(
            group(fake(PARSE, PARSE_COMPLETE), fake(CLOSE, CLOSE_COMPLETE), SYNC),
            READY_IDLE,
            PARSE_COMPLETE + CLOSE_COMPLETE + READY_IDLE,
        )
    ],
    "fakes around an answer that is skipped": [
        Turn(
            group(fake(PARSE, PARSE_COMPLETE), skip(PARSE), fake(CLOSE, CLOSE_COMPLETE), BIND, EXECUTE, SYNC),
            EXTENDED,
            PARSE_COMPLETE + CLOSE_COMPLETE + BIND_COMPLETE + RESULT + READY_IDLE,
        )
    ],
    "faked while the group before it is answered": [
        Turn(
            (*group(PARSE, BIND, EXECUTE, SYNC), *group(fake(PARSE, PARSE_COMPLETE), BIND, EXECUTE, SYNC)),
            EXTENDED + BIND_COMPLETE + RESULT + READY_IDLE,
            EXTENDED + EXTENDED,
        )
    ],
    "an error takes the place of another": [
        Turn(group(replace(PARSE, REFUSED), BIND, EXECUTE, SYNC), FAILED + READY_IDLE, REFUSED + READY_IDLE)
    ],
    "a last answer is replaced": [
        Turn(
            group(replace(EXECUTE, messages.command_complete("DEALLOCATE")), SYNC),
            EMPTY + READY_IDLE,
            messages.command_complete("DEALLOCATE") + READY_IDLE,
        )
    ],
    "an error is passed on where another last answer was meant": [
        Turn(group(replace(PARSE, PARSE_COMPLETE), BIND, SYNC), FAILED + READY_IDLE, FAILED + READY_IDLE)
    ],
    "a portal in parts": [
        Turn(
            group(BIND, EXECUTE, EXECUTE, SYNC),
            BIND_COMPLETE + ROW + SUSPENDED + RESULT + READY_IDLE,
            BIND_COMPLETE + ROW + SUSPENDED + RESULT + READY_IDLE,
        )
    ],
    "a statement without rows is described": [
        passed_on(group(PARSE, DESCRIBE, SYNC), PARSE_COMPLETE + PARAMETERS + NO_DATA + READY_IDLE)
    ],
    # --- errors --------------------------------------------------------------------------------------------
    "an error in the first of two pipelined groups": [
        Turn(
            (*group(PARSE, BIND, EXECUTE, SYNC), *group(PARSE, BIND, EXECUTE, SYNC)),
            FAILED + READY_IDLE + EXTENDED,
            FAILED + READY_IDLE + EXTENDED,
        )
    ],
    "an error in a pipeline: fakes behind it are not given": [
        Turn(
            group(PARSE, BIND, EXECUTE, fake(CLOSE, CLOSE_COMPLETE), SYNC),
            PARSE_COMPLETE + FAILED + READY_IDLE,
            PARSE_COMPLETE + FAILED + READY_IDLE,
        )
    ],
    "an error in a pipeline: fakes ahead of it are given": [
        Turn(
            group(fake(PARSE, PARSE_COMPLETE), BIND, EXECUTE, SYNC),
            FAILED + READY_IDLE,
            PARSE_COMPLETE + FAILED + READY_IDLE,
        )
    ],
    "an error before the Sync was sent": [
        Turn(group(PARSE, BIND, closed=False), FAILED, FAILED, "1 under way"),
        Turn(group(SYNC), READY_IDLE, READY_IDLE),
    ],
    "an error in a transaction": [
        Turn(group(BIND, EXECUTE, SYNC), BIND_COMPLETE + RESULT + READY_OPEN, BIND_COMPLETE + RESULT + READY_OPEN),
        Turn(group(BIND, EXECUTE, SYNC), FAILED + READY_FAILED, FAILED + READY_FAILED),
    ],
    "two results of a simple query, and an error": [
        Turn(plain(simple=True), RESULT + RESULT + FAILED + READY_IDLE, RESULT + RESULT + FAILED + READY_IDLE)
    ],
    "cancelled": [passed_on(group(BIND, EXECUTE, SYNC), BIND_COMPLETE + CANCELLED + READY_IDLE)],
    "cancelled by the proxy's limit": [
        Turn(
            group(BIND, EXECUTE, SYNC, when_cancelled=TOO_LONG),
            BIND_COMPLETE + CANCELLED + READY_IDLE,
            BIND_COMPLETE + TOO_LONG + READY_IDLE,
        )
    ],
    "another error while the proxy cancels": [
        passed_on(group(BIND, EXECUTE, SYNC, when_cancelled=TOO_LONG), BIND_COMPLETE + FAILED + READY_IDLE)
    ],
    # --- messages in between -------------------------------------------------------------------------------
    "notices and parameter changes in a plain group": [
        passed_on(plain(), PARSE_COMPLETE + NOTICE + BIND_COMPLETE + STATUS + RESULT + STATUS + READY_IDLE)
    ],
    "notices and parameter changes between answers": [
        Turn(
            group(skip(PARSE), BIND, EXECUTE, SYNC),
            NOTICE + PARSE_COMPLETE + STATUS + BIND_COMPLETE + NOTICE + RESULT + STATUS + READY_IDLE,
            NOTICE + STATUS + BIND_COMPLETE + NOTICE + RESULT + STATUS + READY_IDLE,
        )
    ],
    "a notification shows the sender as clients know it": [
        Turn(plain(), RESULT + notification(7) + READY_IDLE, RESULT + notification(70) + READY_IDLE)
    ],
    "a notification of a stranger": [
        passed_on(group(EXECUTE, SYNC), RESULT + notification(8) + READY_IDLE),
    ],
    # --- COPY ----------------------------------------------------------------------------------------------
    "COPY out": [passed_on(group(EXECUTE, SYNC), COPY_OUT + COPY_DATA + COPY_DONE + COPIED + READY_IDLE)],
    "COPY in, Sync behind the data": [
        Turn(
            group(*COPY, closed=False),
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            "waits for COPY data, 1 under way",
        ),
        Turn((EndOfCopy(), *group(SYNC)), COPIED + READY_IDLE, COPIED + READY_IDLE),
    ],
    "COPY in by a simple query": [
        Turn(plain(simple=True), COPY_IN, COPY_IN, "waits for COPY data, 1 under way"),
        Turn((EndOfCopy(),), COPIED + READY_IDLE, COPIED + READY_IDLE),
    ],
    "COPY with an early Sync: the origin ignores it": [
        Turn(
            group(*COPY, SYNC),
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            "waits for COPY data, Syncs uncertain, 1 under way",
        ),
        Turn((EndOfCopy(), *group(SYNC)), COPIED + READY_IDLE, COPIED + READY_IDLE),
    ],
    "COPY with an early Sync that can't begin: the origin answers both": [
        Turn(
            (*group(*COPY, SYNC), EndOfCopy(), *group(SYNC)),
            PARSE_COMPLETE + FAILED + READY_IDLE + READY_IDLE,
            PARSE_COMPLETE + FAILED + READY_IDLE + READY_IDLE,
        )
    ],
    "COPY with an early Sync that fails among the data, before the origin read the Sync": [
        Turn(
            group(*COPY, SYNC),
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            "waits for COPY data, Syncs uncertain, 1 under way",
        ),
        Turn((), FAILED + READY_IDLE, FAILED + READY_IDLE),
    ],
    "COPY whose whole pipeline was sent at once": [
        Turn(
            (*group(*COPY, SYNC), EndOfCopy(), *group(SYNC)),
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN + COPIED + READY_IDLE,
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN + COPIED + READY_IDLE,
        )
    ],
    "COPY with a Sync among the data that fails behind it": [
        Turn(
            group(*COPY, closed=False),
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            "waits for COPY data, 1 under way",
        ),
        Turn((Sync(), EndOfCopy()), FAILED, FAILED, "Syncs uncertain, 1 under way"),
        Turn(group(SYNC), READY_IDLE, READY_IDLE, "Syncs uncertain"),
    ],
    "what was sent behind a Sync that may be ignored can't be told": [
        Turn(
            (*group(*COPY, SYNC), *group(PARSE, BIND, EXECUTE, SYNC)),
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            PARSE_COMPLETE + BIND_COMPLETE + COPY_IN,
            "waits for COPY data, Syncs uncertain, 1 under way",
        ),
        Turn(
            (),
            FAILED,
            b"",
            "broken: a COPY failed, and the origin may or may not skip what was sent behind it",
        ),
    ],
    "an end of COPY data behind queries that are skipped": [
        Turn(group(EXECUTE, closed=False), b"", b"", "1 under way"),
        Turn(
            (*plain(simple=True), *plain(simple=True), *group(SYNC), EndOfCopy()),
            FAILED,
            FAILED,
            "1 under way",
        ),
        Turn((), READY_IDLE, READY_IDLE),
    ],
    # --- messages of the proxy's own in front of a plain group ---------------------------------------------
    "a query behind what is answered as expected": [
        Turn(
            plain(simple=True, prefix=PREFIX), PREFIX + COLUMNS + RESULT + READY_IDLE, COLUMNS + RESULT + READY_IDLE
        ),
        passed_on(plain(), EXTENDED),
    ],
    "extended messages behind what is answered as expected": [
        Turn(plain(prefix=PREFIX), PREFIX + EXTENDED, EXTENDED),
    ],
    "a query that fails behind what is answered as expected": [
        Turn(plain(simple=True, prefix=PREFIX), PREFIX + FAILED + READY_IDLE, FAILED + READY_IDLE),
    ],
    "a query behind what is answered otherwise": [
        Turn(
            plain(simple=True, prefix=PREFIX),
            BIND_COMPLETE + RESULT + COLUMNS + RESULT + READY_IDLE,
            COLUMNS + RESULT + READY_IDLE,
        ),
        passed_on(plain(), EXTENDED),
    ],
    "extended messages behind a setting that is reported": [
        Turn(plain(prefix=PREFIX), BIND_COMPLETE + STATUS + SELECTED + EXTENDED, STATUS + EXTENDED),
    ],
    "extended messages behind what another client has left behind": [
        Turn(
            plain(prefix=PREFIX),
            NOTICE + BIND_COMPLETE + notification(8) + SELECTED + NOTICE + notification(8) + EXTENDED,
            NOTICE + notification(8) + EXTENDED,
        ),
    ],
    "a query that fails behind what is answered otherwise": [
        Turn(plain(simple=True, prefix=PREFIX), BIND_COMPLETE + RESULT + FAILED + READY_IDLE, FAILED + READY_IDLE),
        Turn(
            plain(prefix=PREFIX),
            STATUS + PREFIX + PARSE_COMPLETE + FAILED + READY_IDLE,
            STATUS + PARSE_COMPLETE + FAILED + READY_IDLE,
        ),
    ],
    # --- origins that break the protocol -------------------------------------------------------------------
    "more answers than requests": [
        Turn(
            group(BIND, closed=False),
            BIND_COMPLETE + BIND_COMPLETE,
            b"",
            "broken: answer '2' from the origin that nothing was asked for",
        )
    ],
    "ReadyForQuery without a request": [
        Turn(plain(), EXTENDED + READY_IDLE, EXTENDED, "broken: ReadyForQuery without a request")
    ],
    "an unknown message": [
        Turn(plain(), PARSE_COMPLETE + message(ord("q")), b"", "broken: unknown message 113 from the origin")
    ],
}


def play(turns: list[Turn], cut: tuple[int, int] | None = None) -> Conversation:
    """Plays all turns, and checks each; the answers of one are cut in two at an octet."""
    conversation = Conversation(process_ids={7: 70})
    expected = b""
    for number, turn in enumerate(turns):
        for sent in turn.sent:
            conversation.send(sent)
        at = cut[1] if cut is not None and cut[0] == number else len(turn.received)
        for part in (turn.received[:at], turn.received[at:]):
            if part and conversation.stream.broken is None:
                conversation.receive(part)
        expected += turn.client
        assert conversation.state == turn.then, conversation
        if conversation.stream.broken is None:
            assert conversation.gets.get("a", b"") == expected, conversation
        else:
            assert conversation.gets.get("a", b"").startswith(expected), conversation
    return conversation


@pytest.mark.parametrize("turns", TABLE.values(), ids=TABLE.keys())
def test_a_client_gets_its_answers(turns: list[Turn]) -> None:
    play(turns)


@pytest.mark.parametrize("turns", TABLE.values(), ids=TABLE.keys())
def test_a_client_gets_the_same_wherever_a_read_ends(turns: list[Turn]) -> None:
    for cut in _cuts(turns):
        play(turns, cut)


def _cuts(turns: list[Turn]) -> Iterator[tuple[int, int]]:
    for number, turn in enumerate(turns):
        for at in range(1, len(turn.received)):
            yield number, at


# --- what else is noted --------------------------------------------------------------------------------------


def test_an_error_tells_which_requests_were_not_carried_out() -> None:
    conversation = play(
        [
            Turn(
                group(PARSE, skip(PARSE), BIND, EXECUTE, SYNC),
                PARSE_COMPLETE + FAILED,
                PARSE_COMPLETE + FAILED,
                "1 under way",
            )
        ]
    )
    [sent] = conversation.groups
    assert sent.outstanding is not None
    assert sent.take_unfinished() == sent.outstanding[1:], conversation
    assert sent.take_unfinished() == []
    assert sent.error == FAILED


def test_a_simple_query_behind_a_failed_message_is_skipped() -> None:
    """The origin still looks for a Sync, so the client owes one."""
    conversation = Conversation()
    conversation.send(Group("a", (PARSE, BIND), closed=False))
    [sent] = conversation.groups
    sent.end_with_query(None)
    conversation.receive(FAILED)
    assert not sent.closed, conversation
    assert conversation.state == "1 under way"
    conversation.send(Group("a", (SYNC,)))
    conversation.receive(READY_IDLE)
    assert conversation.gets["a"] == FAILED + READY_IDLE, conversation


def test_each_group_ends_with_its_own_owner() -> None:
    conversation = Conversation()
    for sent in (*plain("a"), *group(skip(PARSE), SYNC, owner="b"), *plain("c", simple=True)):
        conversation.send(sent)
    conversation.receive(EXTENDED + PARSE_COMPLETE + READY_IDLE + RESULT + READY_IDLE)
    assert conversation.gets == {"a": EXTENDED, "b": READY_IDLE, "c": RESULT + READY_IDLE}, conversation
    assert conversation.ended == ["a", "b", "c"]


def test_an_answer_to_an_unresolved_sync_is_discarded() -> None:
    """Here it comes behind a notification, and nothing is under way."""
    conversation = Conversation(process_ids={7: 70})
    conversation.send(Group("a", COPY, closed=False))
    conversation.receive(PARSE_COMPLETE + BIND_COMPLETE + COPY_IN)
    conversation.send(Sync())
    conversation.receive(FAILED)
    conversation.send(Group("a", (SYNC,)))
    conversation.receive(READY_IDLE)
    assert conversation.stream.copy.unresolved == 1, conversation
    conversation.receive(notification(7) + READY_IDLE)
    assert conversation.gets["nobody"] == notification(70) + READY_IDLE, conversation
    assert conversation.state == "", conversation


def test_unresolved_syncs_are_resolved_by_an_answer_behind_them() -> None:
    conversation = Conversation()
    conversation.send(Group("a", COPY, closed=False))
    conversation.receive(PARSE_COMPLETE + BIND_COMPLETE + COPY_IN)
    conversation.send(Sync())
    conversation.receive(FAILED)
    conversation.send(Group("a", (SYNC,)))
    conversation.receive(READY_IDLE)
    conversation.send(Group("b", simple=True))
    conversation.receive(SELECTED + READY_IDLE)
    assert conversation.gets["b"] == SELECTED + READY_IDLE, conversation
    conversation.stream.resolve_syncs()
    assert conversation.state == "", conversation


def test_an_answer_that_is_as_expected_is_only_compared() -> None:
    conversation = Conversation()
    conversation.stream.send(SentGroup(None, simple=True, expected=SELECTED + READY_IDLE))
    conversation.send(Group("b", simple=True))
    conversation.receive(SELECTED + READY_IDLE + RESULT + READY_IDLE)
    assert conversation.gets["b"] == RESULT + READY_IDLE, conversation


@pytest.mark.parametrize("simple", [False, True])
@pytest.mark.parametrize("received", [FAILED, BIND_COMPLETE + FAILED, STATUS + FAILED])
def test_the_owner_can_tell_that_its_messages_have_not_run(received: bytes, *, simple: bool) -> None:
    for cut in range(len(received)):
        conversation = Conversation()
        conversation.send(*plain(simple=simple, prefix=PREFIX))
        for part in (received[:cut], received[cut:]):
            if part:
                conversation.receive(part)
        [group] = conversation.groups
        assert group.failed_in_prefix, conversation
    conversation = Conversation()
    conversation.send(*plain(simple=simple, prefix=PREFIX))
    conversation.receive(STATUS + PREFIX + FAILED)
    assert not conversation.groups[0].failed_in_prefix, conversation


def test_a_conversation_is_printed_step_by_step() -> None:
    conversation = Conversation()
    conversation.send(Group("a", (fake(PARSE, PARSE_COMPLETE), BIND, EXECUTE, SYNC)))
    conversation.receive(BIND_COMPLETE + SELECTED[:4])
    conversation.receive(SELECTED[4:] + READY_IDLE)
    assert str(conversation).splitlines() == [
        "",
        "→ origin   a: Parse (fake ParseComplete), Bind, Execute, Sync",
        "   a gets  ParseComplete",
        "← origin   BindComplete, 4 octets of a message",
        "   a gets  BindComplete",
        "← origin   CommandComplete 'SELECT 1', ReadyForQuery (I)",
        "   a gets  CommandComplete 'SELECT 1', ReadyForQuery (I)",
        "   a has ended (I)",
        "   then at rest",
    ]
