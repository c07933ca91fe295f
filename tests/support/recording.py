"""Conversations of drivers with a server: as text files, and as a catalog that answers as that server did.

A line of a file is a message: `> Parse b'…'` from the driver, `< ParseComplete b''` from the server. Run as a
program, it records those in `tests/session/conversations`:
`PYTHONPATH=tests python -m support.recording postgresql://…`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import itertools
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.model_server import ServerError

from wrangler_py.pgwire import backend_kinds, frontend_kinds, messages
from wrangler_py.pgwire.results import with_formats

FOLDER = Path(__file__).parent.parent / "session" / "conversations"
_FROM_DRIVER = {
    value: name.title().replace("_", "")
    for name, value in vars(frontend_kinds).items()
    if name.isupper() and isinstance(value, int) and value and name not in ("STATEMENT", "PORTAL")
}
_FROM_SERVER = {
    value: name.title().replace("_", "")
    for name, value in vars(backend_kinds).items()
    if name.isupper() and isinstance(value, int) and name not in ("IDLE", "IN_TRANSACTION", "IN_FAILED_TRANSACTION")
}
_UNASKED = {backend_kinds.PARAMETER_STATUS, backend_kinds.NOTICE_RESPONSE}

Turn = tuple[list[bytes], list[bytes]]
"""What a driver sent before it waited, and what it was answered."""


def split(data: bytes) -> Iterator[bytes]:
    """The messages in `data`."""
    position = 0
    while position < len(data):
        end = position + 1 + int.from_bytes(data[position + 1 : position + 5], "big")
        yield data[position:end]
        position = end


def write(path: Path, title: str, turns: list[Turn]) -> None:
    lines = [f"# {title}"]
    for sent, answered in turns:
        lines += [f"> {_FROM_DRIVER[message[0]]} {message[5:]!r}" for message in sent]
        lines += [f"< {_FROM_SERVER[message[0]]} {message[5:]!r}" for message in answered]
    path.write_text("\n".join(lines) + "\n")


def read(path: Path) -> list[Turn]:
    turns: list[Turn] = []
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        direction, name, body = line.split(" ", 2)
        names = _FROM_DRIVER if direction == ">" else _FROM_SERVER
        kind = next(kind for kind, each in names.items() if each == name)
        message = messages.message(kind, ast.literal_eval(body))
        if direction == ">":
            if not turns or turns[-1][1]:
                turns.append(([], []))
            turns[-1][0].append(message)
        else:
            turns[-1][1].append(message)
    return turns


class RecordedCatalog:
    """Answers what the recorded server answered to the same text with the same parameters."""

    def __init__(self, turns: list[Turn]) -> None:
        self._errors: dict[tuple[str, bytes, bytes], bytes] = {}
        self._described: dict[bytes, tuple[bytes, bytes]] = {}
        self._portals: dict[tuple[bytes, bytes], bytes] = {}
        self._executed: dict[tuple[bytes, bytes], bytes] = {}
        self._queried: dict[bytes, bytes] = {}
        self._learn([m for sent, _ in turns for m in sent], [m for _, answered in turns for m in answered])

    def _learn(self, sent: list[bytes], answered: list[bytes]) -> None:
        answers = [message for message in answered if message[0] not in _UNASKED]
        statements: dict[bytes, bytes] = {}
        portals: dict[bytes, tuple[bytes, bytes]] = {}
        skipping = False
        for message in sent:
            kind = message[0]
            if kind == frontend_kinds.SYNC:
                skipping = False
                assert answers.pop(0)[0] == backend_kinds.READY_FOR_QUERY
            elif skipping or kind == frontend_kinds.FLUSH:
                continue
            elif kind == frontend_kinds.QUERY:
                parts = list(itertools.takewhile(lambda m: m[0] != backend_kinds.READY_FOR_QUERY, answers))
                del answers[: len(parts) + 1]
                self._queried[message[5:-1]] = b"".join(parts)
            else:
                skipping = self._learn_extended(kind, message, answers, statements, portals)

    def _learn_extended(
        self,
        kind: int,
        message: bytes,
        answers: list[bytes],
        statements: dict[bytes, bytes],
        portals: dict[bytes, tuple[bytes, bytes]],
    ) -> bool:
        """Whether the answer is an error."""
        stage, sql, bind = "", b"", b""
        if kind == frontend_kinds.PARSE:
            name, definition = messages.split_parse(message)
            stage, sql = "check", definition[: definition.index(0)]
            statements[name] = sql
        elif kind == frontend_kinds.BIND:
            portal, name, position = messages.split_bind(message)
            stage, sql, bind = "bind", statements[name], message[position:]
            portals[portal] = sql, bind
        elif kind == frontend_kinds.EXECUTE:
            stage, (sql, bind) = "execute", portals[messages.cstring(message, 5)[0]]
        if answers[0][0] == backend_kinds.ERROR_RESPONSE:
            self._errors[stage, sql, bind] = answers.pop(0)
            return True
        if kind == frontend_kinds.EXECUTE:
            ends = bytes((
                backend_kinds.COMMAND_COMPLETE, backend_kinds.EMPTY_QUERY_RESPONSE, backend_kinds.PORTAL_SUSPENDED,
            ))  # fmt: skip
            parts = list(itertools.takewhile(lambda m: m[0] not in ends, answers))
            parts.append(answers[len(parts)])
            del answers[: len(parts)]
            self._executed[sql, bind] = b"".join(parts)
        elif kind == frontend_kinds.DESCRIBE:
            target, name = messages.split_target(message)
            if target == frontend_kinds.STATEMENT:
                self._described[statements[name]] = answers.pop(0), answers.pop(0)
            else:
                self._portals[portals[name]] = answers.pop(0)
        else:
            answers.pop(0)
        return False

    def _fail(self, stage: str, sql: bytes, bind: bytes = b"") -> None:
        error = self._errors.get((stage, sql, bind))
        if error is not None:
            raise _RecordedError(error)

    def check(self, sql: bytes) -> None:
        self._fail("check", sql)

    def bind(self, sql: bytes, bind: bytes) -> None:
        self._fail("bind", sql, bind)

    def describe(self, sql: bytes) -> tuple[bytes, bytes]:
        if sql not in self._described:  # nobody but the proxy asks for it
            rows = next(rows for (text, _), rows in self._portals.items() if text == sql)
            return messages.NO_PARAMETERS, with_formats(rows, ())
        return self._described[sql]

    def describe_portal(self, sql: bytes, bind: bytes) -> bytes:
        return self._portals[sql, bind]

    def execute(self, sql: bytes, bind: bytes) -> bytes:
        self._fail("execute", sql, bind)
        return self._executed[sql, bind]

    def query(self, sql: bytes) -> bytes:
        answer = self._queried[sql]
        if answer[0] == backend_kinds.ERROR_RESPONSE:
            raise _RecordedError(answer)
        return answer


class _RecordedError(ServerError):
    def __init__(self, response: bytes) -> None:
        super().__init__("XX000", "")
        self.response = response


# --- recording -----------------------------------------------------------------------------------------------


class Relay:
    """Stands between one driver and a server, and keeps what they say after the start-up."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.turns: list[Turn] = []
        self._started = False
        self._buffers = {True: b"", False: b""}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, args=(server,))
        self._thread.start()

    def _run(self, address: tuple[str, int]) -> None:
        driver, _ = self._listener.accept()
        server = socket.create_connection(address)
        back = threading.Thread(target=self._pass_on, args=(server, driver, False))
        back.start()
        self._pass_on(driver, server, True)
        back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, from_driver: bool) -> None:
        while data := source.recv(65_536):
            with self._lock:
                self._keep(data, from_driver)
            target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _keep(self, data: bytes, from_driver: bool) -> None:
        if not self._started:
            self._started = not from_driver and data.endswith(messages.READY_IDLE)
            return
        self._buffers[from_driver] += data
        buffer = self._buffers[from_driver]
        while len(buffer) >= 5 and len(buffer) > int.from_bytes(buffer[1:5], "big"):
            message = next(split(buffer))
            buffer = buffer[len(message) :]
            if from_driver and message[0] == frontend_kinds.TERMINATE:
                continue
            if from_driver and (not self.turns or self.turns[-1][1]):
                self.turns.append(([], []))
            if not from_driver and message[0] in _UNASKED:
                continue
            self.turns[-1][0 if from_driver else 1].append(message)
        self._buffers[from_driver] = buffer

    def finish(self) -> list[Turn]:
        self._thread.join(10)
        self._listener.close()
        return self.turns


def _psycopg(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TEMPORARY TABLE fruits (id int, name text) ON COMMIT DROP")
        connection.execute("INSERT INTO fruits VALUES (1, 'apple'), (2, 'pear')")
        for number in (1, 2, 3):
            connection.execute("SELECT name FROM fruits WHERE id = %s", [number], prepare=True).fetchall()
        connection.commit()
        connection.autocommit = True
        with connection.pipeline():
            for number in (4, 5):
                connection.execute("SELECT %s::int + 1", [number], prepare=True)
        try:
            connection.execute("SELECT 1/%s", [0])
        except psycopg.errors.DivisionByZero:
            connection.execute("SELECT 'afterwards'")


def _psycopg2(dsn: str) -> None:
    import psycopg2  # type: ignore[import-untyped]

    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    cursor.execute("SELECT %s, %s", ("one", 2))
    cursor.fetchall()
    connection.commit()
    try:
        cursor.execute("SELECT nothing")
    except psycopg2.Error:
        connection.rollback()
    cursor.execute("SELECT generate_series(1, 3)")
    connection.rollback()
    connection.close()


def _pg8000(dsn: str) -> None:
    import pg8000.native

    parts = urlsplit(dsn)
    connection = pg8000.native.Connection(
        parts.username, password=parts.password, host=parts.hostname, port=parts.port, database=parts.path[1:]
    )
    connection.run("SELECT :a::int + :b::int", a=1, b=2)
    statement = connection.prepare("SELECT :word::text")
    for word in ("first", "second"):
        statement.run(word=word)
    statement.close()
    connection.run("START TRANSACTION")
    connection.run("SELECT 'inside'")
    connection.run("COMMIT")
    connection.close()


def _asyncpg(dsn: str) -> None:
    import asyncpg

    async def talk() -> None:
        connection = await asyncpg.connect(dsn)
        statement = await connection.prepare("SELECT $1::int * 2")
        assert [await statement.fetchval(number) for number in (1, 2)] == [2, 4]
        async with connection.transaction():
            await connection.fetch("SELECT n FROM generate_series(1, 3) AS n WHERE n > $1", 1)
        await connection.execute("SELECT 1; SELECT 2")
        await connection.close()

    asyncio.run(talk())


CONVERSATIONS: dict[str, tuple[str, Any]] = {
    "psycopg": ("psycopg 3: a transaction, prepared statements, a pipeline, an error", _psycopg),
    "psycopg2": ("psycopg2: simple queries, a failed transaction", _psycopg2),
    "pg8000": ("pg8000: unnamed and named statements, a transaction", _pg8000),
    "asyncpg": ("asyncpg: a prepared statement, a transaction, two statements in one text", _asyncpg),
}


def main() -> None:
    parts = urlsplit(sys.argv[1])
    for name, (title, talk) in CONVERSATIONS.items():
        relay = Relay((str(parts.hostname), parts.port or 5432))
        port = f":{relay.port}"
        talk(f"{parts.scheme}://{parts.username}:{parts.password}@127.0.0.1{port}{parts.path}?sslmode=disable")
        write(FOLDER / f"{name}.txt", title, relay.finish())


if __name__ == "__main__":
    main()
