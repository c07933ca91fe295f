"""Encryption: AES and RSA-OAEP, by the cryptography package."""

from __future__ import annotations

from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.padding import PKCS7

from wrangler_py.worker.platform.arguments import wrong_field
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.crypto_key import CryptoKey, failure, required
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.values import JsTypeError, member

_SHORTEST_IV: Final = 8
_LONGEST_IV: Final = 128
_TAGS: Final = (32, 64, 96, 104, 112, 120, 128)


def encrypt(key: CryptoKey, algorithm: Any, data: bytes) -> bytes:
    name = key.algorithm_name
    if name == "AES-GCM":
        iv, more, tag = _gcm_options(algorithm)
        sealed = AESGCM(key.secret).encrypt(iv, data, more)
        return sealed[: len(sealed) - 16 + tag // 8]
    if name == "AES-CBC":
        padder = PKCS7(128).padder()
        cipher = Cipher(algorithms.AES(key.secret), modes.CBC(_cbc_iv(algorithm))).encryptor()
        return cipher.update(padder.update(data) + padder.finalize()) + cipher.finalize()
    if name == "AES-CTR":
        return _counted(key, algorithm, data)
    if name == "AES-KW":
        return aes_key_wrap(key.secret, data)
    return _rsa(key, algorithm, data, encrypting=True)


def decrypt(key: CryptoKey, algorithm: Any, data: bytes) -> bytes:
    name = key.algorithm_name
    try:
        if name == "AES-GCM":
            return _open_gcm(key, algorithm, data)
        if name == "AES-CBC":
            cipher = Cipher(algorithms.AES(key.secret), modes.CBC(_cbc_iv(algorithm))).decryptor()
            unpadder = PKCS7(128).unpadder()
            return unpadder.update(cipher.update(data) + cipher.finalize()) + unpadder.finalize()
        if name == "AES-CTR":
            return _counted(key, algorithm, data)
        if name == "AES-KW":
            return aes_key_unwrap(key.secret, data)
        return _rsa(key, algorithm, data, encrypting=False)
    except (InvalidTag, InvalidUnwrap, ValueError):
        given = len(data) - _tag_length(algorithm) // 8 if name == "AES-GCM" else len(data)
        expected = 0 if name == "AES-CBC" else given
        raise failure(
            "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect "
            f"CryptoKey, or another algorithm-specific reason. Input length was {given}, output length expected "
            f"to be {expected} for {name}",
            "OperationError",
        ) from None


def _bytes(algorithm: Any, name: str) -> bytes:
    if name == "counter" and member(algorithm, name) is None:
        raise JsTypeError.new('Missing "counter" member in "algorithm".')
    return _content(required(algorithm, name), name)


def _content(value: Any, name: str) -> bytes:
    if not isinstance(value, JsBuffer):
        raise wrong_field(name, "EncryptAlgorithm", "BufferSource")
    return value.to_bytes()


def _tag_length(algorithm: Any) -> int:
    given = member(algorithm, "tagLength")
    tag = 128 if given is None else to_int32(given)
    if tag not in _TAGS:
        raise failure(f"Invalid AES-GCM tag length {tag}.", "OperationError")
    return tag


def _gcm_options(algorithm: Any) -> tuple[bytes, bytes | None, int]:
    iv = _bytes(algorithm, "iv")
    if not iv:
        raise failure("AES-GCM IV must not be empty.", "OperationError")
    if not _SHORTEST_IV <= len(iv) <= _LONGEST_IV:
        raise failure(
            f"wrangler-py takes an AES-GCM IV of {_SHORTEST_IV} to {_LONGEST_IV} bytes, not {len(iv)}.",
            "NotSupportedError",
        )
    more = member(algorithm, "additionalData")
    return iv, None if more is None else _content(more, "additionalData"), _tag_length(algorithm)


def _open_gcm(key: CryptoKey, algorithm: Any, data: bytes) -> bytes:
    iv, more, tag = _gcm_options(algorithm)
    size = tag // 8
    if len(data) < size:
        raise failure(
            f"Ciphertext length of {8 * len(data)} bits must be greater than or equal to the size of the AES-GCM "
            f"tag length of {tag} bits.",
            "OperationError",
        )
    mode = modes.GCM(iv, data[-size:], min_tag_length=4)
    cipher = Cipher(algorithms.AES(key.secret), mode).decryptor()
    if more is not None:
        cipher.authenticate_additional_data(more)
    return cipher.update(data[:-size]) + cipher.finalize()


def _cbc_iv(algorithm: Any) -> bytes:
    iv = _bytes(algorithm, "iv")
    if len(iv) != 16:
        raise failure(f"AES-CBC IV must be 16 bytes long (provided {len(iv)} bytes).", "OperationError")
    return iv


def _counted(key: CryptoKey, algorithm: Any, data: bytes) -> bytes:
    counter = _bytes(algorithm, "counter")
    if len(counter) != 16:
        raise failure(f"Counter must have length of 16 bytes (provided {len(counter)}).", "OperationError")
    length = member(algorithm, "length")
    if length is None:
        raise JsTypeError.new('Missing "length" member in "algorithm".')
    bits = to_int32(length)
    if not 1 <= bits <= 128:
        raise failure(f"Invalid counter of {bits} bits length provided.", "OperationError")
    blocks = (len(data) + 15) // 16
    if blocks > 2**bits:
        raise failure("Counter block values will repeat.", "OperationError")
    # The counter wraps around within its bits; the cryptography package's does in all 128.
    start = int.from_bytes(counter, "big")
    until_wrap = 2**bits - start % 2**bits
    first, rest = data[: 16 * until_wrap], data[16 * until_wrap :]
    wrapped = (start >> bits << bits).to_bytes(16, "big")
    parts = [(counter, first), (wrapped, rest)]
    return b"".join(
        Cipher(algorithms.AES(key.secret), modes.CTR(at)).encryptor().update(part) for at, part in parts if part
    )


def _rsa(key: CryptoKey, algorithm: Any, data: bytes, *, encrypting: bool) -> bytes:
    from wrangler_py.worker.platform.crypto_pairs import oaep

    label = member(algorithm, "label")
    pad = oaep(key, label.to_bytes() if isinstance(label, JsBuffer) else None)
    return bytes(key.pair.encrypt(data, pad) if encrypting else key.pair.decrypt(data, pad))
