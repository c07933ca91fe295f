"""`atob` and `btoa`, and the functions for percent-encoding."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from wrangler_py.worker.platform.arguments import MISSING, text_argument
from wrangler_py.worker.platform.dom_exception import DOMException
from wrangler_py.worker.platform.values import JsURIError, js_string

_INVALID: Final = (
    "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two "
    "terminal '=' signs when the input data length is divisible by 4 are allowed.)"
)
_SCOPE: Final = "ServiceWorkerGlobalScope"
_COMPONENT: Final = "-_.!~*'()"
_URI: Final = _COMPONENT + ";/?:@&=+$,#"
_BROKEN: Final = re.compile("%(?![0-9A-Fa-f]{2})").search
_ESCAPES: Final = re.compile("(?:%[0-9A-Fa-f]{2})+")


def btoa(text: Any = MISSING) -> str:
    """Base64 of a text whose characters stand for bytes."""
    given = text_argument(text, _SCOPE, 1, "btoa", "String")
    try:
        return base64.b64encode(given.encode("latin-1")).decode("ascii")
    except UnicodeEncodeError:
        raise DOMException.new(
            "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.", "InvalidCharacterError"
        ) from None


def atob(text: Any = MISSING) -> str:
    """The bytes of base64, as a text whose characters stand for them."""
    given = re.sub("[\t\n\f\r ]", "", text_argument(text, _SCOPE, 1, "atob"))
    if len(given) % 4 == 0:
        given = re.sub("={1,2}$", "", given)
    if len(given) % 4 == 1 or not re.fullmatch("[A-Za-z0-9+/]*", given):
        raise DOMException.new(_INVALID, "InvalidCharacterError")
    try:
        return base64.b64decode(given + "=" * (-len(given) % 4)).decode("latin-1")
    except binascii.Error:
        raise DOMException.new(_INVALID, "InvalidCharacterError") from None


def encodeURIComponent(text: Any = None) -> str:
    return _encode(text, _COMPONENT)


def encodeURI(text: Any = None) -> str:
    return _encode(text, _URI)


def _encode(text: Any, safe: str) -> str:
    try:
        return quote(js_string(text), safe=safe)
    except UnicodeEncodeError:
        raise JsURIError.new("URI malformed") from None


def decodeURIComponent(text: Any = None) -> str:
    return _decode(js_string(text), "")


def decodeURI(text: Any = None) -> str:
    return _decode(js_string(text), ";/?:@&=+$,#")


def _decode(text: str, reserved: str) -> str:
    if _BROKEN(text):
        raise JsURIError.new("URI malformed")

    def decoded(escapes: re.Match[str]) -> str:
        try:
            characters = unquote_to_bytes(escapes[0]).decode()
        except UnicodeDecodeError:
            raise JsURIError.new("URI malformed") from None
        if not reserved:
            return characters
        kept = iter(re.findall("%..", escapes[0]))
        parts: list[str] = []
        for character in characters:
            written = "".join(next(kept) for _ in character.encode())
            parts.append(written if character in reserved else character)
        return "".join(parts)

    return _ESCAPES.sub(decoded, text)


def escape(text: Any = None) -> str:
    """The older encoding, by UTF-16 code units."""
    parts: list[str] = []
    for unit in memoryview(js_string(text).encode("utf-16-le", "surrogatepass")).cast("H"):
        character = chr(unit)
        if character.isascii() and (character.isalnum() or character in "@*_+-./"):
            parts.append(character)
        else:
            parts.append(f"%{unit:02X}" if unit < 256 else f"%u{unit:04X}")
    return "".join(parts)


def unescape(text: Any = None) -> str:
    units = re.sub(
        "%u([0-9A-Fa-f]{4})|%([0-9A-Fa-f]{2})",
        lambda match: chr(int(match[1] or match[2], 16)),
        js_string(text),
    )
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
