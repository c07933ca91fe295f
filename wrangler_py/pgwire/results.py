"""The parts of an answer to one query, and the result formats of a RowDescription.

Source: PostgreSQL documentation, "Message Formats": Bind, ParameterDescription, RowDescription.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from wrangler_py.pgwire.messages import HEADER

_INT16 = struct.Struct("!H")
_INT32 = struct.Struct("!i")


class Result(NamedTuple):
    """What an origin said to one query, by its parts.

    `rows` is RowDescription or NoData; `of_statement` says that it came from a Describe of the statement, whose
    formats are not settled, and not of the portal. `body` is all DataRows and the CommandComplete.
    """

    parameters: bytes | None
    rows: bytes | None
    of_statement: bool
    body: bytes | None


def split_result(answer: bytes) -> Result:
    """`body` is None when the answer is not one complete result (an error, several results, COPY, a notice)."""
    parameters = rows = None
    of_statement = False
    start = end = -1
    position = 0
    while position < len(answer):
        kind, length = HEADER.unpack_from(answer, position)
        after = position + length + 1
        if kind in b"DCI":
            if end >= 0:
                return Result(parameters, rows, of_statement, None)
            if start < 0:
                start = position
            if kind != ord("D"):
                end = after
        elif kind == ord("t"):
            parameters, of_statement = answer[position:after], True
        elif kind in b"Tn":
            rows = answer[position:after]
        elif kind not in b"123Z":
            return Result(parameters, rows, of_statement, None)
        position = after
    return Result(parameters, rows, of_statement, answer[start:end] if end >= 0 else None)


def result_formats(bind: bytes) -> tuple[int, ...]:
    """The result formats that a Bind asks for; `bind` is what follows its two names."""
    position = 2 + 2 * _INT16.unpack_from(bind)[0]
    count = _INT16.unpack_from(bind, position)[0]
    position += 2
    for _ in range(count):
        length = _INT32.unpack_from(bind, position)[0]
        position += 4 + max(length, 0)
    count = _INT16.unpack_from(bind, position)[0]
    return struct.unpack_from(f"!{count}H", bind, position + 2)


def with_formats(rows: bytes, formats: tuple[int, ...]) -> bytes:
    """A RowDescription (or NoData, as it is) with its columns' formats as a Bind's result formats have them.

    None at all: text. One: for every column. Else one a column.
    """
    if rows[:1] != b"T":
        return rows
    changed = bytearray(rows)
    position = 7
    for column in range(_INT16.unpack_from(rows, 5)[0]):
        position = rows.index(0, position) + 1 + 16
        code = formats[column] if len(formats) > 1 else formats[0] if formats else 0
        _INT16.pack_into(changed, position, code)
        position += 2
    return bytes(changed)


def same_columns(one: bytes | None, other: bytes | None) -> bool:
    """Whether two RowDescriptions (or NoData) have columns of the same names and types, in whatever formats."""
    return one == other or _columns(one) == _columns(other)


def _columns(description: bytes | None) -> object:
    if description is None or description[:1] != b"T":
        return description
    columns, position = [], 7
    while position < len(description):
        end = description.index(0, position)
        columns.append((description[position:end], description[end + 7 : end + 17]))
        position = end + 19
    return columns
