"""The start-up of a client as a table: state, message, answer, next state."""

from __future__ import annotations

import struct

import pytest

from wrangler_py.pgwire import backend_kinds, messages
from wrangler_py.pgwire.client_startup import ClientStartup, Refused, State
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.scram import MECHANISM, ScramClient, Verifier

PASSWORD = "correct horse"
VERIFIER = Verifier.of(PASSWORD, iterations=1)
STARTUP = messages.startup_message({"user": "u", "database": "d"})
NEWER_STARTUP = messages.startup_message({"user": "u"}, messages.PROTOCOL_3_0 + 9)
GSSENC_REQUEST = struct.pack("!II", 8, messages.GSSENC_REQUEST)
CANCEL = messages.cancel_request(7, b"secret")
AUTHENTICATION = bytes((backend_kinds.AUTHENTICATION,))
NEGOTIATE = bytes((backend_kinds.NEGOTIATE_PROTOCOL_VERSION,))


def in_state(state: State) -> tuple[ClientStartup, bytes]:
    """A start-up in `state`, and the client's valid next message there."""
    startup, scram = ClientStartup(VERIFIER), ScramClient(PASSWORD)
    if state is State.STARTING:
        return startup, STARTUP
    startup.receive(STARTUP)
    initial = messages.sasl_initial_response(MECHANISM, scram.first())
    if state is State.SASL_INITIAL:
        return startup, initial
    challenge = startup.receive(initial)
    return startup, messages.password_message(scram.final(challenge[9:]))


TRANSITIONS = [
    (State.STARTING, messages.ssl_request(), b"N", State.STARTING),
    (State.STARTING, GSSENC_REQUEST, b"N", State.STARTING),
    (State.STARTING, CANCEL, b"", State.CANCEL),
    (State.STARTING, None, AUTHENTICATION, State.SASL_INITIAL),
    (
        State.STARTING,
        messages.startup_message({"user": "u"}, messages.PROTOCOL_3_0 + 9),
        NEGOTIATE,
        State.SASL_INITIAL,
    ),
    (State.SASL_INITIAL, None, AUTHENTICATION, State.SASL_FINAL),
    (State.SASL_FINAL, None, AUTHENTICATION, State.AUTHENTICATED),
]


@pytest.mark.parametrize(("state", "message", "answer", "following"), TRANSITIONS)
def test_transitions(state: State, message: bytes | None, answer: bytes, following: State) -> None:
    startup, valid = in_state(state)
    assert startup.receive(message or valid)[:1] == answer
    assert startup.state is following


REFUSED = [
    (State.STARTING, messages.startup_message({"user": ""}), Refused),
    (State.STARTING, messages.startup_message({"user": "u"}, 2 << 16), Refused),
    (State.STARTING, struct.pack("!II", 9, messages.SSL_REQUEST) + b"x", ProtocolError),
    (State.STARTING, b"GET / HTTP/1.1\r\n\r\n", ProtocolError),
    (State.STARTING, struct.pack("!I", 10_001), ProtocolError),
    (State.SASL_INITIAL, messages.query("SELECT 1"), ProtocolError),
    (State.SASL_INITIAL, messages.sasl_initial_response("PLAIN", b"x"), ProtocolError),
    (State.SASL_INITIAL, messages.password_message(b"SCRAM-SHA-256\0\0\0\0\x09x"), ProtocolError),
    (State.SASL_FINAL, messages.password_message(b"c=biws,r=x,p=AAAA"), Refused),
    (State.SASL_FINAL, messages.password_message(b"secret\0"), Refused),
]


@pytest.mark.parametrize(("state", "message", "error"), REFUSED)
def test_what_is_refused(state: State, message: bytes, error: type[Exception]) -> None:
    startup, _ = in_state(state)
    with pytest.raises(error):
        startup.receive(message)
    assert startup.state is state


def test_a_wrong_password_is_refused_with_a_hint() -> None:
    startup, scram = ClientStartup(VERIFIER), ScramClient("wrong")
    startup.receive(STARTUP)
    challenge = startup.receive(messages.sasl_initial_response(MECHANISM, scram.first()))
    with pytest.raises(Refused) as refusal:
        startup.receive(messages.password_message(scram.final(challenge[9:])))
    fields = messages.parse_report(refusal.value.response[5:])
    assert fields["C"] == "28P01"
    assert "connection string" in fields["H"]
