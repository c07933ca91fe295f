"""`crypto`: random values, and `crypto.subtle`."""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Callable
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, array_argument, is_object, not_of_type
from wrangler_py.worker.platform.buffers import JsBuffer, array_buffer
from wrangler_py.worker.platform.conversions import is_truthy, usv_string
from wrangler_py.worker.platform.crypto_derivation import derived_bits, derived_length
from wrangler_py.worker.platform.crypto_key import HASHES, CryptoKey, failure, hash_name
from wrangler_py.worker.platform.crypto_keys import algorithm_name, export_key, generate_key, import_key
from wrangler_py.worker.platform.data_views import DataView
from wrangler_py.worker.platform.global_scope import invocation_in_request
from wrangler_py.worker.platform.promise import JsPromise, as_exception
from wrangler_py.worker.platform.stream_sources import fail, fulfil, new_future, promise_of
from wrangler_py.worker.platform.typed_arrays import (
    BigInt64Array,
    BigUint64Array,
    Int8Array,
    Int16Array,
    Int32Array,
    TypedArray,
    Uint8Array,
    Uint8ClampedArray,
    Uint16Array,
    Uint32Array,
)
from wrangler_py.worker.platform.values import JsProxy, JsTypeError, js_string
from wrangler_py.worker.platform.writable import WritableStream, writable_of

_INTEGERS: Final = (
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array,
    BigUint64Array,
)  # fmt: skip
_MOST_RANDOM: Final = 65536


def _promised(work: Callable[[], Any]) -> JsPromise:
    try:
        return JsPromise.resolved(work())
    except Exception as error:
        return JsPromise.rejected(error)


def _data(value: Any, position: int, method: str) -> bytes:
    if not isinstance(value, JsBuffer):
        raise not_of_type("SubtleCrypto", position, "BufferSource", method)
    return value.to_bytes()


def _usages(value: Any, position: int, method: str) -> list[str]:
    return [js_string(usage) for usage in array_argument(value, "SubtleCrypto", position, method)]


def _check(key: Any, algorithm: Any, usage: str, position: int, method: str) -> None:
    if not isinstance(key, CryptoKey):
        raise not_of_type("SubtleCrypto", position, "CryptoKey", method)
    requested = algorithm_name(algorithm)
    if requested != key.algorithm_name:
        raise failure(
            f'Requested algorithm "{requested}" does not match this CryptoKey\'s algorithm "{key.algorithm_name}".',
            "InvalidAccessError",
        )
    if usage not in key.usages:
        raise failure(
            f'Requested key usage "{usage}" does not match any usage listed in this CryptoKey.',
            "InvalidAccessError",
        )


class SubtleCrypto(JsProxy):
    """`crypto.subtle`. What fails rejects its promise."""

    illegal_constructor = True

    def digest(self, algorithm: Any = MISSING, data: Any = None) -> JsPromise:
        def work() -> Any:
            if algorithm is MISSING:
                raise not_of_type("SubtleCrypto", 1, "string or HashAlgorithm", "digest")
            content = _data(data, 2, "digest")
            # Named by the program, which may have to speak with others' MD5 or SHA-1.
            hashed = hashlib.new(HASHES[hash_name(algorithm)], content, usedforsecurity=False)
            return array_buffer(bytearray(hashed.digest()))

        return _promised(work)

    def sign(self, algorithm: Any = None, key: Any = None, data: Any = None) -> JsPromise:
        def work() -> Any:
            _check(key, algorithm, "sign", 2, "sign")
            return array_buffer(bytearray(_sign(key, algorithm, _data(data, 3, "sign"))))

        return _promised(work)

    def verify(self, algorithm: Any = None, key: Any = None, signature: Any = None, data: Any = None) -> JsPromise:
        def work() -> bool:
            _check(key, algorithm, "verify", 2, "verify")
            given, content = _data(signature, 3, "verify"), _data(data, 4, "verify")
            if key.algorithm_name == "HMAC":
                return hmac.compare_digest(_sign(key, algorithm, content), given)
            from wrangler_py.worker.platform.crypto_pairs import verify

            return verify(key, algorithm, given, content)

        return _promised(work)

    def encrypt(self, algorithm: Any = None, key: Any = None, data: Any = None) -> JsPromise:
        def work() -> Any:
            _check(key, algorithm, "encrypt", 2, "encrypt")
            from wrangler_py.worker.platform.crypto_ciphers import encrypt

            return array_buffer(bytearray(encrypt(key, algorithm, _data(data, 3, "encrypt"))))

        return _promised(work)

    def decrypt(self, algorithm: Any = None, key: Any = None, data: Any = None) -> JsPromise:
        def work() -> Any:
            _check(key, algorithm, "decrypt", 2, "decrypt")
            from wrangler_py.worker.platform.crypto_ciphers import decrypt

            return array_buffer(bytearray(decrypt(key, algorithm, _data(data, 3, "decrypt"))))

        return _promised(work)

    def importKey(
        self,
        kind: Any = None,
        data: Any = None,
        algorithm: Any = None,
        extractable: Any = False,
        usages: Any = None,
    ) -> JsPromise:
        def work() -> Any:
            if kind is MISSING:
                raise not_of_type("SubtleCrypto", 1, "string", "importKey")
            if not is_object(data):
                raise not_of_type("SubtleCrypto", 2, "BufferSource or JsonWebKey", "importKey")
            given = _usages(usages, 5, "importKey")
            return import_key(js_string(kind), data, algorithm, is_truthy(extractable), given)

        return _promised(work)

    def exportKey(self, kind: Any = None, key: Any = None) -> JsPromise:
        def work() -> Any:
            if not isinstance(key, CryptoKey):
                raise not_of_type("SubtleCrypto", 2, "CryptoKey", "exportKey")
            return export_key(js_string(kind), key)

        return _promised(work)

    def generateKey(self, algorithm: Any = None, extractable: Any = False, usages: Any = None) -> JsPromise:
        return _promised(lambda: generate_key(algorithm, is_truthy(extractable), _usages(usages, 3, "generateKey")))

    def deriveBits(self, algorithm: Any = None, key: Any = None, length: Any = None) -> JsPromise:
        def work() -> Any:
            _check(key, algorithm, "deriveBits", 2, "deriveBits")
            return array_buffer(bytearray(derived_bits(key, algorithm, length)))

        return _promised(work)

    def deriveKey(
        self,
        algorithm: Any = None,
        key: Any = None,
        derived: Any = None,
        extractable: Any = False,
        usages: Any = None,
    ) -> JsPromise:
        def work() -> Any:
            given = _usages(usages, 5, "deriveKey")
            _check(key, algorithm, "deriveKey", 2, "deriveKey")
            content = derived_bits(key, algorithm, derived_length(derived))
            return import_key("raw", array_buffer(bytearray(content)), derived, is_truthy(extractable), given)

        return _promised(work)

    def wrapKey(self, kind: Any = None, key: Any = None, wrapping: Any = None, algorithm: Any = None) -> JsPromise:
        def work() -> Any:
            _check(wrapping, algorithm, "wrapKey", 3, "wrapKey")
            from wrangler_py.worker.platform.crypto_ciphers import encrypt
            from wrangler_py.worker.platform.json_text import stringify

            exported = export_key(js_string(kind), key)
            content = exported.to_bytes() if isinstance(exported, JsBuffer) else str(stringify(exported)).encode()
            return array_buffer(bytearray(encrypt(wrapping, algorithm, content)))

        return _promised(work)

    def unwrapKey(
        self,
        kind: Any = None,
        wrapped: Any = None,
        wrapping: Any = None,
        algorithm: Any = None,
        key_algorithm: Any = None,
        extractable: Any = False,
        usages: Any = None,
    ) -> JsPromise:
        def work() -> Any:
            given = _usages(usages, 7, "unwrapKey")
            _check(wrapping, algorithm, "unwrapKey", 3, "unwrapKey")
            from wrangler_py.worker.platform.crypto_ciphers import decrypt
            from wrangler_py.worker.platform.json_text import parse

            content = decrypt(wrapping, algorithm, _data(wrapped, 2, "unwrapKey"))
            data = parse(content.decode()) if kind == "jwk" else array_buffer(bytearray(content))
            return import_key(js_string(kind), data, key_algorithm, is_truthy(extractable), given)

        return _promised(work)

    def timingSafeEqual(self, one: Any = None, other: Any = None) -> bool:
        first, second = _data(one, 1, "timingSafeEqual"), _data(other, 2, "timingSafeEqual")
        if len(first) != len(second):
            raise JsTypeError.new("Input buffers must have the same byte length.")
        return hmac.compare_digest(first, second)


def _sign(key: CryptoKey, algorithm: Any, data: bytes) -> bytes:
    if key.algorithm_name == "HMAC":
        return hmac.digest(key.secret, data, key.hash_name)
    from wrangler_py.worker.platform.crypto_pairs import sign

    return sign(key, algorithm, data)


class Crypto(JsProxy):
    """`crypto`."""

    illegal_constructor = True

    subtle: SubtleCrypto = object.__new__(SubtleCrypto)

    def getRandomValues(self, array: Any = None) -> Any:
        invocation_in_request()
        if not isinstance(array, TypedArray | DataView):
            raise not_of_type("Crypto", 1, "ArrayBufferView", "getRandomValues")
        if not isinstance(array, _INTEGERS):
            raise failure(
                "ArrayBufferView argument to getRandomValues() must be an integer-typed view.", "TypeMismatchError"
            )
        size = array.byteLength
        if size > _MOST_RANDOM:
            raise failure(
                f"getRandomValues() only accepts buffers of size <= 64K but provided {size} bytes.",
                "QuotaExceededError",
            )
        array.memory()[:] = os.urandom(size)
        return array

    def randomUUID(self) -> str:
        invocation_in_request()
        return str(uuid.uuid4())

    @property
    def DigestStream(self) -> Any:
        return DigestStream


class DigestStream(WritableStream):
    """Takes bytes, and gives their digest at the end."""

    def __init__(self, algorithm: Any = MISSING) -> None:
        if algorithm is MISSING:
            raise not_of_type("DigestStream", 1, "string or HashAlgorithm")
        hashed = hashlib.new(HASHES[hash_name(algorithm)], usedforsecurity=False)
        self._future = new_future()
        self.bytesWritten = 0

        def write(chunk: Any, _controller: Any = None) -> None:
            if not isinstance(chunk, JsBuffer | str):
                raise JsTypeError.new(
                    "DigestStream is a byte stream but received an object of "
                    "non-ArrayBuffer/ArrayBufferView/string type on its writable side."
                )
            content = chunk.to_bytes() if isinstance(chunk, JsBuffer) else usv_string(chunk).encode()
            hashed.update(content)
            self.bytesWritten += len(content)

        def close() -> None:
            fulfil(self._future, array_buffer(bytearray(hashed.digest())))

        def abort(reason: Any) -> None:
            fail(self._future, as_exception(reason))

        self._writer = None
        self.controller = writable_of(write, close, abort).controller

    @property
    def digest(self) -> JsPromise:
        return promise_of(self._future)


crypto = object.__new__(Crypto)
