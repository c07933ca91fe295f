"""`CryptoKey`, and what the files about keys share: names of hashes, errors, base64url."""

from __future__ import annotations

import base64
from typing import Any, Final

from wrangler_py.worker.platform.arrays import JsArray, js_array
from wrangler_py.worker.platform.dom_exception import DOMException
from wrangler_py.worker.platform.values import JsProxy, JsTypeError, js_object, js_string, jsnull, member

HASHES: Final = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512", "MD5": "md5"}
CURVES: Final = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1"}
_USAGES: Final = ("encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey")
_JWK: Final = (
    "kty", "use", "key_ops", "alg", "ext", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "oth", "k",
    "pub", "priv",
)  # fmt: skip
_PUBLIC: Final = frozenset({"verify", "encrypt", "wrapKey"})


def failure(message: str, name: str) -> Exception:
    error: Exception = DOMException.new(message, name)
    return error


class CryptoKey(JsProxy):
    """A key."""

    illegal_constructor = True

    _type: str
    _extractable: bool
    _algorithm: Any
    _usages: JsArray
    secret: bytes
    """The bytes of a secret key."""
    pair: Any
    """The key object of the cryptography package, of a public or private key."""

    @property
    def type(self) -> str:
        return self._type

    @property
    def extractable(self) -> bool:
        return self._extractable

    @property
    def algorithm(self) -> Any:
        return self._algorithm

    @property
    def usages(self) -> JsArray:
        return self._usages

    @property
    def algorithm_name(self) -> str:
        return str(self.algorithm.name)

    @property
    def hash_name(self) -> str:
        return HASHES[self.algorithm.hash.name]


def make_key(kind: str, algorithm: dict[str, Any], extractable: bool, usages: list[str]) -> CryptoKey:
    key = object.__new__(CryptoKey)
    key._type, key._extractable, key._algorithm = kind, extractable, js_object(algorithm)
    key._usages = js_array([usage for usage in _USAGES if usage in usages])
    key.secret, key.pair = b"", None
    return key


def hash_of(algorithm: Any) -> str:
    """The name of the hash in an algorithm argument."""
    return hash_name(required(algorithm, "hash"))


def required(algorithm: Any, name: str, of: str = "algorithm") -> Any:
    """A parameter of an algorithm. Raises TypeError if it is missing."""
    value = member(algorithm, name)
    if value is None:
        raise JsTypeError.new(f'Missing field "{name}" in "{of}".')
    return value


def curve_of(algorithm: Any) -> str:
    """The name of the curve in an algorithm argument."""
    given = js_string(required(algorithm, "namedCurve"))
    if given.upper() not in CURVES:
        raise failure(f'Unrecognized or unimplemented EC curve "{given}" requested.', "NotSupportedError")
    return given.upper()


def not_given(struct: str) -> Exception:
    """The error for null or undefined in the place of an algorithm. It names a class of workerd's."""
    error: Exception = JsTypeError.new(
        f"Cannot initialize N7workerd3api12SubtleCrypto{len(struct)}{struct}E with required members from an "
        "undefined or null value."
    )
    return error


def hash_name(given: Any) -> str:
    if given is None or given is jsnull:
        raise not_given("HashAlgorithm")
    name = js_string(given if isinstance(given, str) else member(given, "name")).upper()
    if name not in HASHES:
        raise failure("Unrecognized or unimplemented digest algorithm requested.", "NotSupportedError")
    return name


def jwk_of(key: CryptoKey, fields: dict[str, Any]) -> Any:
    """A JSON Web Key as an object, which has every field."""
    given = fields | {"key_ops": js_array(list(key.usages)), "ext": key.extractable}
    return js_object({name: given.get(name) for name in _JWK})


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
