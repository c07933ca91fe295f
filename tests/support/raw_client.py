"""A small blocking client of PostgreSQL protocol 3, for what drivers never send."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from wrangler_py.pgwire import frontend_kinds, messages
from wrangler_py.pgwire.messages import FLUSH, SYNC, message, query
from wrangler_py.pgwire.scram import MECHANISM, ScramClient

__all__ = [
    "FLUSH", "SYNC", "Message", "RawClient", "bind", "close", "copy_data", "copy_done", "copy_fail", "describe",
    "execute", "function_call", "parse", "query",
]  # fmt: skip

TIMEOUT_S = 30.0
"""How long the other side may say nothing before a test fails."""


class Message(NamedTuple):
    kind: str
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """What an error or a notice says, by the one-letter codes."""
        return messages.parse_report(self.body)

    @property
    def sqlstate(self) -> str:
        return self.fields["C"]

    @property
    def values(self) -> list[bytes | None]:
        """The columns of a DataRow."""
        values: list[bytes | None] = []
        position = 2
        for _ in range(struct.unpack_from("!H", self.body)[0]):
            length = struct.unpack_from("!i", self.body, position)[0]
            position += 4
            values.append(None if length < 0 else self.body[position : position + length])
            position += max(length, 0)
        return values


class RawClient:
    """Authenticated and ready, unless `start` is False. `parameters` are the ParameterStatus values told so far."""

    def __init__(
        self,
        port: int,
        *,
        user: str,
        password: str,
        database: str = "app",
        host: str = "127.0.0.1",
        minor: int = 0,
        settings: Mapping[str, str] | None = None,
        start: bool = True,
    ) -> None:
        self.address = (host, port)
        self.socket = socket.create_connection(self.address, TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self.parameters: dict[str, str] = {}
        self.process_id = 0
        self.secret = b""
        self.negotiated: Message | None = None
        if start:
            self.start({"user": user, "database": database, **(settings or {})}, password, minor)

    def __del__(self) -> None:
        """A client that a test leaves behind, or that could not log in, goes with the test."""
        with contextlib.suppress(AttributeError):  # the connection failed
            self.socket.close()

    def start(self, parameters: Mapping[str, str], password: str, minor: int = 0) -> None:
        """Start-up and SCRAM. Raises RefusedError when the server says no."""
        scram = ScramClient(password)
        self.send(messages.startup_message(parameters, messages.PROTOCOL_3_0 + minor))
        while (answer := self.receive()).kind != "Z":
            code = struct.unpack_from("!I", answer.body)[0] if answer.kind == "R" else 0
            if answer.kind == "E":
                raise RefusedError(answer)
            if answer.kind == "v":
                self.negotiated = answer
            elif answer.kind == "K":
                self.process_id = struct.unpack_from("!I", answer.body)[0]
                self.secret = answer.body[4:]
            elif code == 10:
                self.send(messages.sasl_initial_response(MECHANISM, scram.first()))
            elif code == 11:
                self.send(messages.password_message(scram.final(answer.body[4:])))
            elif code == 12:
                scram.verify(answer.body[4:])

    def send(self, *data: bytes) -> None:
        self.socket.sendall(b"".join(data))

    def receive(self) -> Message:
        """The next message. Raises EOFError when the other side has closed."""
        header = self._read(5)
        kind, length = messages.HEADER.unpack(header)
        answer = Message(chr(kind), self._read(length - 4))
        if answer.kind == "S":
            name, value = messages.parse_parameter_status(answer.body)
            self.parameters[name] = value
        return answer

    def until(self, *kinds: str) -> list[Message]:
        """All messages up to the first of one of `kinds`, that one included."""
        answers = [self.receive()]
        while answers[-1].kind not in kinds:
            answers.append(self.receive())
        return answers

    def until_ready(self, times: int = 1) -> list[Message]:
        """All messages up to the ReadyForQuery number `times`."""
        return [answer for _ in range(times) for answer in self.until("Z")]

    def ask(self, *data: bytes) -> list[Message]:
        """Sends, and gives the answers up to ReadyForQuery."""
        self.send(*data)
        return self.until_ready()

    def ask_until(self, data: bytes, *kinds: str) -> list[Message]:
        """Sends, and gives the answers up to one of `kinds`."""
        self.send(data)
        return self.until(*kinds)

    def rows(self, sql: str) -> list[list[bytes | None]]:
        """The rows of a simple query. Raises RefusedError with its error."""
        answers = self.ask(query(sql))
        for answer in answers:
            if answer.kind == "E":
                raise RefusedError(answer)
        return [answer.values for answer in answers if answer.kind == "D"]

    def cancel(self) -> None:
        """Sends a cancel request; returns when the other side has closed the connection that carried it."""
        with socket.create_connection(self.address, TIMEOUT_S) as messenger:
            messenger.sendall(messages.cancel_request(self.process_id, self.secret))
            while messenger.recv(1024):
                pass

    def at_end(self) -> bool:
        """Whether the other side closes without another word; waits until it does either."""
        if self._buffer:
            return False
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            return True
        self._buffer += data
        return not data

    def kill(self) -> None:
        """Ends the connection as a killed process does: no Terminate, and a reset instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self.socket.recv(max(size - len(self._buffer), 65_536))
            if not data:
                raise EOFError("the other side closed the connection")
            self._buffer += data
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


class RefusedError(Exception):
    """The server answered with an error."""

    def __init__(self, answer: Message) -> None:
        super().__init__(f"{answer.sqlstate} {answer.fields['M']}")
        self.answer = answer


# --- messages of a client ------------------------------------------------------------------------------------


def parse(name: str, sql: str, types: Sequence[int] = ()) -> bytes:
    numbers = struct.pack(f"!H{len(types)}I", len(types), *types)
    return messages.parse(name.encode(), sql.encode() + b"\0" + numbers)


def bind(
    portal: str = "",
    statement: str = "",
    values: Iterable[bytes | None] = (),
    formats: Sequence[int] = (),
    result_formats: Sequence[int] = (),
) -> bytes:
    columns = [struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in values]
    rest = (
        struct.pack(f"!H{len(formats)}H", len(formats), *formats)
        + struct.pack("!H", len(columns))
        + b"".join(columns)
        + struct.pack(f"!H{len(result_formats)}H", len(result_formats), *result_formats)
    )
    return messages.bind(portal.encode(), statement.encode(), rest)


def execute(portal: str = "", rows: int = 0) -> bytes:
    return message(frontend_kinds.EXECUTE, portal.encode() + b"\0" + struct.pack("!I", rows))


def describe(kind: str, name: str = "") -> bytes:
    return message(frontend_kinds.DESCRIBE, kind.encode() + name.encode() + b"\0")


def close(kind: str, name: str = "") -> bytes:
    return message(frontend_kinds.CLOSE, kind.encode() + name.encode() + b"\0")


def copy_data(data: bytes) -> bytes:
    return message(frontend_kinds.COPY_DATA, data)


def copy_done() -> bytes:
    return message(frontend_kinds.COPY_DONE, b"")


def copy_fail(reason: str) -> bytes:
    return message(frontend_kinds.COPY_FAIL, reason.encode() + b"\0")


def function_call(oid: int, arguments: Iterable[bytes | None], *, result_format: int = 0) -> bytes:
    columns = [struct.pack("!i", -1) if a is None else struct.pack("!i", len(a)) + a for a in arguments]
    return message(
        frontend_kinds.FUNCTION_CALL,
        struct.pack("!IHHH", oid, 1, 0, len(columns)) + b"".join(columns) + struct.pack("!H", result_format),
    )
