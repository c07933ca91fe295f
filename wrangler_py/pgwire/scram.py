"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, client and server, as state machines without I/O.

Sources: RFC 5802, RFC 7677, RFC 5929 (tls-server-end-point), PostgreSQL documentation "SASL Authentication".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from dataclasses import dataclass, field

MECHANISM = "SCRAM-SHA-256"
MECHANISM_PLUS = "SCRAM-SHA-256-PLUS"
ITERATIONS = 4096
QUICK_ITERATIONS = 1
"""Enough for a random password, which can't be guessed anyway. PostgreSQL's `scram_iterations` may be as low."""
MAX_ITERATIONS = 10_000_000
"""More than any real server asks for; a hostile one could otherwise stop the event loop for minutes."""


_LIBPQ = re.compile(rb"[ny],,n=,r=[A-Za-z0-9+/]{24}\Z")


class ScramError(Exception):
    """The exchange failed: a message is malformed, or a proof is wrong."""


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _b64decode(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ScramError("malformed base64") from error


def _attributes(data: bytes) -> dict[bytes, bytes]:
    result: dict[bytes, bytes] = {}
    for part in data.split(b","):
        if part[1:2] != b"=":
            raise ScramError("malformed attribute")
        result[part[:1]] = part[2:]
    return result


def saslprep(password: str) -> bytes:
    """A password prepared as in RFC 4013. Like PostgreSQL, it leaves a password alone that can't be prepared."""
    if password.isascii():
        return password.encode()
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    prepared = unicodedata.normalize("NFKC", mapped)
    prohibited = (
        stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9,
    )  # fmt: skip
    if not prepared or any(check(c) for c in prepared for check in prohibited):
        return password.encode()
    if any(map(stringprep.in_table_d1, prepared)) and (
        any(map(stringprep.in_table_d2, prepared))
        or not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1]))
    ):
        return password.encode()
    return prepared.encode()


@dataclass(frozen=True, slots=True)
class Verifier:
    """The data that a server stores for a password."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str, *, iterations: int = ITERATIONS, salt: bytes | None = None) -> Verifier:
        salt = salt or secrets.token_bytes(16)
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(password), salt, iterations)
        stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        return cls(salt, iterations, stored, _hmac(salted, b"Server Key"))


class ScramServer:
    """The server, without channel binding: `first`, then `final`.

    `quick` is a verifier of the same password with fewer iterations, for clients that accept any number. libpq
    does; it is recognised by its first message. Others, such as pg8000 and some versions of pgjdbc, refuse fewer
    than RFC 7677 recommends.
    """

    def __init__(self, verifier: Verifier, quick: Verifier | None = None, nonce: str | None = None) -> None:
        self._verifier = verifier
        self._quick = quick
        self._nonce = (nonce or secrets.token_urlsafe(18)).encode()
        self._gs2_header = b""
        self._client_first_bare = b""
        self._server_first = b""

    def first(self, client_first: bytes) -> bytes:
        """Returns the answer to the client's first message. Raises ScramError."""
        flag, separator, rest = client_first.partition(b",")
        authzid, separator2, bare = rest.partition(b",")
        if not separator or not separator2 or flag not in (b"n", b"y") or authzid:
            raise ScramError("unsupported channel binding or authorisation identity")
        client_nonce = _attributes(bare).get(b"r")
        if not client_nonce:
            raise ScramError("no nonce")
        if self._quick is not None and _LIBPQ.match(client_first):
            self._verifier = self._quick
        self._gs2_header = flag + b",,"
        self._client_first_bare = bare
        self._nonce = client_nonce + self._nonce
        self._server_first = b"r=%s,s=%s,i=%d" % (
            self._nonce, base64.b64encode(self._verifier.salt), self._verifier.iterations,
        )  # fmt: skip
        return self._server_first

    def final(self, client_final: bytes) -> bytes:
        """Checks the client's proof, and returns the server's. Raises ScramError."""
        without_proof, separator, proof_text = client_final.rpartition(b",p=")
        if not separator:
            raise ScramError("no proof")
        attributes = _attributes(without_proof)
        if attributes.get(b"r") != self._nonce or _b64decode(attributes.get(b"c", b"")) != self._gs2_header:
            raise ScramError("nonce or channel binding differs")
        auth_message = b",".join((self._client_first_bare, self._server_first, without_proof))
        proof = _b64decode(proof_text)
        if len(proof) != 32:
            raise ScramError("malformed proof")
        client_key = _xor(proof, _hmac(self._verifier.stored_key, auth_message))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key):
            raise ScramError("password authentication failed")
        return b"v=" + base64.b64encode(_hmac(self._verifier.server_key, auth_message))


class ScramClient:
    """The client: `first`, then `final`, then `verify`.

    `channel_binding` is the tls-server-end-point data if the server offers SCRAM-SHA-256-PLUS. `supported` says
    that the client could have used it but the server didn't offer it, so the server can notice a downgrade. `user`
    is empty, as in libpq: PostgreSQL takes the name from the start-up packet.
    """

    def __init__(
        self,
        password: str,
        *,
        channel_binding: bytes | None = None,
        supported: bool = False,
        user: str = "",
        nonce: str | None = None,
    ) -> None:
        self._password = password
        self._nonce = (nonce or secrets.token_urlsafe(18)).encode()
        self._user = user.replace("=", "=3D").replace(",", "=2C").encode()
        self._gs2_header = (
            b"p=tls-server-end-point,," if channel_binding is not None else b"y,," if supported else b"n,,"
        )
        self._channel_binding = channel_binding or b""
        self._server_signature = b""
        self._verified = False

    @property
    def verified(self) -> bool:
        """Whether the server has proved that it knows the password."""
        return self._verified

    def first(self) -> bytes:
        return self._gs2_header + self._first_bare()

    def _first_bare(self) -> bytes:
        return b"n=" + self._user + b",r=" + self._nonce

    def final(self, server_first: bytes) -> bytes:
        """Returns the answer to the server's first message. Raises ScramError."""
        attributes = _attributes(server_first)
        nonce = attributes.get(b"r", b"")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise ScramError("the server's nonce is not an extension of ours")
        try:
            iterations = int(attributes[b"i"])
            salt = _b64decode(attributes[b"s"])
        except (KeyError, ValueError) as error:
            raise ScramError("malformed server message") from error
        if not 1 <= iterations <= MAX_ITERATIONS:
            raise ScramError("unreasonable iteration count")
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(self._password), salt, iterations)
        client_key = _hmac(salted, b"Client Key")
        binding = base64.b64encode(self._gs2_header + self._channel_binding)
        without_proof = b"c=" + binding + b",r=" + nonce
        auth_message = b",".join((self._first_bare(), server_first, without_proof))
        signature = _hmac(hashlib.sha256(client_key).digest(), auth_message)
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), auth_message)
        return without_proof + b",p=" + base64.b64encode(_xor(client_key, signature))

    def verify(self, server_final: bytes) -> None:
        """Checks that the server knows the password. Raises ScramError."""
        attributes = _attributes(server_final)
        if b"e" in attributes:
            raise ScramError(attributes[b"e"].decode("utf-8", "replace"))
        signature = _b64decode(attributes.get(b"v", b""))
        if not self._server_signature or not hmac.compare_digest(signature, self._server_signature):
            raise ScramError("the server's proof is wrong")
        self._verified = True
