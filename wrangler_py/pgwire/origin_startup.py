"""The start-up of a connection to an origin, as its client: start-up packet and authentication.

Encryption is negotiated before (see `messages.ssl_request`). Sources: PostgreSQL documentation, "Message Flow:
Start-up" and "SASL Authentication".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import (
    AUTHENTICATION,
    BACKEND_KEY_DATA,
    ERROR_RESPONSE,
    NEGOTIATE_PROTOCOL_VERSION,
    NOTICE_RESPONSE,
    PARAMETER_STATUS,
    READY_FOR_QUERY,
)
from wrangler_py.pgwire.messages import (
    AUTHENTICATION_SASL,
    AUTHENTICATION_SASL_CONTINUE,
    AUTHENTICATION_SASL_FINAL,
    ProtocolError,
)
from wrangler_py.pgwire.scram import MECHANISM, MECHANISM_PLUS, ScramClient, ScramError

MAX_STARTUP_MESSAGE_BYTES: Final = 1_000_000

_OK, _CLEARTEXT_PASSWORD, _MD5_PASSWORD = 0, 3, 5
"""Authentication requests, beside those of SASL in `messages`."""


class OriginRefused(Exception):
    """The origin answered with an ErrorResponse; `response` is the whole message, `fields` are its fields."""

    def __init__(self, response: bytes) -> None:
        self.response = response
        self.fields = messages.parse_report(response[5:])
        super().__init__(self.fields.get("M", "the origin refused the connection"))

    @property
    def sqlstate(self) -> str:
        return self.fields.get("C", "")


class AuthenticationFailed(Exception):
    """Authentication can't be completed: the method is unsupported, or the origin doesn't know the password."""


class OriginStartup:
    """Bytes in, bytes out, until `ready`.

    Then `parameters` holds the ParameterStatus values, and `process_id` and `secret` are the cancel key.
    `channel_binding` is the tls-server-end-point data of an encrypted connection, if there is any. With
    `require_channel_binding`, only an authentication that uses it is accepted.
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
        """Returns what to send in answer. Raises OriginRefused, AuthenticationFailed and ProtocolError."""
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
        if kind == AUTHENTICATION:
            return self._authenticate(body)
        if kind == ERROR_RESPONSE:
            raise OriginRefused(whole)
        if kind == PARAMETER_STATUS:
            name, value = messages.parse_parameter_status(body)
            self.parameters[name] = value
        elif kind == BACKEND_KEY_DATA:
            if len(body) < 8:
                raise ProtocolError("malformed BackendKeyData")
            self.process_id = struct.unpack_from("!I", body)[0]
            self.secret = body[4:]
        elif kind == READY_FOR_QUERY:
            self.ready = True
        elif kind not in (NOTICE_RESPONSE, NEGOTIATE_PROTOCOL_VERSION):
            raise ProtocolError(f"unexpected message {chr(kind)!r} during start-up")
        return b""

    def _authenticate(self, body: bytes) -> bytes:
        if len(body) < 4:
            raise ProtocolError("malformed authentication request")
        code = struct.unpack_from("!I", body)[0]
        if self._require_channel_binding and self._scram is None and code != AUTHENTICATION_SASL:
            raise AuthenticationFailed("channel binding is required, and the origin did not ask for it")
        try:
            if code == _OK:
                if self._scram is not None and not self._scram.verified:
                    raise AuthenticationFailed("the origin did not prove that it knows the password")
                return b""
            if code == _CLEARTEXT_PASSWORD:
                return messages.password_message(self._password.encode() + b"\0")
            if code == _MD5_PASSWORD:
                return messages.password_message(_md5(self._user, self._password, body[4:8]) + b"\0")
            if code == AUTHENTICATION_SASL:
                return self._sasl_initial(body[4:])
            if self._scram is not None and code == AUTHENTICATION_SASL_CONTINUE:
                return messages.password_message(self._scram.final(body[4:]))
            if self._scram is not None and code == AUTHENTICATION_SASL_FINAL:
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
