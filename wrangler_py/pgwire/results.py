"""The parts of the answer to one query, and the result formats of a RowDescription.

Source: PostgreSQL documentation, "Message Formats": Bind, ParameterDescription, RowDescription.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from wrangler_py.pgwire.backend_kinds import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    COMMAND_COMPLETE,
    DATA_ROW,
    EMPTY_QUERY_RESPONSE,
    NO_DATA,
    PARAMETER_DESCRIPTION,
    PARSE_COMPLETE,
    READY_FOR_QUERY,
    ROW_DESCRIPTION,
)
from wrangler_py.pgwire.messages import HEADER

_INT16: Final = struct.Struct("!H")
_INT32: Final = struct.Struct("!i")
_WITHOUT_CONTENTS: Final = frozenset({PARSE_COMPLETE, BIND_COMPLETE, CLOSE_COMPLETE, READY_FOR_QUERY})


class Result(NamedTuple):
    """An origin's answer to one query, by its parts.

    `parameters` is a ParameterDescription, `rows` a RowDescription or NoData. `of_statement` says that `rows`
    describes the statement, whose formats are not decided yet, and not the portal. `body` is all DataRows and the
    CommandComplete.
    """

    parameters: bytes | None
    rows: bytes | None
    of_statement: bool
    body: bytes | None


def split_result(answer: bytes) -> Result:
    """`body` is None if the answer isn't one complete result (an error, several results, COPY, a notice)."""
    parameters = rows = None
    of_statement = False
    start = end = -1
    position = 0
    while position < len(answer):
        kind, length = HEADER.unpack_from(answer, position)
        after = position + length + 1
        if kind in (DATA_ROW, COMMAND_COMPLETE, EMPTY_QUERY_RESPONSE):
            if end >= 0:
                return Result(parameters, rows, of_statement, None)
            if start < 0:
                start = position
            if kind != DATA_ROW:
                end = after
        elif kind == PARAMETER_DESCRIPTION:
            parameters, of_statement = answer[position:after], True
        elif kind in (ROW_DESCRIPTION, NO_DATA):
            rows = answer[position:after]
        elif kind not in _WITHOUT_CONTENTS:
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
    """A RowDescription with the formats of its columns as a Bind's result formats define them; NoData as it is.

    Without any format, all columns are text. A single one is for every column, else there is one for each.
    """
    if not rows or rows[0] != ROW_DESCRIPTION:
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
    if not description or description[0] != ROW_DESCRIPTION:
        return description
    columns, position = [], 7
    while position < len(description):
        end = description.index(0, position)
        columns.append((description[position:end], description[end + 7 : end + 17]))
        position = end + 19
    return columns
