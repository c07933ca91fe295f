"""The values of a Bind message as text, for people. Binary ones are decoded where the type is well known.

Source: PostgreSQL documentation, "Message Formats"; binary formats as `typsend` functions of the server write them.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

_HEX_BYTES = 16
_EPOCH = datetime(2000, 1, 1)


def decode_parameters(bind: bytes, types: bytes) -> tuple[str | None, ...]:
    """The values in what follows the two names in Bind; `types` is a count and that many OIDs.

    Values that are cut off or malformed are left out, because the result is only for people.
    """
    try:
        return _values(bind, _oids(types))
    except (struct.error, IndexError):
        return ()


def _oids(types: bytes) -> tuple[int, ...]:
    if len(types) < 2:
        return ()
    (count,) = struct.unpack_from("!H", types)
    return struct.unpack_from(f"!{count}I", types, 2)


def _values(bind: bytes, oids: tuple[int, ...]) -> tuple[str | None, ...]:
    (count,) = struct.unpack_from("!H", bind)
    formats = struct.unpack_from(f"!{count}H", bind, 2)
    position = 2 + 2 * count
    (count,) = struct.unpack_from("!H", bind, position)
    position += 2
    values: list[str | None] = []
    for index in range(count):
        if position + 4 > len(bind):
            break
        (length,) = struct.unpack_from("!i", bind, position)
        position += 4
        if length < 0:
            values.append(None)
            continue
        value = bind[position : position + length]
        position += length
        code = formats[index] if len(formats) > 1 else formats[0] if formats else 0
        oid = oids[index] if index < len(oids) else 0
        text = _binary(value, oid, length) if code else value.decode("utf-8", "replace")
        values.append(text if len(value) == length else f"{text}… ({length:,} bytes)")
    return tuple(values)


def _binary(value: bytes, oid: int, length: int) -> str:
    decode = _DECODERS.get(oid)
    if decode is not None and len(value) == length:
        try:
            return decode(value)
        except (struct.error, ValueError, OverflowError):
            pass
    shown = "\\x" + value[:_HEX_BYTES].hex()
    return shown if length <= _HEX_BYTES else f"{shown}… ({length:,} bytes)"


def _packed(layout: str) -> Callable[[bytes], str]:
    parts = struct.Struct(layout)

    def decode(value: bytes) -> str:
        return str(parts.unpack(value)[0])

    return decode


def _boolean(value: bytes) -> str:
    return "t" if value != b"\0" else "f"


def _utf8(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _jsonb(value: bytes) -> str:
    if value[:1] != b"\1":
        raise ValueError("unknown version of jsonb")
    return _utf8(value[1:])


def _uuid(value: bytes) -> str:
    return str(uuid.UUID(bytes=value))


def _date(value: bytes) -> str:
    (days,) = struct.unpack("!i", value)
    return (date(2000, 1, 1) + timedelta(days=days)).isoformat()


def _timestamp(value: bytes) -> str:
    (microseconds,) = struct.unpack("!q", value)
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(" ")


def _timestamptz(value: bytes) -> str:
    (microseconds,) = struct.unpack("!q", value)
    return (_EPOCH.replace(tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat(" ")


def _time(value: bytes) -> str:
    (microseconds,) = struct.unpack("!q", value)
    return (_EPOCH + timedelta(microseconds=microseconds)).time().isoformat()


def _numeric(value: bytes) -> str:
    count, weight, sign, scale = struct.unpack_from("!hhHH", value)
    special = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}.get(sign)
    if special is not None:
        return special
    digits = struct.unpack_from(f"!{count}H", value, 8)

    def group(index: int) -> str:
        return f"{digits[index]:04d}" if 0 <= index < count else "0000"

    whole = "".join(group(index) for index in range(weight + 1)).lstrip("0") or "0"
    fraction = "".join(group(weight + 1 + index) for index in range((scale + 3) // 4))[:scale]
    return ("-" if sign == 0x4000 else "") + whole + (f".{fraction}" if scale else "")


_DECODERS: dict[int, Callable[[bytes], str]] = {
    16: _boolean,
    18: _utf8,  # "char"
    19: _utf8,  # name
    20: _packed("!q"),
    21: _packed("!h"),
    23: _packed("!i"),
    25: _utf8,
    26: _packed("!I"),  # oid
    114: _utf8,  # json
    700: _packed("!f"),
    701: _packed("!d"),
    1042: _utf8,
    1043: _utf8,
    1082: _date,
    1083: _time,
    1114: _timestamp,
    1184: _timestamptz,
    1700: _numeric,
    2950: _uuid,
    3802: _jsonb,
}
"""By the type's OID in PostgreSQL's catalog."""
