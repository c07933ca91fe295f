"""The first moments of a connection to an origin, from the client's end: start-up packet and authentication.

Encryption is settled before (see `messages.ssl_request`). Sources: PostgreSQL documentation, "Message Flow:
Start-up" and "SASL Authentication".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.messages import ProtocolError
from wrangler_py.pgwire.scram import MECHANISM, MECHANISM_PLUS, ScramClient, ScramError

MAX_STARTUP_MESSAGE_BYTES = 1_000_000


class OriginRefused(Exception):
    """The origin answered with an ErrorResponse; `response` is that message, whole, `fields` what it says."""

    def __init__(self, response: bytes) -> None:
        self.response = response
        self.fields = messages.parse_report(response[5:])
        super().__init__(self.fields.get("M", "the origin refused the connection"))

    @property
    def sqlstate(self) -> str:
        return self.fields.get("C", "")


class AuthenticationFailed(Exception):
    """Authentication can't be completed: an unsupported method, or the origin failed to prove itself."""


class OriginStartup:
    """Bytes in, bytes out, until `ready`.

    Then `parameters` holds the ParameterStatus values, and `process_id` and `secret` the cancel key.
    `channel_binding` is the tls-server-end-point data of an encrypted connection, if there is any; with
    `require_channel_binding`, no authentication but one that uses it will do.
    """

    def __init__(
        self,
        *,
        user: str,
        password: str,
        database: str,
        settings: Mapping[str, str],
        channel_binding: bytes | None = None,
        require_channel_binding: bool = False,
    ) -> None:
        self._user = user
        self._password = password
        self._startup = {"user": user, "database": database, **settings}
        self._channel_binding = channel_binding
        self._require_channel_binding = require_channel_binding
        self._scram: ScramClient | None = None
        self._buffer = b""
        self.ready = False
        self.parameters: dict[str, str] = {}
        self.process_id = 0
        self.secret = b""

    def start(self) -> bytes:
        return messages.startup_message(self._startup)

    def receive(self, data: bytes) -> bytes:
        """What to send in answer to `data`. Raises OriginRefused, AuthenticationFailed and ProtocolError."""
        data = self._buffer + data
        answer = b""
        while len(data) >= 5 and not self.ready:
            kind, length = messages.HEADER.unpack_from(data)
            if not 4 <= length <= MAX_STARTUP_MESSAGE_BYTES:
                raise ProtocolError("the origin does not speak the PostgreSQL protocol")
            if len(data) < length + 1:
                break
            answer += self._message(kind, data[: length + 1])
            data = data[length + 1 :]
        self._buffer = data
        return answer

    def _message(self, kind: int, whole: bytes) -> bytes:
        body = whole[5:]
        if kind == ord("R"):
            return self._authenticate(body)
        if kind == ord("E"):
            raise OriginRefused(whole)
        if kind == ord("S"):
            name, value = messages.parse_parameter_status(body)
            self.parameters[name] = value
        elif kind == ord("K"):
            if len(body) < 8:
                raise ProtocolError("malformed BackendKeyData")
            self.process_id = struct.unpack_from("!I", body)[0]
            self.secret = body[4:]
        elif kind == ord("Z"):
            self.ready = True
        elif kind not in b"Nv":
            raise ProtocolError(f"unexpected message {chr(kind)!r} during start-up")
        return b""

    def _authenticate(self, body: bytes) -> bytes:
        if len(body) < 4:
            raise ProtocolError("malformed authentication request")
        code = struct.unpack_from("!I", body)[0]
        if self._require_channel_binding and self._scram is None and code != 10:
            raise AuthenticationFailed("channel binding is required, and the origin did not ask for it")
        try:
            if code == 0:
                if self._scram is not None and not self._scram.verified:
                    raise AuthenticationFailed("the origin did not prove that it knows the password")
                return b""
            if code == 3:
                return messages.password_message(self._password.encode() + b"\0")
            if code == 5:
                return messages.password_message(_md5(self._user, self._password, body[4:8]) + b"\0")
            if code == 10:
                return self._sasl_initial(body[4:])
            if self._scram is not None and code == 11:
                return messages.password_message(self._scram.final(body[4:]))
            if self._scram is not None and code == 12:
                self._scram.verify(body[4:])
                return b""
        except ScramError as error:
            raise AuthenticationFailed(str(error)) from error
        raise AuthenticationFailed(f"the origin asks for an unsupported authentication method ({code})")

    def _sasl_initial(self, names: bytes) -> bytes:
        offered = names.rstrip(b"\0").decode("utf-8", "replace").split("\0")
        if self._channel_binding is not None and MECHANISM_PLUS in offered:
            mechanism = MECHANISM_PLUS
            self._scram = ScramClient(self._password, channel_binding=self._channel_binding)
        elif self._require_channel_binding:
            raise AuthenticationFailed("channel binding is required, and the origin does not offer it")
        elif MECHANISM in offered:
            mechanism = MECHANISM
            self._scram = ScramClient(self._password, supported=self._channel_binding is not None)
        else:
            raise AuthenticationFailed(f"the origin offers only {', '.join(offered)}")
        return messages.sasl_initial_response(mechanism, self._scram.first())


def _md5(user: str, password: str, salt: bytes) -> bytes:
    inner = hashlib.md5(password.encode() + user.encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
    return b"md5" + outer.encode()
