"""`TextEncoder` and `TextDecoder`, with the labels of the Encoding Standard."""

from __future__ import annotations

import codecs
from typing import Any, Final

from wrangler_py.worker.platform.arguments import MISSING, not_of_type, options_argument
from wrangler_py.worker.platform.buffers import JsBuffer
from wrangler_py.worker.platform.conversions import is_truthy, usv_string
from wrangler_py.worker.platform.typed_arrays import TypedArray, Uint8Array, uint8_array
from wrangler_py.worker.platform.values import (
    JsProxy,
    JsRangeError,
    JsTypeError,
    js_function,
    js_object,
    js_string,
    member,
)

_LABELS: Final = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "ibm866": "866 cp866 csibm866 ibm866",
    "iso-8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso-8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso-8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso-8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso-8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
    "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
    "iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    "iso-8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
    "iso_8859-8 iso_8859-8:1988 visual",
    "iso-8859-8-i": "csiso88598i iso-8859-8-i logical",
    "iso-8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso-8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso-8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso-8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso-8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "macintosh": "csmacintosh mac macintosh x-mac-roman",
    "windows-874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "windows-1250": "cp1250 windows-1250 x-cp1250",
    "windows-1251": "cp1251 windows-1251 x-cp1251",
    "windows-1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
    "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "windows-1253": "cp1253 windows-1253 x-cp1253",
    "windows-1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
    "latin5 windows-1254 x-cp1254",
    "windows-1255": "cp1255 windows-1255 x-cp1255",
    "windows-1256": "cp1256 windows-1256 x-cp1256",
    "windows-1257": "cp1257 windows-1257 x-cp1257",
    "windows-1258": "cp1258 windows-1258 x-cp1258",
    "x-mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gbk": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "gb18030": "gb18030",
    "big5": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso-2022-jp": "csiso2022jp iso-2022-jp",
    "shift_jis": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "euc-kr": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949",
    "utf-16be": "unicodefffe utf-16be",
    "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "x-user-defined": "x-user-defined",
}
_ENCODINGS: Final = {label: encoding for encoding, labels in _LABELS.items() for label in labels.split()}
_CODECS: Final = {
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-user-defined": "latin-1",
}
"""Python's name of an encoding, where it is another."""

_LENIENT: Final = "wrangler_py.control"
_STRICT: Final = "wrangler_py.control_only"
_CHINESE: Final = "wrangler_py.euro"
_KOI8_U: Final = {0x255D: 0x045E, 0x256C: 0x040E}
"""Where the web's koi8-u is not that of Python."""
_BOM: Final = "\ufeff"


def _control_character(error: UnicodeError) -> tuple[str, int]:
    """A byte without a character in a Windows code page is a control character on the web."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start]
    return chr(byte) if 0x80 <= byte < 0xA0 else "\ufffd", error.start + 1


def _control_character_only(error: UnicodeError) -> tuple[str, int]:
    """The same for a decoder that fails at everything else."""
    character, end = _control_character(error)
    if character == "\ufffd":
        raise error
    return character, end


def _euro(error: UnicodeError) -> tuple[str, int]:
    """The byte 80 is the Euro sign in the Chinese encodings of the web."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.object[error.start] == 0x80:
        return "\u20ac", error.start + 1
    return "\ufffd", error.end


codecs.register_error(_LENIENT, _control_character)
codecs.register_error(_STRICT, _control_character_only)
codecs.register_error(_CHINESE, _euro)


class TextDecoder(JsProxy):
    """Bytes to text."""

    def __init__(self, label: Any = None, options: Any = None) -> None:
        text = "utf-8" if label is None else js_string(label)
        encoding = _ENCODINGS.get(text.strip("\t\n\f\r ").lower())
        if encoding is None:
            raise JsRangeError.new(f'"{text}" is not a valid encoding.')
        options = options_argument(options, "TextDecoder", 2, "ConstructorOptions")
        self.encoding = encoding
        self.fatal = is_truthy(member(options, "fatal"))
        self.ignoreBOM = is_truthy(member(options, "ignoreBOM"))
        self._decoder: Any = None
        self._at_start = True

    def _make_decoder(self) -> Any:
        errors = "strict" if self.fatal else "replace"
        if self.encoding.startswith("windows-"):
            errors = _STRICT if self.fatal else _LENIENT
        elif self.encoding in {"gbk", "gb18030"} and not self.fatal:
            errors = _CHINESE
        return codecs.getincrementaldecoder(_CODECS.get(self.encoding, self.encoding))(errors)

    @js_function
    def decode(self, data: Any = None, options: Any = None) -> str:
        if data is not None and not isinstance(data, JsBuffer):
            raise not_of_type("TextDecoder", 1, "Array", "decode")
        given = options_argument(options, "TextDecoder", 2, "DecodeOptions", "decode")
        stream = is_truthy(member(given, "stream"))
        if self._decoder is None:
            self._decoder, self._at_start = self._make_decoder(), True
        try:
            text: str = self._decoder.decode(b"" if data is None else data.memory(), not stream)
        except UnicodeDecodeError:
            self._decoder = None
            raise JsTypeError.new("Failed to decode input.") from None
        if text and self._at_start:
            self._at_start = False
            if not self.ignoreBOM and text[0] == _BOM and self.encoding.startswith("utf-"):
                text = text[1:]
        if self.encoding == "koi8-u":
            text = text.translate(_KOI8_U)
        if self.encoding == "x-user-defined":
            text = "".join(char if char < "\x80" else chr(0xF700 + ord(char)) for char in text)
        if not stream:
            self._decoder = None
        return text


class TextEncoder(JsProxy):
    """Text to UTF-8."""

    encoding = "utf-8"

    def __init__(self) -> None:
        """Take no arguments: `new` drops those that there are."""

    def encode(self, text: Any = None) -> Uint8Array:
        return uint8_array(bytearray(b"" if text is None else usv_string(text).encode()))

    def encodeInto(self, text: Any = MISSING, target: Any = None) -> Any:
        if text is MISSING:
            raise not_of_type("TextEncoder", 1, "String", "encodeInto")
        if not isinstance(target, TypedArray):
            raise not_of_type("TextEncoder", 2, "Uint8Array", "encodeInto")
        memory = target.memory()
        read = written = 0
        for character in usv_string(text):
            encoded = character.encode()
            if written + len(encoded) > len(memory):
                break
            memory[written : written + len(encoded)] = encoded
            written += len(encoded)
            read += 2 if len(encoded) == 4 else 1
        return js_object({"read": read, "written": written})
