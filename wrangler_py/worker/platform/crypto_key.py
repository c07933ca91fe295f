"""`CryptoKey`, and what the files about keys share: names of hashes, errors, base64url."""

from __future__ import annotations

import base64
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.values import DOMException, JsProxy, JsTypeError, js_object, js_string, member

HASHES: Final = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512", "MD5": "md5"}
CURVES: Final = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1"}
_USAGES: Final = ("encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey")
_PUBLIC: Final = frozenset({"verify", "encrypt", "wrapKey"})


def failure(message: str, name: str) -> Exception:
    error: Exception = DOMException.new(message, name)
    return error


class CryptoKey(JsProxy):
    """A key."""

    illegal_constructor = True

    type: str
    extractable: bool
    algorithm: Any
    usages: JsArray
    secret: bytes
    """The bytes of a secret key."""
    pair: Any
    """The key object of the cryptography package, of a public or private key."""

    @property
    def algorithm_name(self) -> str:
        return str(self.algorithm.name)

    @property
    def hash_name(self) -> str:
        return HASHES[self.algorithm.hash.name]


def make_key(kind: str, algorithm: dict[str, Any], extractable: bool, usages: list[str]) -> CryptoKey:
    key = object.__new__(CryptoKey)
    key.type, key.extractable, key.algorithm = kind, extractable, js_object(algorithm)
    key.usages = js_array([usage for usage in _USAGES if usage in usages])
    key.secret, key.pair = b"", None
    return key


def hash_of(algorithm: Any) -> str:
    """The name of the hash in an algorithm argument."""
    given = member(algorithm, "hash")
    if given is None:
        raise JsTypeError.new('Missing field "hash" in "algorithm".')
    return hash_name(given)


def hash_name(given: Any) -> str:
    name = js_string(given if isinstance(given, str) else member(given, "name")).upper()
    if name not in HASHES:
        raise failure("Unrecognized or unimplemented digest algorithm requested.", "NotSupportedError")
    return name


def split_usages(usages: list[str]) -> tuple[list[str], list[str]]:
    """The usages of the public and of the private key of a pair."""
    return [u for u in usages if u in _PUBLIC], [u for u in usages if u not in _PUBLIC]


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise failure("Invalid base64Url encoding in a JSON Web Key.", "DataError") from None
