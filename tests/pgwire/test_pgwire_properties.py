"""What holds for the sans-I/O protocol whatever comes in, in pieces of any size."""

from __future__ import annotations

import base64
import contextlib
import itertools
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import DATA_ROW
from wrangler_py.pgwire.channel_binding import server_end_point
from wrangler_py.pgwire.client_startup import ClientStartup, Refused, State
from wrangler_py.pgwire.frontend import STREAM_FROM_BYTES, FrontendReader
from wrangler_py.pgwire.frontend_kinds import CLOSE, COPY_DATA, PARSE
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.origin_startup import AuthenticationFailed, OriginRefused, OriginStartup
from wrangler_py.pgwire.origin_stream import OriginStream
from wrangler_py.pgwire.outstanding_requests import (
    OUTSTANDING_BIND,
    OUTSTANDING_EXECUTE,
    OUTSTANDING_READY,
    Action,
    OutstandingRequest,
    SentGroup,
)
from wrangler_py.pgwire.scram import ScramClient, ScramError, ScramServer, Verifier, saslprep
from wrangler_py.pgwire.startup_options import requested_settings

VERIFIER = Verifier.of("correct horse", iterations=1)
KINDS = b"QBFdPCDEHSXcf"

frontend_messages = st.lists(
    st.builds(
        messages.message,
        st.sampled_from(sorted(KINDS)),
        st.one_of(st.binary(max_size=40), st.integers(60_000, 70_000).map(bytes)),
    ),
    max_size=6,
).map(
    lambda found: [
        messages.message(m[0], b"") if m[0] in b"HS" else m for m in found if m[0] in b"QBFdP" or len(m) < 9_000
    ]
)
cuts = st.lists(st.integers(0, 200_000), max_size=8)


def pieces_of(data: bytes, at: Iterable[int]) -> list[bytes]:
    places = sorted({min(place, len(data)) for place in at} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


# --- from a client -------------------------------------------------------------------------------------------


@given(frontend_messages, cuts)
def test_messages_come_out_as_they_went_in(sent: list[bytes], at: list[int]) -> None:
    reader = FrontendReader()
    found: list[bytes] = []
    missing = 0
    for part in pieces_of(b"".join(sent), at):
        for kind, data, still_missing in reader.receive(part):
            if missing:
                assert kind == 0
                found[-1] += data
            else:
                assert kind == data[0]
                found.append(data)
            missing = still_missing
            assert not missing or found[-1][0] in b"QBFd"
    assert found == sent
    assert not reader.in_message


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_a_client_that_sends_anything_gets_a_protocol_error_at_most(parts: list[bytes]) -> None:
    reader = FrontendReader()
    try:
        for part in parts:
            reader.receive(part)
    except ProtocolError:
        pass


@pytest.mark.parametrize("kind", [b"\0", b"x", b"R", b"\xff"])
def test_an_unknown_kind_is_noticed_at_its_first_octet(kind: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrontendReader().receive(kind)


@pytest.mark.parametrize(
    "data",
    [
        b"Q\0\0\0\3",
        b"S\x7f\xff\xff\xff",
        b"S\0\0\0\0",
        b"Q\xff\xff\xff\xff",
        b"P\x7f\xff\xff\xff",
        b"E\0\1\0\0",
        b"H\0\0\0\5x",
        b"S\0\0\0\5x",
    ],
)
def test_an_impossible_length_is_noticed_at_once(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrontendReader().receive(data)


def test_a_long_message_is_handed_on_before_it_is_there() -> None:
    reader = FrontendReader()
    head = messages.message(COPY_DATA, bytes(10 * STREAM_FROM_BYTES))[:10_000]
    [piece] = reader.receive(head)
    assert piece == (ord("d"), head, 10 * STREAM_FROM_BYTES + 5 - len(head))


splitters = (
    messages.split_parse,
    messages.split_bind,
    messages.split_target,
    lambda data: messages.parse_startup_parameters(data),
    lambda data: messages.parse_report(data),
    lambda data: server_end_point(data),
)


@given(st.binary(max_size=60))
def test_readers_of_single_messages_raise_protocol_errors_only(data: bytes) -> None:
    for split in splitters:
        with contextlib.suppress(ProtocolError):
            split(data)


# --- a client's start-up -------------------------------------------------------------------------------------


@given(st.text(max_size=30), cuts, st.integers(0, 5))
def test_start_up_in_pieces(user: str, at: list[int], minor: int) -> None:
    user = "u" + user.replace("\0", "").encode("utf-8", "ignore").decode()
    startup, scram = ClientStartup(VERIFIER), ScramClient("correct horse")

    def send(data: bytes) -> bytes:
        return b"".join(startup.receive(part) for part in pieces_of(data, at))

    assert send(messages.ssl_request()) == b"N"
    answer = send(messages.startup_message({"user": user}, messages.PROTOCOL_3_0 + minor))
    assert (answer[:1] == b"v") == (minor not in (0, 2))
    assert answer.endswith(b"SCRAM-SHA-256\0\0")
    answer = send(messages.sasl_initial_response("SCRAM-SHA-256", scram.first()))
    answer = send(messages.password_message(scram.final(answer[9:])) + b"beyond")
    scram.verify(answer[9 : 1 + int.from_bytes(answer[1:5], "big")])
    assert startup.state is State.AUTHENTICATED
    assert startup.parameters["user"] == user
    assert startup.rest == b"beyond"


@given(st.lists(st.binary(max_size=60), max_size=10), st.booleans())
def test_start_up_survives_anything(parts: list[bytes], begun: bool) -> None:
    startup = ClientStartup(VERIFIER)
    if begun:
        startup.receive(messages.startup_message({"user": "u"}))
    try:
        for part in parts:
            startup.receive(part)
    except (ProtocolError, Refused):
        pass


@given(st.text(max_size=80))
def test_options_are_settings_or_refused(text: str) -> None:
    try:
        settings = requested_settings({"user": "u", "options": text})
    except Refused:
        return
    assert all(isinstance(value, str) for value in settings.values())


def test_options_with_escapes() -> None:
    options = r"-c search_path=a\ b,\\c  --work-mem=5MB -cTimeZone=UTC"
    assert requested_settings({"options": options, "TimeZone": "Asia/Tokyo"}) == {
        "search_path": r"a b,\c",
        "work_mem": "5MB",
        "timezone": "Asia/Tokyo",
    }


# --- SCRAM ---------------------------------------------------------------------------------------------------


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.booleans(), st.booleans())
def test_scram_accepts_only_the_right_password(password: str, other: str, downgradable: bool, quick: bool) -> None:
    if not all(text.isascii() for text in (password, other)):
        password, other = (text.encode("unicode_escape").decode() for text in (password, other))
    server = ScramServer(
        Verifier.of(password, iterations=2), Verifier.of(password, iterations=1) if quick else None
    )
    client = ScramClient(other, supported=downgradable)
    final = client.final(server.first(client.first()))
    if saslprep(password) == saslprep(other):
        client.verify(server.final(final))
        assert client.verified
    else:
        with pytest.raises(ScramError):
            server.final(final)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_scram_survives_anything(first: bytes, second: bytes) -> None:
    server, client = ScramServer(VERIFIER), ScramClient("x")
    for request, data in (
        (server.first, first),
        (server.final, second),
        (client.final, first),
        (client.verify, second),
    ):
        with contextlib.suppress(ScramError):
            request(data)


@pytest.mark.parametrize("iterations", [b"0", b"-1", b"99999999999", b"x", b""])
def test_scram_does_not_work_for_ever(iterations: bytes) -> None:
    client = ScramClient("x")
    nonce = client.first().rpartition(b"r=")[2]
    with pytest.raises(ScramError):
        client.final(b"r=%sx,s=%s,i=%s" % (nonce, base64.b64encode(b"salt"), iterations))


def test_saslprep_follows_the_examples_of_rfc_4013() -> None:
    assert saslprep("I\u00adX") == b"IX"
    assert saslprep("\u2168") == b"IX"
    assert saslprep("a\u00a0b") == b"a b"


# --- from an origin ------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_start_up_at_an_origin_survives_anything(parts: list[bytes]) -> None:
    startup = OriginStartup(user="u", password="p", database="d", settings={}, channel_binding=b"x")
    startup.start()
    try:
        for part in parts:
            startup.receive(part)
    except (ProtocolError, OriginRefused, AuthenticationFailed):
        pass


ERROR = messages.error_response("42703", "no such column")
ROW = messages.message(DATA_ROW, b"\0\1" + (300).to_bytes(4, "big") + bytes(300))
PLAIN_ANSWER = messages.BIND_COMPLETE + ROW + ROW + messages.command_complete("SELECT 2") + messages.READY_IDLE
STATUS = messages.parameter_status("TimeZone", "UTC")


class Owner(NamedTuple):
    """Whoever sent a group; the answers are looked at elsewhere."""

    name: str

    def write(self, data: bytes) -> None:
        pass


def conversation(stream: OriginStream) -> tuple[bytes, bytes]:
    """Sent groups of every kind, under way together: what the origin says, and what the owners have to get."""
    told: list[tuple[SentGroup, bytes, bytes]] = [
        (SentGroup(Owner("a")), PLAIN_ANSWER, PLAIN_ANSWER),
        (SentGroup(Owner("b"), simple=True), ROW + ERROR + messages.READY_IDLE, ROW + ERROR + messages.READY_IDLE),
        (
            SentGroup(
                Owner("c"),
                outstanding=[
                    OutstandingRequest(PARSE, Action.FAKE, messages.PARSE_COMPLETE),
                    OutstandingRequest(PARSE, Action.SKIP),
                    OUTSTANDING_BIND,
                    OUTSTANDING_EXECUTE,
                    OUTSTANDING_READY,
                ],
            ),
            messages.PARSE_COMPLETE + PLAIN_ANSWER,
            messages.PARSE_COMPLETE + PLAIN_ANSWER,
        ),
        (
            SentGroup(
                Owner("d"),
                outstanding=[
                    OutstandingRequest(PARSE, Action.REPLACE, ERROR),
                    OUTSTANDING_BIND,
                    OUTSTANDING_EXECUTE,
                    OUTSTANDING_READY,
                ],
            ),
            messages.error_response("42601", "nonsense") + messages.READY_IDLE,
            ERROR + messages.READY_IDLE,
        ),
        (
            SentGroup(
                Owner("e"),
                outstanding=[
                    OUTSTANDING_BIND,
                    OUTSTANDING_EXECUTE,
                    OutstandingRequest(CLOSE, Action.FAKE, messages.CLOSE_COMPLETE),
                    OUTSTANDING_READY,
                ],
            ),
            STATUS + messages.BIND_COMPLETE + ROW + STATUS + messages.command_complete("X") + messages.READY_IDLE,
            STATUS
            + messages.BIND_COMPLETE
            + ROW
            + STATUS
            + messages.command_complete("X")
            + messages.CLOSE_COMPLETE
            + messages.READY_IDLE,
        ),
    ]
    for sent_group, _, _ in told:
        stream.send(sent_group)
    return b"".join(said for _, said, _ in told), b"".join(heard for _, _, heard in told)


@given(cuts)
def test_answers_are_the_same_in_any_pieces(at: list[int]) -> None:
    stream = OriginStream({})
    said, wanted = conversation(stream)
    sent_groups = list(stream.queue)
    heard = b""
    owners: list[str] = []
    ended: list[SentGroup] = []
    for part in pieces_of(said, at):
        for sent_group, data, status in stream.receive(part):
            assert sent_group is not None
            heard += data
            assert isinstance(sent_group.owner, Owner)
            owners.append(sent_group.owner.name)
            if status:
                ended.append(sent_group)
    assert heard == wanted
    assert owners == sorted(owners)
    assert ended == sent_groups
    assert [sent_group.error for sent_group in sent_groups] == [None, ERROR, None, ERROR, None]
    assert stream.parameters == {"TimeZone": "UTC"}
    assert not stream.mid_message


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_a_group_keeps_the_end_of_its_answer_and_not_the_rest(lengths: list[int]) -> None:
    sent_group = SentGroup(Owner("a"))
    whole = bytes(position % 251 for position in range(sum(lengths)))
    for end, length in zip(itertools.accumulate(lengths), lengths, strict=True):
        sent_group.note_answer(whole[end - length : end])
    assert sent_group.answered_bytes == len(whole)
    assert sent_group.tail[-64:] == whole[-64:]
    assert len(sent_group.tail) <= 128


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\0\0\0\3", b"\x80\0\0\0", b"\xff\xff\xff\xff"])
def test_an_impossible_length_from_an_origin_breaks_the_stream(length: bytes) -> None:
    stream = OriginStream({})
    stream.send(SentGroup(Owner("a")))
    assert stream.receive(messages.BIND_COMPLETE + b"D" + length + bytes(20) + messages.READY_IDLE) == []
    assert "length" in str(stream.broken)


@given(st.binary(max_size=400), cuts, st.integers(0, 1_500))
def test_an_origin_that_says_anything_breaks_the_stream_at_most(data: bytes, at: list[int], sense: int) -> None:
    """And all sent groups are accounted for: ended, dropped, or still under way."""
    stream = OriginStream({})
    said, _ = conversation(stream)
    sent_groups = list(stream.queue)
    ended = []
    for part in pieces_of(said[:sense] + data, at):
        ended += [sent_group for sent_group, _, status in stream.receive(part) if status]
        if stream.broken:
            break
    assert [*ended, *stream.queue] == sent_groups
