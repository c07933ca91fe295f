"""The start-up of a client's connection, as its server: encryption requests, start-up packet, SCRAM.

Sources: PostgreSQL documentation, "Message Flow: Start-up", "SSL Session Encryption", "Canceling Requests in
Progress"; protocol 3.2 from the PostgreSQL 18 release.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.frontend_kinds import PASSWORD
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.scram import MECHANISM, ScramError, ScramServer, Verifier

MAX_STARTUP_PACKET_BYTES = 10_000
"""As PostgreSQL's MAX_STARTUP_PACKET_LENGTH."""
MAX_PASSWORD_MESSAGE_BYTES = 65_535
LATEST_MINOR = 2
LOGIN_HINT = "Connect with the connection string as it is given; in a Worker that is env.BINDING.connectionString."


class Refused(Exception):
    """The client is refused; `response` is the whole ErrorResponse that says why."""

    def __init__(self, sqlstate: str, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.response = messages.error_response(sqlstate, text, severity="FATAL", hint=hint)


class State(enum.Enum):
    STARTING = enum.auto()
    """Waiting for a start-up packet, an encryption request or a cancel request."""
    SASL_INITIAL = enum.auto()
    SASL_FINAL = enum.auto()
    AUTHENTICATED = enum.auto()
    CANCEL = enum.auto()
    """The connection was opened to cancel a query: see `cancel_key`."""


@dataclass(slots=True)
class ClientStartup:
    """Bytes in, bytes out, until `state` is AUTHENTICATED or CANCEL.

        state          message                       next state
        STARTING       SSLRequest, GSSENCRequest     STARTING
        STARTING       CancelRequest                 CANCEL
        STARTING       StartupMessage                SASL_INITIAL
        SASL_INITIAL   SASLInitialResponse           SASL_FINAL
        SASL_FINAL     SASLResponse                  AUTHENTICATED

    Then `parameters` holds the start-up packet, `minor` is that of the protocol agreed on (3.`minor`), and `rest`
    is what the client sent after it. For `quick` see `ScramServer`.
    """

    verifier: Verifier
    quick: Verifier | None = None
    state: State = State.STARTING
    parameters: dict[str, str] = field(default_factory=dict)
    minor: int = 0
    cancel_key: tuple[int, bytes] = (0, b"")
    rest: bytes = b""
    _scram: ScramServer | None = None

    def receive(self, data: bytes) -> bytes:
        """Returns what to send in answer. Raises Refused and ProtocolError."""
        data = self.rest + data
        answer = b""
        while True:
            if self.state is State.STARTING:
                packet, data = _take_packet(data)
                if packet is None:
                    break
                answer += self._packet(packet)
            elif self.state in (State.SASL_INITIAL, State.SASL_FINAL):
                body, data = _take_password(data)
                if body is None:
                    break
                answer += self._sasl(body)
            else:
                break
        self.rest = data
        return answer

    def _packet(self, packet: bytes) -> bytes:
        code = struct.unpack_from("!I", packet)[0]
        if code in (messages.SSL_REQUEST, messages.GSSENC_REQUEST):
            if len(packet) != 4:
                raise ProtocolError("malformed encryption request")
            return b"N"
        if code == messages.CANCEL_REQUEST:
            if not 8 < len(packet) <= 8 + 256:
                raise ProtocolError("malformed cancel request")
            self.cancel_key = (struct.unpack_from("!I", packet, 4)[0], packet[8:])
            self.state = State.CANCEL
            return b""
        major, minor = code >> 16, code & 0xFFFF
        if major != 3:
            raise Refused(
                "0A000", f"unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{LATEST_MINOR}"
            )
        parameters = messages.parse_startup_parameters(packet[4:])
        if not parameters.get("user"):
            raise Refused("28000", "no PostgreSQL user name specified in startup packet")
        options = [name for name in parameters if name.startswith("_pq_.")]
        self.parameters = {name: value for name, value in parameters.items() if name not in options}
        self.minor = min(minor, LATEST_MINOR) if minor != 1 else 0
        answer = b""
        if options or self.minor != minor:
            answer = messages.negotiate_protocol_version(messages.PROTOCOL_3_0 + self.minor, options)
        self.state = State.SASL_INITIAL
        return answer + messages.authentication_sasl([MECHANISM])

    def _sasl(self, body: bytes) -> bytes:
        try:
            if self.state is State.SASL_INITIAL:
                mechanism, position = messages.cstring(body, 0)
                if mechanism.decode("utf-8", "replace") != MECHANISM:
                    raise ProtocolError("client selected an invalid SASL authentication mechanism")
                if len(body) < position + 4:
                    raise ProtocolError("malformed SASLInitialResponse")
                length = struct.unpack_from("!i", body, position)[0]
                if length != len(body) - position - 4:
                    raise ProtocolError("malformed SASLInitialResponse")
                self._scram = ScramServer(self.verifier, self.quick)
                self.state = State.SASL_FINAL
                return messages.authentication_sasl_continue(self._scram.first(body[position + 4 :]))
            assert self._scram is not None
            proof = self._scram.final(body)
        except ScramError as error:
            user = self.parameters["user"]
            raise Refused("28P01", f'password authentication failed for user "{user}"', LOGIN_HINT) from error
        self.state = State.AUTHENTICATED
        return messages.authentication_sasl_final(proof) + messages.AUTHENTICATION_OK


def _take_packet(data: bytes) -> tuple[bytes | None, bytes]:
    if len(data) < 4:
        return None, data
    length = struct.unpack_from("!I", data)[0]
    if not 8 <= length <= MAX_STARTUP_PACKET_BYTES:
        raise ProtocolError("invalid length of startup packet")
    if len(data) < length:
        return None, data
    return data[4:length], data[length:]


def _take_password(data: bytes) -> tuple[bytes | None, bytes]:
    if not data:
        return None, data
    if data[0] != PASSWORD:
        raise ProtocolError(f"expected SASL response, got message type {data[0]}")
    if len(data) < 5:
        return None, data
    length = struct.unpack_from("!I", data, 1)[0]
    if not 4 <= length <= MAX_PASSWORD_MESSAGE_BYTES:
        raise ProtocolError("invalid message length")
    if len(data) < length + 1:
        return None, data
    return data[5 : length + 1], data[length + 1 :]
