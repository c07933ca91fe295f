"""Import, export and generation of keys: secret ones here, pairs in `crypto_pairs`."""

from __future__ import annotations

import os
from typing import Any, Final

from wrangler_py.worker.platform.buffers import JsBuffer, array_buffer
from wrangler_py.worker.platform.crypto_key import (
    HASHES,
    CryptoKey,
    failure,
    from_base64url,
    hash_of,
    jwk_of,
    make_key,
    not_given,
    required,
    to_base64url,
)
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.values import JsException, JsTypeError, js_object, js_string, jsnull, member

BLOCKS: Final = {"sha1": 512, "sha256": 512, "sha384": 1024, "sha512": 1024, "md5": 512}
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
    "ECDH": _DERIVE,
    "Ed25519": _SIGN,
    "X25519": _DERIVE,
}
PAIRS: Final = frozenset({"RSASSA-PKCS1-v1_5", "RSA-PSS", "RSA-OAEP", "ECDSA", "ECDH", "Ed25519", "X25519"})
_BY_LOWER: Final = {name.lower(): name for name in ALGORITHMS}


def algorithm_name(algorithm: Any) -> str:
    """The name in an algorithm argument, spelled as the standard does where it is known."""
    text = js_string(algorithm if isinstance(algorithm, str) else required(algorithm, "name"))
    return _BY_LOWER.get(text.lower(), text)


def _checked_usages(usages: Any, name: str, what: str) -> list[str]:
    given = [js_string(usage) for usage in usages]
    allowed = ALGORITHMS[name]
    for usage in given:
        if usage not in allowed:
            raise failure(f'Attempt to {what} {name} key with invalid usage "{usage}".', "SyntaxError")
    return given


def import_key(kind: str, data: Any, algorithm: Any, extractable: bool, usages: Any) -> CryptoKey:
    if algorithm is None or algorithm is jsnull:
        raise not_given("ImportKeyAlgorithm")
    name = algorithm_name(algorithm)
    if name not in ALGORITHMS:
        raise failure(f'Unrecognized key import algorithm "{name}" requested.', "NotSupportedError")
    if kind not in {"raw", "jwk", "spki", "pkcs8"}:
        raise failure(f'Unrecognized key import format "{kind}".', "NotSupportedError")
    if kind != "jwk" and not isinstance(data, JsBuffer):
        raise JsTypeError.new(
            'Import data provided for "raw", "pkcs8", or "spki" import formats must be a buffer source.'
        )
    if kind == "jwk" and isinstance(data, JsBuffer):
        raise JsTypeError.new('Import data provided for "jwk" import format must be a JsonWebKey.')
    if name in PAIRS:
        from wrangler_py.worker.platform.crypto_pairs import import_pair

        given = _checked_usages(usages, name, "import")
        return import_pair(name, kind, data, algorithm, extractable, given)
    given = _checked_usages(usages, name, "import secret")
    if name in {"PBKDF2", "HKDF"} and extractable:
        raise failure(f"{name} key cannot be extractable.", "SyntaxError")
    secret = _secret_of(name, kind, data)
    if not given:
        raise failure("Secret/private CryptoKeys must have at least one usage.", "SyntaxError")
    if kind == "jwk":
        _check_jwk(name, data, algorithm, secret, extractable)
    key = make_key("secret", _secret_algorithm(name, algorithm, secret), extractable, given)
    key.secret = secret
    return key


def _secret_of(name: str, kind: str, data: Any) -> bytes:
    if kind == "raw":
        content: bytes = data.to_bytes()
        return content
    if name in {"PBKDF2", "HKDF"}:
        raise failure(f'{name} key must be imported in "raw" format (requested "{kind}")', "NotSupportedError")
    if kind != "jwk":
        raise failure(f'Unrecognized key import format "{kind}".', "NotSupportedError")
    kty, encoded = member(data, "kty"), member(data, "k")
    shown = "HMAC" if name == "HMAC" else "Symmetric"
    if kty != "oct":
        found = f' (encountered "{js_string(kty)}").' if name == "HMAC" else "."
        named = '("kty")' if name == "HMAC" else '"kty"'
        raise failure(
            f'{shown} "jwk" key import requires a JSON Web Key with Key Type parameter {named} equal to '
            f'"oct"{found}',
            "DataError",
        )
    try:
        return from_base64url(js_string(required(data, "k")))
    except JsException:
        if name != "HMAC" and encoded is not None:
            raise
        raise failure(f'{shown} "jwk" key import requires a base64Url encoding of the key', "DataError") from None


def _check_jwk(name: str, jwk: Any, algorithm: Any, secret: bytes, extractable: bool) -> None:
    """Raise DataError if a JSON Web Key says of itself that it is for something else."""
    if extractable and member(jwk, "ext") is False:
        raise failure(f'JWK ext field for "{name}" is set to false but extractable is true', "DataError")
    alg = member(jwk, "alg")
    if alg is None:
        return
    if name == "HMAC":
        expected = f"HS{hash_of(algorithm).removeprefix('SHA-')}"
        if alg != expected:
            raise failure(
                'HMAC "jwk" key import specifies "alg" that is incompatible with the hash name '
                f'(encountered "{js_string(alg)}", expected "{expected}").',
                "DataError",
            )
    elif name.startswith("AES-"):
        expected = f"A{8 * len(secret)}{name.removeprefix('AES-')}"
        if alg != expected:
            raise failure(
                f'Symmetric "jwk" key contains invalid "alg" value "{js_string(alg)}", expected "{expected}".',
                "DataError",
            )


def _secret_algorithm(name: str, algorithm: Any, secret: bytes) -> dict[str, Any]:
    if name == "HMAC":
        hashed = hash_of(algorithm)
        length, whole = member(algorithm, "length"), 8 * len(secret)
        bits = whole if length is None else to_int32(length)
        if not 0 < bits <= whole or bits <= whole - 8:
            raise failure(
                f"Imported HMAC key length ({bits}) must be a non-zero value up to 7 bits less than, and no "
                f"greater than, the bit length of the raw key data ({whole}).",
                "DataError",
            )
        return {"name": name, "hash": js_object({"name": hashed}), "length": bits}
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
        raise failure(f'Unimplemented key export format "{kind}".', "NotSupportedError")
    bits = key.algorithm.length
    alg = f"HS{key.algorithm.hash.name.removeprefix('SHA-')}" if key.algorithm_name == "HMAC" else None
    if key.algorithm_name.startswith("AES-"):
        alg = f"A{bits}{key.algorithm_name.removeprefix('AES-')}"
    return jwk_of(key, {"kty": "oct", "k": to_base64url(key.secret), "alg": alg})


def generate_key(algorithm: Any, extractable: bool, usages: Any) -> Any:
    name = algorithm_name(algorithm)
    if name not in ALGORITHMS or name in {"PBKDF2", "HKDF"}:
        raise failure(f'Unrecognized key generation algorithm "{name}" requested.', "NotSupportedError")
    given = _checked_usages(usages, name, "generate")
    if name in PAIRS:
        from wrangler_py.worker.platform.crypto_pairs import generate_pair

        return generate_pair(name, algorithm, extractable, given)
    if not given:
        raise failure("Secret/private CryptoKeys must have at least one usage.", "SyntaxError")
    if name == "HMAC":
        hashed = hash_of(algorithm)
        length = member(algorithm, "length")
        bits = BLOCKS[HASHES[hashed]] if length is None else to_int32(length)
        if bits <= 0:
            raise failure(
                f"HMAC key length must be a non-zero unsigned long integer (requested {bits}).", "OperationError"
            )
        kind = {"name": name, "hash": js_object({"name": hashed}), "length": bits}
    else:
        bits = to_int32(required(algorithm, "length"))
        if bits not in {128, 192, 256}:
            raise failure(
                f"Generated AES key length must be 128, 192, or 256 bits but requested {bits}.", "OperationError"
            )
        kind = {"name": name, "length": bits}
    key = make_key("secret", kind, extractable, given)
    key.secret = os.urandom((bits + 7) // 8)
    return key
