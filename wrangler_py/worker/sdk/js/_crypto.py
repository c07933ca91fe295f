"""`crypto`: random values, digests, and HMAC signatures."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from typing import Any

from wrangler_py.worker.sdk.js._buffers import ArrayBuffer
from wrangler_py.worker.sdk.js._values import JsException, JsProxy, properties

_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512", "md5"})


class CryptoKey(JsProxy):
    """A key that `crypto.subtle.importKey` was given."""

    type = "secret"

    def __init__(self, secret: bytes, digest: str, *, extractable: bool, usages: tuple[str, ...]) -> None:
        self._secret = secret
        self._digest = digest
        self.extractable = extractable
        self.usages = usages

    def __repr__(self) -> str:
        return f"CryptoKey(HMAC, {self._digest})"


class SubtleCrypto(JsProxy):
    """`crypto.subtle`: `digest`, HMAC keys, `timingSafeEqual`."""

    async def digest(self, algorithm: Any, data: Any) -> ArrayBuffer:
        return ArrayBuffer(hashlib.new(_digest_name(algorithm), bytes(data)).digest())

    async def importKey(
        self, format: str, key_data: Any, algorithm: Any, extractable: bool, usages: Any
    ) -> CryptoKey:
        """Take a raw HMAC key. Raises JsException (NotSupportedError) for every other kind."""
        given = _options(algorithm)
        if format != "raw" or str(given.get("name", "")).upper() != "HMAC":
            name = given.get("name")
            raise JsException(f"Only raw HMAC keys can be imported here, not {format} {name}", "NotSupportedError")
        digest = _digest_name(given.get("hash"))
        return CryptoKey(bytes(key_data), digest, extractable=bool(extractable), usages=tuple(usages))

    async def sign(self, algorithm: Any, key: CryptoKey, data: Any) -> ArrayBuffer:
        _check_usage(key, "sign")
        return ArrayBuffer(hmac.digest(key._secret, bytes(data), key._digest))

    async def verify(self, algorithm: Any, key: CryptoKey, signature: Any, data: Any) -> bool:
        _check_usage(key, "verify")
        return hmac.compare_digest(hmac.digest(key._secret, bytes(data), key._digest), bytes(signature))

    def timingSafeEqual(self, a: Any, b: Any) -> bool:
        """Whether two buffers of one length are equal, in a time that doesn't tell where they differ."""
        if len(a) != len(b):
            raise JsException("Input buffers must have the same byte length.", "TypeError")
        return hmac.compare_digest(bytes(a), bytes(b))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError(
            f"crypto.subtle.{name} is not emulated: use Python's hmac, hashlib or cryptography"
        )


class Crypto(JsProxy):
    """`crypto`."""

    subtle = SubtleCrypto()

    def randomUUID(self) -> str:
        return str(uuid.uuid4())

    def getRandomValues(self, array: Any) -> Any:
        array[:] = os.urandom(len(array))
        return array


crypto = Crypto()


def _options(algorithm: Any) -> dict[str, Any]:
    """An algorithm as its object; its name alone stands for an object with that name."""
    return {"name": algorithm} if isinstance(algorithm, str) else properties(algorithm)


def _digest_name(algorithm: Any) -> str:
    name = str(_options(algorithm).get("name", "")).lower().replace("-", "")
    if name not in _DIGESTS:
        raise JsException(f"Unrecognized digest algorithm: {algorithm}", "NotSupportedError")
    return name


def _check_usage(key: CryptoKey, usage: str) -> None:
    if usage not in key.usages:
        raise JsException(
            f"The key may not be used to {usage}: name it in the usages of importKey", "InvalidAccessError"
        )
