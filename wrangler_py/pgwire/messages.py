"""The messages of PostgreSQL protocol 3: builders, and readers of the few fields the proxy looks at.

A message is `bytes`: an octet for its kind, a four-octet length that counts itself, the body. Start-up packets
have no kind. Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol", "Message Formats".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

from librt.strings import read_i32_be

from wrangler_py.pgwire import backend_kinds, frontend_kinds
from wrangler_py.pgwire.frontend_kinds import PORTAL, STATEMENT

PROTOCOL_3_0: Final = 196608
SSL_REQUEST: Final = 80877103
GSSENC_REQUEST: Final = 80877104
CANCEL_REQUEST: Final = 80877102

AUTHENTICATION_SASL: Final = 10
AUTHENTICATION_SASL_CONTINUE: Final = 11
AUTHENTICATION_SASL_FINAL: Final = 12

HEADER: Final = struct.Struct("!BI")
_INT16: Final = struct.Struct("!H")
_INT32: Final = struct.Struct("!I")


class ProtocolError(Exception):
    """The peer violated the protocol; the connection can't continue. SQLSTATE 08P01."""


def message(kind: int, body: bytes = b"") -> bytes:
    return HEADER.pack(kind, len(body) + 4) + body


# Whole messages of a backend.
AUTHENTICATION_OK: Final[bytes] = message(backend_kinds.AUTHENTICATION, _INT32.pack(0))
PARSE_COMPLETE: Final[bytes] = message(backend_kinds.PARSE_COMPLETE)
BIND_COMPLETE: Final[bytes] = message(backend_kinds.BIND_COMPLETE)
CLOSE_COMPLETE: Final[bytes] = message(backend_kinds.CLOSE_COMPLETE)
NO_DATA: Final[bytes] = message(backend_kinds.NO_DATA)
NO_PARAMETERS: Final[bytes] = message(backend_kinds.PARAMETER_DESCRIPTION, _INT16.pack(0))
READY_IDLE: Final[bytes] = message(backend_kinds.READY_FOR_QUERY, bytes((backend_kinds.IDLE,)))

# Whole messages of a frontend.
SYNC: Final[bytes] = message(frontend_kinds.SYNC)
FLUSH: Final[bytes] = message(frontend_kinds.FLUSH)
TERMINATE: Final[bytes] = message(frontend_kinds.TERMINATE)


def is_whole(data: bytes) -> bool:
    """Whether `data`, five octets or more, is one message and has its end."""
    length: int = read_i32_be(data, 1)
    return len(data) == length + 1


def cstring(data: bytes, start: int) -> tuple[bytes, int]:
    """The zero-terminated string at `start`, and the offset behind it.

    Raises ProtocolError if it has no end.
    """
    end = data.find(b"\0", start)
    if end < 0:
        raise ProtocolError("string without an end")
    return data[start:end], end + 1


# --- start-up ------------------------------------------------------------------------------------------------


def startup_message(parameters: Mapping[str, str], version: int = PROTOCOL_3_0) -> bytes:
    body = b"".join(name.encode() + b"\0" + value.encode() + b"\0" for name, value in parameters.items())
    return struct.pack("!II", len(body) + 9, version) + body + b"\0"


def ssl_request() -> bytes:
    return struct.pack("!II", 8, SSL_REQUEST)


def cancel_request(process_id: int, secret: bytes) -> bytes:
    return struct.pack("!III", 12 + len(secret), CANCEL_REQUEST, process_id) + secret


def parse_startup_parameters(body: bytes) -> dict[str, str]:
    """The names and values of a StartupMessage; `body` is what follows the version number."""
    parameters: dict[str, str] = {}
    position = 0
    while True:
        name, position = cstring(body, position)
        if not name:
            break
        value, position = cstring(body, position)
        parameters[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    if position != len(body):
        raise ProtocolError("invalid startup packet layout: expected terminator as last byte")
    return parameters


def negotiate_protocol_version(minor: int, unrecognised: Iterable[str]) -> bytes:
    options = [name.encode() + b"\0" for name in unrecognised]
    return message(
        backend_kinds.NEGOTIATE_PROTOCOL_VERSION, struct.pack("!II", minor, len(options)) + b"".join(options)
    )


def authentication_sasl(mechanisms: Iterable[str]) -> bytes:
    names = b"".join(name.encode() + b"\0" for name in mechanisms)
    return message(backend_kinds.AUTHENTICATION, _INT32.pack(AUTHENTICATION_SASL) + names + b"\0")


def authentication_sasl_continue(data: bytes) -> bytes:
    return message(backend_kinds.AUTHENTICATION, _INT32.pack(AUTHENTICATION_SASL_CONTINUE) + data)


def authentication_sasl_final(data: bytes) -> bytes:
    return message(backend_kinds.AUTHENTICATION, _INT32.pack(AUTHENTICATION_SASL_FINAL) + data)


def sasl_initial_response(mechanism: str, data: bytes) -> bytes:
    return message(frontend_kinds.PASSWORD, mechanism.encode() + b"\0" + _INT32.pack(len(data)) + data)


def password_message(data: bytes) -> bytes:
    """A PasswordMessage (zero-terminated by the caller) or a SASLResponse."""
    return message(frontend_kinds.PASSWORD, data)


def backend_key_data(process_id: int, secret: bytes) -> bytes:
    return message(backend_kinds.BACKEND_KEY_DATA, _INT32.pack(process_id) + secret)


def parameter_status(name: str, value: str) -> bytes:
    return message(backend_kinds.PARAMETER_STATUS, name.encode() + b"\0" + value.encode() + b"\0")


def parse_parameter_status(body: bytes) -> tuple[str, str]:
    name, position = cstring(body, 0)
    value, _ = cstring(body, position)
    return name.decode("utf-8", "replace"), value.decode("utf-8", "replace")


# --- queries -------------------------------------------------------------------------------------------------


def query(sql: str | bytes) -> bytes:
    text = sql.encode() if isinstance(sql, str) else sql
    return message(frontend_kinds.QUERY, text + b"\0")


def parse(name: bytes, definition: bytes) -> bytes:
    """A Parse message; `definition` is what follows the name: the SQL, a zero, the parameter types."""
    return message(frontend_kinds.PARSE, name + b"\0" + definition)


def split_parse(data: bytes) -> tuple[bytes, bytes]:
    """Name and definition of a whole Parse message. Raises ProtocolError when it is malformed."""
    name, start = cstring(data, 5)
    end = data.find(b"\0", start)
    if end < 0 or len(data) < end + 3:
        raise ProtocolError("invalid Parse message")
    count = _INT16.unpack_from(data, end + 1)[0]
    if len(data) != end + 3 + 4 * count:
        raise ProtocolError("invalid Parse message")
    return name, data[start:]


def split_bind(data: bytes) -> tuple[bytes, bytes, int]:
    """Portal name, statement name, and the offset behind both, of a Bind message, of which the head is enough."""
    portal, position = cstring(data, 5)
    statement, position = cstring(data, position)
    return portal, statement, position


def count_values(data: bytes, position: int) -> int:
    """The number of values in a Bind message; `position` is the offset behind its two names."""
    try:
        formats = _INT16.unpack_from(data, position)[0]
        return int(_INT16.unpack_from(data, position + 2 + 2 * formats)[0])
    except struct.error:
        raise ProtocolError("invalid Bind message") from None


def bind(portal: bytes, statement: bytes, rest: bytes) -> bytes:
    return message(frontend_kinds.BIND, portal + b"\0" + statement + b"\0" + rest)


def split_target(data: bytes) -> tuple[int, bytes]:
    """The target of a Describe or Close: `STATEMENT` or `PORTAL`, and its name."""
    if len(data) < 7 or data[5] not in (STATEMENT, PORTAL):
        raise ProtocolError("invalid Describe or Close message")
    name, position = cstring(data, 6)
    if position != len(data):
        raise ProtocolError("invalid Describe or Close message")
    return data[5], name


def execute(portal: bytes, max_rows: int = 0) -> bytes:
    return message(frontend_kinds.EXECUTE, portal + b"\0" + _INT32.pack(max_rows))


def describe_statement(name: bytes) -> bytes:
    return _naming(frontend_kinds.DESCRIBE, STATEMENT, name)


def describe_portal(name: bytes) -> bytes:
    return _naming(frontend_kinds.DESCRIBE, PORTAL, name)


def close_statement(name: bytes) -> bytes:
    return _naming(frontend_kinds.CLOSE, STATEMENT, name)


def close_portal(name: bytes) -> bytes:
    return _naming(frontend_kinds.CLOSE, PORTAL, name)


def _naming(kind: int, target: int, name: bytes) -> bytes:
    return message(kind, bytes((target,)) + name + b"\0")


def copy_fail(reason: bytes) -> bytes:
    return message(frontend_kinds.COPY_FAIL, reason + b"\0")


def command_complete(tag: str) -> bytes:
    return message(backend_kinds.COMMAND_COMPLETE, tag.encode() + b"\0")


def text_rows(data: bytes) -> list[list[str | None]]:
    """The rows, in text format, of the last result in a whole answer to a simple query."""
    rows: list[list[str | None]] = []
    position = 0
    while position < len(data):
        kind, length = HEADER.unpack_from(data, position)
        if kind == backend_kinds.ROW_DESCRIPTION:
            rows = []
        elif kind == backend_kinds.DATA_ROW:
            rows.append(_text_row(data, position + 5))
        position += length + 1
    return rows


def of_kinds(data: bytes, kinds: bytes) -> list[bytes]:
    """The whole messages of these kinds, in order, in a run of whole messages."""
    found = []
    position = 0
    while position < len(data):
        kind, length = HEADER.unpack_from(data, position)
        if kind in kinds:
            found.append(data[position : position + length + 1])
        position += length + 1
    return found


def _text_row(data: bytes, position: int) -> list[str | None]:
    count = _INT16.unpack_from(data, position)[0]
    position += 2
    row: list[str | None] = []
    for _ in range(count):
        length = _INT32.unpack_from(data, position)[0]
        position += 4
        if length == 0xFFFFFFFF:
            row.append(None)
        else:
            row.append(data[position : position + length].decode("utf-8", "replace"))
            position += length
    return row


# --- errors --------------------------------------------------------------------------------------------------


def error_response(
    sqlstate: str,
    text: str,
    *,
    severity: str = "ERROR",
    hint: str | None = None,
    routine: str | None = None,
) -> bytes:
    """An ErrorResponse. `routine` is the server's function, by which drivers recognise some errors."""
    fields = [b"S" + severity.encode(), b"V" + severity.encode(), b"C" + sqlstate.encode(), b"M" + text.encode()]
    if hint:
        fields.append(b"H" + hint.encode())
    if routine:
        fields.append(b"R" + routine.encode())
    return message(backend_kinds.ERROR_RESPONSE, b"\0".join(fields) + b"\0\0")


def parse_report(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse, by their one-letter codes."""
    fields: dict[str, str] = {}
    for field in body.split(b"\0"):
        if field:
            fields[chr(field[0])] = field[1:].decode("utf-8", "replace")
    return fields


def with_severity(data: bytes, severity: str) -> bytes:
    """A whole ErrorResponse with its severity replaced; all its other fields stay as they are."""
    fields = [
        field[:1] + severity.encode() if field[:1] in (b"S", b"V") else field for field in data[5:].split(b"\0")
    ]
    return message(data[0], b"\0".join(fields))
