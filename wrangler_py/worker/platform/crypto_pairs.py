"""Public and private keys: RSA, elliptic curves and Ed25519, by the cryptography package."""

from __future__ import annotations

from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from wrangler_py.worker.platform.arguments import wrong_field
from wrangler_py.worker.platform.buffers import array_buffer
from wrangler_py.worker.platform.crypto_key import (
    HASHES,
    CryptoKey,
    curve_of,
    failure,
    from_base64url,
    hash_of,
    jwk_of,
    make_key,
    required,
    split_usages,
    to_base64url,
)
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.values import JsTypeError, js_object, js_string, member

_HASHES: Final[dict[str, Any]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "md5": hashes.MD5,
}
_OKP: Final[dict[str, tuple[Any, Any]]] = {
    "Ed25519": (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
    "X25519": (x25519.X25519PublicKey, x25519.X25519PrivateKey),
}
_RSA_KEYS: Final = (rsa.RSAPublicKey, rsa.RSAPrivateKey)
_EC_KEYS: Final = (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)
_CLASSES: Final[dict[str, tuple[Any, Any]]] = {
    "RSASSA-PKCS1-v1_5": _RSA_KEYS,
    "RSA-PSS": _RSA_KEYS,
    "RSA-OAEP": _RSA_KEYS,
    "ECDSA": _EC_KEYS,
    "ECDH": _EC_KEYS,
    **_OKP,
}
_CURVES: Final[dict[str, Any]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


def digest(name: str) -> Any:
    """A hash of the cryptography package, by Python's name of it."""
    return _HASHES[name]()


def import_pair(name: str, kind: str, data: Any, algorithm: Any, extractable: bool, usages: list[str]) -> CryptoKey:
    if name.startswith("RSA"):
        hash_of(algorithm)
    elif name in {"ECDSA", "ECDH"}:
        curve_of(algorithm)
    try:
        pair = _load_jwk(name, data, algorithm) if kind == "jwk" else _load(name, kind, data.to_bytes(), algorithm)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        shown = {"spki": "SPKI", "pkcs8": "PKCS8"}.get(kind, kind)
        raise failure(f"Invalid {shown} input.", "DataError") from None
    if not isinstance(pair, _CLASSES[name]):
        raise failure(f"The imported key is no {name} key.", "DataError")
    private = hasattr(pair, "private_bytes")
    if private and not usages:
        raise failure("Secret/private CryptoKeys must have at least one usage.", "SyntaxError")
    key = make_key("private" if private else "public", _described(name, pair, algorithm), extractable, usages)
    key.pair = pair
    return key


def _load(name: str, kind: str, data: bytes, algorithm: Any) -> Any:
    if kind == "spki":
        return serialization.load_der_public_key(data)
    if kind == "pkcs8":
        return serialization.load_der_private_key(data, None)
    if name in _OKP:
        if len(data) != 32:
            raise failure(f"{name} raw keys must be exactly 32-bytes (provided {len(data)}).", "DataError")
        return _OKP[name][0].from_public_bytes(data)
    if name in {"ECDSA", "ECDH"}:
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve_of(algorithm)](), data)
        except ValueError:
            raise failure("Failed to import raw EC key data: Invalid point encoding..", "DataError") from None
    raise failure(f'Unrecognized key import format "{kind}".', "NotSupportedError")


def _load_jwk(name: str, jwk: Any, algorithm: Any) -> Any:
    kty = member(jwk, "kty")
    if kty == "RSA" and name.startswith("RSA"):
        public = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n"))
        if member(jwk, "d") is None:
            return public.public_key()
        p, q, d, dp, dq, qi = (_number(jwk, part) for part in ("p", "q", "d", "dp", "dq", "qi"))
        return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()
    if kty == "EC" and name in {"ECDSA", "ECDH"}:
        curve = _CURVES[curve_of(algorithm)]()
        numbers = ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), curve)
        if member(jwk, "d") is None:
            return numbers.public_key()
        return ec.EllipticCurvePrivateNumbers(_number(jwk, "d"), numbers).private_key()
    if kty == "OKP" and name in _OKP:
        public_class, private_class = _OKP[name]
        if member(jwk, "d") is None:
            return public_class.from_public_bytes(_bytes(jwk, "x"))
        return private_class.from_private_bytes(_bytes(jwk, "d"))
    raise failure(f'Unsupported JSON Web Key type "{js_string(kty)}" for {name}.', "DataError")


def _bytes(jwk: Any, name: str) -> bytes:
    value = member(jwk, name)
    if value is None:
        raise failure(f'Missing field "{name}" in the JSON Web Key.', "DataError")
    return from_base64url(js_string(value))


def _number(jwk: Any, name: str) -> int:
    return int.from_bytes(_bytes(jwk, name), "big")


def _described(name: str, pair: Any, algorithm: Any) -> dict[str, Any]:
    if name.startswith("RSA"):
        public = pair.public_key() if hasattr(pair, "private_bytes") else pair
        exponent = public.public_numbers().e
        from wrangler_py.worker.platform.typed_arrays import uint8_array

        return {
            "name": name,
            "modulusLength": pair.key_size,
            "publicExponent": uint8_array(bytearray(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))),
            "hash": js_object({"name": hash_of(algorithm)}),
        }
    return {"name": name, "namedCurve": curve_of(algorithm)} if name in {"ECDSA", "ECDH"} else {"name": name}


def generate_pair(name: str, algorithm: Any, extractable: bool, usages: list[str]) -> Any:
    private: Any
    if name.startswith("RSA"):
        private = _generate_rsa(algorithm)
    elif name in {"ECDSA", "ECDH"}:
        private = ec.generate_private_key(_CURVES[curve_of(algorithm)]())
    else:
        private = _OKP[name][1].generate()
    public_usages, private_usages = split_usages(usages)
    if not private_usages:
        raise failure("Attempt to generate asymmetric keys with no valid private key usages.", "SyntaxError")
    described = _described(name, private, algorithm)
    public_key = make_key("public", described, True, public_usages)
    private_key = make_key("private", described, extractable, private_usages)
    public_key.pair, private_key.pair = private.public_key(), private
    return js_object({"publicKey": public_key, "privateKey": private_key})


def _generate_rsa(algorithm: Any) -> Any:
    hash_of(algorithm)
    bits, exponent = to_int32(required(algorithm, "modulusLength")), required(algorithm, "publicExponent")
    number = int.from_bytes(exponent.to_bytes(), "big")
    if number not in {3, 65537}:
        raise failure(f'The "publicExponent" must be either 3 or 65537, but got {number}.', "OperationError")
    if bits % 8 or not 256 <= bits <= 16384:
        raise failure(
            f"The modulus length must be a multiple of 8 and between 256 and 16k, but {bits} was requested.",
            "OperationError",
        )
    try:
        return rsa.generate_private_key(number, bits)
    except ValueError as error:
        raise failure(f"wrangler-py can't generate this key: {error}", "OperationError") from None


def exchange(key: CryptoKey, algorithm: Any) -> bytes:
    """The secret that a private key shares with somebody else's public key."""
    public = required(algorithm, "public")
    if not isinstance(public, CryptoKey):
        raise wrong_field("public", "DeriveKeyAlgorithm", "CryptoKey")
    if public.type != "public":
        raise failure(f'The provided key has type "{public.type}", not "public"', "InvalidAccessError")
    if key.type != "private" or public.algorithm_name != key.algorithm_name:
        raise failure(
            "The two keys are not a private and a public one of the same algorithm.", "InvalidAccessError"
        )
    if key.algorithm_name == "X25519":
        return bytes(key.pair.exchange(public.pair))
    if public.pair.curve.name != key.pair.curve.name:
        raise failure("The two keys have different curves.", "InvalidAccessError")
    return bytes(key.pair.exchange(ec.ECDH(), public.pair))


def export_pair(kind: str, key: CryptoKey) -> Any:
    private = key.type == "private"
    if kind == "pkcs8":
        if not private:
            raise failure(f'Asymmetric pkcs8 export requires private key (not "{key.type}").', "InvalidAccessError")
        data = key.pair.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return array_buffer(bytearray(data))
    if kind == "spki":
        if private:
            raise failure(f'Asymmetric spki export requires public key (not "{key.type}").', "InvalidAccessError")
        data = key.pair.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return array_buffer(bytearray(data))
    if kind == "jwk":
        return jwk_of(key, _jwk(key))
    if kind == "raw" and not private and not key.algorithm_name.startswith("RSA"):
        encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        if key.algorithm_name in _OKP:
            encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return array_buffer(bytearray(key.pair.public_bytes(encoding, form)))
    if kind == "raw" and private:
        raise failure(
            f"Raw export of {key.algorithm_name} keys is only allowed for public keys.", "InvalidAccessError"
        )
    raise failure(f'Unimplemented key export format "{kind}".', "NotSupportedError")


def _jwk(key: CryptoKey) -> dict[str, Any]:
    private = key.type == "private"
    public = key.pair.public_key() if private else key.pair

    def encoded(number: int, size: int | None = None) -> str:
        return to_base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))

    if key.algorithm_name in _OKP:
        raw = serialization.Encoding.Raw
        jwk = {
            "kty": "OKP",
            "crv": key.algorithm_name,
            "x": to_base64url(public.public_bytes(raw, serialization.PublicFormat.Raw)),
        }
        if key.algorithm_name == "Ed25519":
            jwk["alg"] = "EdDSA"
        if private:
            secret = key.pair.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
            jwk["d"] = to_base64url(secret)
        return jwk
    numbers = public.public_numbers()
    if key.algorithm_name in {"ECDSA", "ECDH"}:
        size = (key.pair.curve.key_size + 7) // 8
        jwk = {
            "kty": "EC",
            "crv": key.algorithm.namedCurve,
            "x": encoded(numbers.x, size),
            "y": encoded(numbers.y, size),
        }
        if private:
            jwk["d"] = encoded(key.pair.private_numbers().private_value, size)
        return jwk
    bits = key.algorithm.hash.name.removeprefix("SHA-")
    alg = {"RSASSA-PKCS1-v1_5": f"RS{bits}", "RSA-PSS": f"PS{bits}"}.get(key.algorithm_name, f"RSA-OAEP-{bits}")
    jwk = {"kty": "RSA", "alg": alg, "n": encoded(numbers.n), "e": encoded(numbers.e)}
    if private:
        secrets = key.pair.private_numbers()
        names = {"d": "d", "p": "p", "q": "q", "dp": "dmp1", "dq": "dmq1", "qi": "iqmp"}
        jwk |= {name: encoded(getattr(secrets, attribute)) for name, attribute in names.items()}
    return jwk


def sign(key: CryptoKey, algorithm: Any, data: bytes) -> bytes:
    if key.type != "private":
        raise failure("Asymmetric signing requires a private key.", "InvalidAccessError")
    if key.algorithm_name == "Ed25519":
        return bytes(key.pair.sign(data))
    if key.algorithm_name == "ECDSA":
        size = (key.pair.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.pair.sign(data, ec.ECDSA(_hash_at_call(algorithm))))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return bytes(key.pair.sign(data, _padding(key, algorithm), digest(key.hash_name)))


def verify(key: CryptoKey, algorithm: Any, signature: bytes, data: bytes) -> bool:
    if key.type != "public":
        raise failure("Asymmetric verification requires a public key.", "InvalidAccessError")
    try:
        if key.algorithm_name == "Ed25519":
            key.pair.verify(signature, data)
        elif key.algorithm_name == "ECDSA":
            size = (key.pair.curve.key_size + 7) // 8
            if len(signature) != 2 * size:
                return False
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            key.pair.verify(encode_dss_signature(r, s), data, ec.ECDSA(_hash_at_call(algorithm)))
        else:
            key.pair.verify(signature, data, _padding(key, algorithm), digest(key.hash_name))
    except InvalidSignature:
        return False
    return True


def _hash_at_call(algorithm: Any) -> Any:
    if member(algorithm, "hash") is None:
        raise JsTypeError.new(
            'Missing "hash" in AlgorithmIdentifier. (ECDSA requires that the hash algorithm be specified at call '
            "time rather than on the key. This differs from other WebCrypto algorithms for historical reasons.)"
        )
    return digest(HASHES[hash_of(algorithm)])


def _padding(key: CryptoKey, algorithm: Any) -> Any:
    if key.algorithm_name == "RSASSA-PKCS1-v1_5":
        return padding.PKCS1v15()
    salt = member(algorithm, "saltLength")
    if salt is None:
        raise failure("Failed to provide salt for RSA-PSS key operation which requires a salt", "DataError")
    return padding.PSS(padding.MGF1(digest(key.hash_name)), to_int32(salt))


def oaep(key: CryptoKey, label: bytes | None) -> Any:
    return padding.OAEP(padding.MGF1(digest(key.hash_name)), digest(key.hash_name), label)
