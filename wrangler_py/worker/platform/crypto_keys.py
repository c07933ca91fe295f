"""Import, export and generation of keys: secret ones here, pairs in `crypto_pairs`."""

from __future__ import annotations

import os
from typing import Any, Final

from wrangler_py.worker.platform.arrays import js_array
from wrangler_py.worker.platform.buffers import JsBuffer, array_buffer
from wrangler_py.worker.platform.crypto_key import (
    HASHES,
    CryptoKey,
    failure,
    from_base64url,
    hash_of,
    make_key,
    to_base64url,
)
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.values import JsTypeError, js_object, js_string, member

_BLOCKS: Final = {"sha1": 512, "sha256": 512, "sha384": 1024, "sha512": 1024, "md5": 512}
_SIGN: Final = frozenset({"sign", "verify"})
_DERIVE: Final = frozenset({"deriveBits", "deriveKey"})
_CIPHER: Final = frozenset({"encrypt", "decrypt", "wrapKey", "unwrapKey"})
_WRAP: Final = frozenset({"wrapKey", "unwrapKey"})
ALGORITHMS: Final = {
    "HMAC": _SIGN,
    "AES-GCM": _CIPHER,
    "AES-CBC": _CIPHER,
    "AES-CTR": _CIPHER,
    "AES-KW": _WRAP,
    "PBKDF2": _DERIVE,
    "HKDF": _DERIVE,
    "RSASSA-PKCS1-v1_5": _SIGN,
    "RSA-PSS": _SIGN,
    "RSA-OAEP": _CIPHER,
    "ECDSA": _SIGN,
    "Ed25519": _SIGN,
}
_BY_LOWER: Final = {name.lower(): name for name in ALGORITHMS}


def algorithm_name(algorithm: Any) -> str:
    """The name in an algorithm argument, spelled as the standard does where it is known."""
    name = algorithm if isinstance(algorithm, str) else member(algorithm, "name")
    if name is None:
        raise JsTypeError.new('Missing field "name" in "algorithm".')
    text = js_string(name)
    return _BY_LOWER.get(text.lower(), text)


def _checked_usages(usages: Any, name: str, what: str) -> list[str]:
    given = [js_string(usage) for usage in usages]
    allowed = ALGORITHMS[name]
    for usage in given:
        if usage not in allowed:
            raise failure(f'Attempt to {what} {name} key with invalid usage "{usage}".', "SyntaxError")
    return given


def import_key(kind: str, data: Any, algorithm: Any, extractable: bool, usages: Any) -> CryptoKey:
    name = algorithm_name(algorithm)
    if name not in ALGORITHMS:
        raise failure(f'Unrecognized key import algorithm "{name}" requested.', "NotSupportedError")
    if kind not in {"raw", "jwk", "spki", "pkcs8"}:
        raise failure(f'Unrecognized key import format "{kind}".', "NotSupportedError")
    if kind != "jwk" and not isinstance(data, JsBuffer):
        raise JsTypeError.new(
            'Import data provided for "raw", "pkcs8", or "spki" import formats must be a buffer source.'
        )
    if name in {"RSASSA-PKCS1-v1_5", "RSA-PSS", "RSA-OAEP", "ECDSA", "Ed25519"}:
        from wrangler_py.worker.platform.crypto_pairs import import_pair

        given = _checked_usages(usages, name, "import")
        return import_pair(name, kind, data, algorithm, extractable, given)
    given = _checked_usages(usages, name, "import secret")
    secret = _secret_of(kind, data)
    if not given:
        raise failure("Secret/private CryptoKeys must have at least one usage.", "SyntaxError")
    key = make_key("secret", _secret_algorithm(name, algorithm, secret), extractable, given)
    key.secret = secret
    return key


def _secret_of(kind: str, data: Any) -> bytes:
    if kind == "raw":
        content: bytes = data.to_bytes()
        return content
    if kind != "jwk":
        raise failure(f'Unrecognized key import format "{kind}".', "NotSupportedError")
    if member(data, "kty") != "oct":
        raise failure(
            'Symmetric "jwk" key import requires a JSON Web Key with Key Type parameter "kty" equal to "oct".',
            "DataError",
        )
    return from_base64url(js_string(member(data, "k") or ""))


def _secret_algorithm(name: str, algorithm: Any, secret: bytes) -> dict[str, Any]:
    if name == "HMAC":
        length = member(algorithm, "length")
        bits = 8 * len(secret) if length is None else to_int32(length)
        if not secret or bits <= 0:
            raise failure("Imported HMAC key length must be a non-zero value.", "DataError")
        return {"name": name, "hash": js_object({"name": hash_of(algorithm)}), "length": bits}
    if name.startswith("AES-"):
        bits = 8 * len(secret)
        if bits not in {128, 192, 256}:
            raise failure(
                f"Imported AES key length must be 128, 192, or 256 bits but provided {bits}.", "DataError"
            )
        return {"name": name, "length": bits}
    return {"name": name}


def export_key(kind: str, key: CryptoKey) -> Any:
    if not key.extractable:
        raise failure(f"Attempt to export non-extractable {key.algorithm_name} key.", "InvalidAccessError")
    if key.type != "secret":
        from wrangler_py.worker.platform.crypto_pairs import export_pair

        return export_pair(kind, key)
    if kind == "raw":
        return array_buffer(bytearray(key.secret))
    if kind != "jwk":
        raise failure(f'Cannot export "{key.algorithm_name}" in "{kind}" format.', "NotSupportedError")
    bits = key.algorithm.length
    alg = f"HS{key.algorithm.hash.name.removeprefix('SHA-')}" if key.algorithm_name == "HMAC" else None
    if key.algorithm_name.startswith("AES-"):
        alg = f"A{bits}{key.algorithm_name.removeprefix('AES-')}"
    return js_object(
        {
            "kty": "oct",
            "k": to_base64url(key.secret),
            "alg": alg,
            "key_ops": js_array(list(key.usages)),
            "ext": True,
        }
    )


def generate_key(algorithm: Any, extractable: bool, usages: Any) -> Any:
    name = algorithm_name(algorithm)
    if name not in ALGORITHMS or name in {"PBKDF2", "HKDF"}:
        raise failure(f'Unrecognized key generation algorithm "{name}" requested.', "NotSupportedError")
    given = _checked_usages(usages, name, "generate")
    if name.startswith(("RSA", "EC", "Ed")):
        from wrangler_py.worker.platform.crypto_pairs import generate_pair

        return generate_pair(name, algorithm, extractable, given)
    if not given:
        raise failure("Secret/private CryptoKeys must have at least one usage.", "SyntaxError")
    if name == "HMAC":
        hashed = hash_of(algorithm)
        length = member(algorithm, "length")
        bits = _BLOCKS[HASHES[hashed]] if length is None else to_int32(length)
        kind = {"name": name, "hash": js_object({"name": hashed}), "length": bits}
    else:
        length = member(algorithm, "length")
        if length is None:
            raise JsTypeError.new('Missing field "length" in "algorithm".')
        bits = to_int32(length)
        if bits not in {128, 192, 256}:
            raise failure(
                f"Generated AES key length must be 128, 192, or 256 bits but requested {bits}.", "OperationError"
            )
        kind = {"name": name, "length": bits}
    key = make_key("secret", kind, extractable, given)
    key.secret = os.urandom((bits + 7) // 8)
    return key
