"""Bytes as base64 and hex, as Uint8Array has them."""

from __future__ import annotations

import base64
import re
from typing import Any, ClassVar, Final, NamedTuple

from wrangler_py.worker.platform.conversions import is_truthy
from wrangler_py.worker.platform.values import (
    JsProxy,
    JsSyntaxError,
    JsTypeError,
    js_function,
    js_object,
    js_string,
    member,
)

_SPACES: Final = "\t\n\f\r "
_HEX: Final = re.compile("(?:[0-9a-fA-F]{2})*")
_ALPHABETS: Final = {"base64": re.compile("[A-Za-z0-9+/]*"), "base64url": re.compile("[A-Za-z0-9_-]*")}
_HANDLINGS: Final = ("loose", "strict", "stop-before-partial")
_BAD_CHARACTER: Final = "Found a character that cannot be part of a valid base64 string."
_BAD_HEX: Final = "Input string must contain hex characters in even length"


class _Read(NamedTuple):
    data: bytes
    characters: int


class ByteTexts(JsProxy):
    """Base of Uint8Array."""

    __slots__ = ()

    _over: ClassVar[Any]

    def memory(self) -> memoryview:
        raise NotImplementedError

    @classmethod
    def fromBase64(cls, text: Any = None, options: Any = None, **named: Any) -> Any:
        return cls._over(bytearray(_from_base64(text, js_object(named) if named else options).data))

    @classmethod
    def fromHex(cls, text: Any = None) -> Any:
        return cls._over(bytearray(_from_hex(text)))

    @js_function
    def toBase64(self, options: Any = None) -> str:
        encode = base64.urlsafe_b64encode if _alphabet(options) == "base64url" else base64.b64encode
        text = encode(self.memory()).decode()
        return text.rstrip("=") if is_truthy(member(options, "omitPadding")) else text

    def toHex(self) -> str:
        return self.memory().hex()

    @js_function
    def setFromBase64(self, text: Any = None, options: Any = None) -> Any:
        room = len(self.memory())
        read = _from_base64(text, options)
        if len(read.data) > room:
            read = _from_base64(_groups(text, room // 3), options)
        return self._written(read)

    def setFromHex(self, text: Any = None) -> Any:
        data = _from_hex(text)[: len(self.memory())]
        return self._written(_Read(data, 2 * len(data)))

    def _written(self, read: _Read) -> Any:
        self.memory()[: len(read.data)] = read.data
        return js_object({"read": read.characters, "written": len(read.data)})


def _alphabet(options: Any) -> str:
    given = member(options, "alphabet")
    name = "base64" if given is None else js_string(given)
    if name not in _ALPHABETS:
        raise JsTypeError.new("Expected alphabet option to be 'base64' or 'base64url'")
    return name


def _from_hex(text: Any) -> bytes:
    if not isinstance(text, str):
        raise JsTypeError.new("input argument must be a string")
    if not _HEX.fullmatch(text):
        raise JsSyntaxError.new(_BAD_HEX)
    return bytes.fromhex(text)


def _from_base64(text: Any, options: Any) -> _Read:
    """The bytes, and how many characters they are made of."""
    if not isinstance(text, str):
        raise JsTypeError.new("input argument must be a string")
    alphabet = _ALPHABETS[_alphabet(options)]
    given = member(options, "lastChunkHandling")
    handling = "loose" if given is None else js_string(given)
    if handling not in _HANDLINGS:
        raise JsTypeError.new("Expected lastChunkHandling option to be 'loose', 'strict' or 'stop-before-partial'")
    packed = "".join(character for character in text if character not in _SPACES)
    digits = packed.rstrip("=")
    padding = len(packed) - len(digits)
    if not alphabet.fullmatch(digits):
        raise JsSyntaxError.new(_BAD_CHARACTER)
    rest = len(digits) % 4
    partial = rest and padding != 4 - rest
    if partial and handling == "stop-before-partial":
        kept = _groups(text, len(digits) // 4)
        return _Read(_decoded(digits[: len(digits) - rest]), len(kept))
    if rest == 1 or padding > 2 or (padding and partial) or (partial and handling == "strict"):
        raise JsSyntaxError.new("The base64 input terminates with a single character, excluding padding (=).")
    if padding and not rest:
        raise JsSyntaxError.new(_BAD_CHARACTER)
    data = _decoded(digits)
    if handling == "strict" and base64.urlsafe_b64encode(data).decode().rstrip("=") != _url_safe(digits):
        raise JsSyntaxError.new("The base64 input has bits behind its last byte that are not zero.")
    return _Read(data, len(text))


def _url_safe(digits: str) -> str:
    return digits.replace("+", "-").replace("/", "_")


def _decoded(digits: str) -> bytes:
    return base64.urlsafe_b64decode(_url_safe(digits) + "=" * (-len(digits) % 4))


def _groups(text: str, count: int) -> str:
    """The beginning of a text, up to the end of a group of four characters."""
    seen = 0
    for index, character in enumerate(text):
        if seen == 4 * count:
            return text[:index]
        seen += character not in _SPACES
    return text
