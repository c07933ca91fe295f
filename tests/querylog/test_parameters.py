"""Values of Bind messages as text."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.query_entries import bind_of

from wrangler_py.querylog.parameters import decode_parameters


def binary(oid: int, value: bytes) -> str | None:
    bind = b"\0\1\0\1\0\1" + len(value).to_bytes(4, "big") + value + b"\0\0"
    (text,) = decode_parameters(bind, b"\0\1" + oid.to_bytes(4, "big"))
    return text


@given(values=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=10))
def test_text_values_are_shown_as_they_are(values: list[str | None]) -> None:
    assert decode_parameters(bind_of(tuple(values)), b"") == tuple(values)


@given(bind=st.binary(max_size=80), types=st.binary(max_size=20))
def test_unreadable_input_is_not_an_error(bind: bytes, types: bytes) -> None:
    assert isinstance(decode_parameters(bind, types), tuple)


@pytest.mark.parametrize(
    ("oid", "value", "text"),
    [
        (16, b"\1", "t"),
        (20, struct.pack("!q", -5), "-5"),
        (21, struct.pack("!h", 7), "7"),
        (23, struct.pack("!i", 42), "42"),
        (701, struct.pack("!d", 0.5), "0.5"),
        (25, "é".encode(), "é"),
        (1082, struct.pack("!i", 366), "2001-01-01"),
        (1184, struct.pack("!q", 1_500_000), "2000-01-01 00:00:01.500000+00:00"),
        (1114, struct.pack("!q", -1_000_000), "1999-12-31 23:59:59"),
        (2950, bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        (3802, b'\1{"a": 1}', '{"a": 1}'),
        (1700, struct.pack("!hhHHhhh", 3, 1, 0x4000, 2, 1, 2345, 6700), "-12345.67"),
        (1700, struct.pack("!hhHHh", 1, -1, 0, 3, 1200), "0.120"),
        (1700, struct.pack("!hhHH", 0, 0, 0xC000, 0), "NaN"),
        (17, b"\1\2", "\\x0102"),
        (17, bytes(100), "\\x" + "00" * 16 + "… (100 bytes)"),
        (23, b"\1", "\\x01"),
        (600, bytes(16), "\\x" + "00" * 16),
    ],
)
def test_binary_values_of_well_known_types_are_decoded(oid: int, value: bytes, text: str) -> None:
    assert binary(oid, value) == text


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
def test_numerics_are_decoded_as_the_server_writes_them(number: Decimal) -> None:
    sign, digits, _ = number.as_tuple()
    text = "".join(map(str, digits)).rjust(4, "0")
    whole, fraction = text[:-3], text[-3:] + "0"
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    groups = [int(whole[i : i + 4]) for i in range(0, len(whole), 4)]
    weight = len(groups) - 1
    groups.append(int(fraction))
    value = struct.pack(f"!hhHH{len(groups)}h", len(groups), weight, 0x4000 if sign else 0, 3, *groups)
    assert Decimal(binary(1700, value) or "") == number
