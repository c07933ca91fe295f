"""Bits and keys from passwords, secrets, and pairs of keys."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from wrangler_py.worker.platform.arguments import wrong_field
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.crypto_key import HASHES, CryptoKey, failure, hash_of, required
from wrangler_py.worker.platform.crypto_keys import BLOCKS, algorithm_name
from wrangler_py.worker.platform.numbers import to_int32
from wrangler_py.worker.platform.values import jsnull, member

_MOST_ITERATIONS = 100_000


def derived_bits(key: CryptoKey, algorithm: Any, length: Any) -> bytes:
    """The bits that a key and the parameters of its algorithm give."""
    if key.algorithm_name in {"ECDH", "X25519"}:
        from wrangler_py.worker.platform.crypto_pairs import exchange

        return _cut(exchange(key, algorithm), length)
    size = _size(key.algorithm_name, length)
    return _pbkdf2(key, algorithm, size) if key.algorithm_name == "PBKDF2" else _hkdf(key, algorithm, size)


def derived_length(algorithm: Any) -> int:
    """How many bits a derived key of this algorithm has."""
    name = algorithm_name(algorithm)
    if name == "HMAC" and member(algorithm, "length") is None:
        return BLOCKS[HASHES[hash_of(algorithm)]]
    bits = to_int32(required(algorithm, "length", "derivedKeyParams"))
    if name.startswith("AES-") and bits not in {128, 192, 256}:
        raise failure(
            f"Derived AES key must be 128, 192, or 256 bits in length but provided {bits}.", "OperationError"
        )
    return bits


def _size(name: str, length: Any) -> int:
    if length is None or length is jsnull:
        raise failure(f"{name} cannot derive a key with null length.", "OperationError")
    bits = to_int32(length)
    if bits % 8:
        raise failure(
            f"{name} requires a derived key length that is a multiple of eight (requested {bits}).",
            "OperationError",
        )
    return bits // 8


def _cut(secret: bytes, length: Any) -> bytes:
    """The first bits of a shared secret."""
    if length is None or length is jsnull:
        return secret
    bits, most = to_int32(length), 8 * len(secret)
    if bits > most:
        raise failure(
            f"Derived key length ({bits} bits) is too long (should be at most {most} bits).", "OperationError"
        )
    whole = bytearray(secret[: (bits + 7) // 8])
    if bits % 8:
        whole[-1] &= 0xFF << (8 - bits % 8) & 0xFF
    return bytes(whole)


def _pbkdf2(key: CryptoKey, algorithm: Any, size: int) -> bytes:
    hashed, salt = HASHES[hash_of(algorithm)], _parameter(algorithm, "salt")
    iterations = to_int32(required(algorithm, "iterations"))
    if iterations <= 0:
        raise failure(f"PBKDF2 requires a positive iteration count (requested {iterations}).", "OperationError")
    if iterations > _MOST_ITERATIONS:
        raise failure(
            f"Pbkdf2 failed: iteration counts above {_MOST_ITERATIONS} are not supported (requested {iterations}).",
            "NotSupportedError",
        )
    return hashlib.pbkdf2_hmac(hashed, key.secret, salt, iterations, size) if size else b""


def _hkdf(key: CryptoKey, algorithm: Any, size: int) -> bytes:
    hashed, salt = HASHES[hash_of(algorithm)], _parameter(algorithm, "salt")
    info, block, derived = _parameter(algorithm, "info"), b"", b""
    if size > 255 * hashlib.new(hashed).digest_size:
        raise failure("HKDF deriveBits failed.", "OperationError")
    extracted = hmac.digest(salt or bytes(hashlib.new(hashed).digest_size), key.secret, hashed)
    while len(derived) < size:
        count = bytes([len(derived) // len(block) + 1 if block else 1])
        block = hmac.digest(extracted, block + info + count, hashed)
        derived += block
    return derived[:size]


def _parameter(algorithm: Any, name: str) -> bytes:
    value = required(algorithm, name)
    if not isinstance(value, JsBuffer):
        raise wrong_field(name, "DeriveKeyAlgorithm", "BufferSource")
    return value.to_bytes()
