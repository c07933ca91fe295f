"""A PostgreSQL session without PostgreSQL: enough of its protocol to answer what the proxy sends it, without I/O.

It knows statements, portals, transactions, settings and what an error makes a server skip. What a text of SQL gives
comes from a `Catalog`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import (
    DATA_ROW,
    EMPTY_QUERY_RESPONSE,
    IDLE,
    IN_FAILED_TRANSACTION,
    IN_TRANSACTION,
    PARAMETER_DESCRIPTION,
    READY_FOR_QUERY,
    ROW_DESCRIPTION,
)
from wrangler_py.pgwire.frontend import FrontendReader
from wrangler_py.pgwire.frontend_kinds import BIND, CLOSE, DESCRIBE, EXECUTE, FLUSH, PARSE, QUERY, STATEMENT, SYNC
from wrangler_py.session.reset import RESET_ANSWER, RESET_STATEMENTS

_FAILED = "current transaction is aborted, commands ignored until end of transaction block"
_BEGINS = (b"BEGIN", b"BEGIN TRANSACTION", b"START TRANSACTION")
_ENDS = (b"COMMIT", b"ROLLBACK")
SHOW = b"SHOW WORK_MEM"
CHANGE = b"SET WORK_MEM = '7MB'"
HIDDEN_CHANGE = b"SELECT * FROM SPELLS"
"""Changes the setting as code does that is stored in the database: the text doesn't show it."""
_OWN = {*_BEGINS, *_ENDS, SHOW, CHANGE, HIDDEN_CHANGE, b"DEALLOCATE ALL", b"DISCARD ALL"}
"""What a server knows without looking anything up, in capitals."""
_RESETS = {sql.upper(): answer for sql, answer in RESET_STATEMENTS.items()}
_OWN |= _RESETS.keys()


class ServerError(Exception):
    """`response` is the ErrorResponse."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(text)
        self.response = messages.error_response(sqlstate, text)


class Catalog(Protocol):
    """What texts of SQL mean. Each method may raise ServerError."""

    def check(self, sql: bytes) -> None:
        """Parses `sql`."""

    def bind(self, sql: bytes, bind: bytes) -> None:
        """Binds a statement; `bind` is what follows the names in its Bind."""

    def describe(self, sql: bytes) -> tuple[bytes, bytes]:
        """ParameterDescription, and RowDescription or NoData, of a statement."""

    def describe_portal(self, sql: bytes, bind: bytes) -> bytes:
        """RowDescription or NoData of a portal."""

    def execute(self, sql: bytes, bind: bytes) -> bytes:
        """DataRows and CommandComplete."""

    def query(self, sql: bytes) -> bytes:
        """The whole answer to a simple query, without ReadyForQuery."""


@dataclass
class Statement:
    sql: bytes
    definition: bytes


class ModelServer:
    """One session: messages in, answers out. `setting` is one that queries may change and read."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._reader = FrontendReader()
        self._statements: dict[bytes, Statement] = {}
        self._portals: dict[bytes, tuple[Statement, bytes]] = {}
        self._finished: set[bytes] = set()
        """Portals that have run to their ends."""
        self._skipping = False
        self.status = IDLE
        self.setting = b"default"
        self._setting_before = b"default"
        """Before the transaction that a single query, or messages up to a Sync, are in."""

    def receive(self, data: bytes) -> bytes:
        return b"".join(self._answer(kind, message) for kind, message, _ in self._reader.receive(data))

    def _answer(self, kind: int, message: bytes) -> bytes:
        if kind == SYNC:
            self._skipping = False
            return self._ready()
        if self._skipping or kind == FLUSH:
            return b""
        try:
            if kind == QUERY:
                return self._query(message[5:-1])
            return self._extended(kind, message)
        except ServerError as error:
            if self.status == IN_TRANSACTION:
                self.status = IN_FAILED_TRANSACTION
            elif self.status == IDLE:
                self.setting = self._setting_before
            if kind == QUERY:
                return error.response + self._ready()
            self._skipping = True
            return error.response

    def _ready(self) -> bytes:
        if self.status == IDLE:
            self._portals.clear()
            self._setting_before = self.setting
        return messages.message(READY_FOR_QUERY, bytes((self.status,)))

    # --- simple queries ------------------------------------------------------------------------------------

    def _query(self, sql: bytes) -> bytes:
        self._statements.pop(b"", None)
        if b"DISCARD TEMP" in sql:
            self.setting = self._setting_before = b"default"
            if sql.startswith(b"DEALLOCATE ALL; "):
                self._statements.clear()
                return messages.command_complete("DEALLOCATE ALL") + RESET_ANSWER
            return RESET_ANSWER
        if not sql:
            self._portals.pop(b"", None)  # a server keeps it; the proxy sends this in place of DEALLOCATE
            return messages.message(EMPTY_QUERY_RESPONSE) + self._ready()
        self._check_transaction(sql)
        self._catalog.check(sql)
        self._portals.pop(b"", None)
        if self._is_own(sql):
            return self._run(sql) + self._ready()
        return self._catalog.query(sql) + self._ready()

    # --- extended queries ----------------------------------------------------------------------------------

    def _extended(self, kind: int, message: bytes) -> bytes:
        if kind == PARSE:
            return self._parse(message)
        if kind == BIND:
            portal, name, position = messages.split_bind(message)
            statement = self._statement(name)
            if statement.sql not in RESET_STATEMENTS:
                self._catalog.bind(statement.sql, message[position:])
            self._check_transaction(statement.sql)
            self._portals[portal] = (statement, message[position:])
            self._finished.discard(portal)
            return messages.BIND_COMPLETE
        if kind == DESCRIBE:
            return self._describe(*messages.split_target(message))
        if kind == EXECUTE:
            return self._execute(messages.cstring(message, 5)[0])
        assert kind == CLOSE
        target, name = messages.split_target(message)
        if target == STATEMENT:
            self._statements.pop(name, None)
        else:
            self._portals.pop(name, None)
        return messages.CLOSE_COMPLETE

    def _execute(self, portal: bytes) -> bytes:
        statement, bind = self._portal(portal)
        sql = statement.sql
        self._check_transaction(sql)
        if portal in self._finished:
            if not self._has_rows(sql):
                raise ServerError("55000", f'portal "{portal.decode()}" cannot be run')
            return messages.command_complete("SHOW" if _words(sql) == SHOW else "SELECT 0")
        self._finished.add(portal)
        return self._run(sql) if self._is_own(sql) else self._catalog.execute(sql, bind)

    def _parse(self, message: bytes) -> bytes:
        name, definition = messages.split_parse(message)
        sql = definition[: definition.index(0)]
        if not name:
            self._statements.pop(b"", None)
        self._catalog.check(sql)
        self._check_transaction(sql)
        if name and name in self._statements:
            raise ServerError("42P05", f'prepared statement "{name.decode()}" already exists')
        self._statements[name] = Statement(sql, definition)
        return messages.PARSE_COMPLETE

    def _describe(self, target: int, name: bytes) -> bytes:
        if target == STATEMENT:
            statement = self._statement(name)
            self._check_described(statement.sql)
            if self._is_own(statement.sql):
                return messages.NO_PARAMETERS + self._rows_of_own(statement.sql)
            return b"".join(self._catalog.describe(statement.sql))
        statement, bind = self._portal(name)
        self._check_described(statement.sql)
        if self._is_own(statement.sql):
            return self._rows_of_own(statement.sql)
        return self._catalog.describe_portal(statement.sql, bind)

    def _statement(self, name: bytes) -> Statement:
        statement = self._statements.get(name)
        if statement is None:
            shown = f'prepared statement "{name.decode()}"' if name else "unnamed prepared statement"
            raise ServerError("26000", f"{shown} does not exist")
        return statement

    def _portal(self, name: bytes) -> tuple[Statement, bytes]:
        if name not in self._portals:
            raise ServerError("34000", f'portal "{name.decode()}" does not exist')
        return self._portals[name]

    # --- what every server knows ---------------------------------------------------------------------------

    def _check_transaction(self, sql: bytes) -> None:
        if self.status == IN_FAILED_TRANSACTION and _words(sql) not in _ENDS:
            raise ServerError("25P02", _FAILED)

    def _check_described(self, sql: bytes) -> None:
        if self.status == IN_FAILED_TRANSACTION and self._has_rows(sql):
            raise ServerError("25P02", _FAILED)

    def _has_rows(self, sql: bytes) -> bool:
        if self._is_own(sql):
            return _words(sql) in (SHOW, HIDDEN_CHANGE)
        return self._catalog.describe(sql)[1] != messages.NO_DATA

    def _is_own(self, sql: bytes) -> bool:
        return _words(sql) in _OWN or sql.startswith((b"DEALLOCATE ", b'UNLISTEN "'))

    def _rows_of_own(self, sql: bytes) -> bytes:
        return row_description(b"work_mem") if self._has_rows(sql) else messages.NO_DATA

    def _run(self, sql: bytes) -> bytes:
        words = _words(sql)
        if words in _BEGINS:
            self.status = IN_TRANSACTION
            return messages.command_complete(
                words.split()[0].decode() if words.startswith(b"BEGIN") else words.decode()
            )
        if words in _ENDS:
            tag = "ROLLBACK" if self.status == IN_FAILED_TRANSACTION or words == b"ROLLBACK" else "COMMIT"
            self.status = IDLE
            self._portals.clear()
            return messages.command_complete(tag)
        if words in _RESETS:
            self.setting = b"default"
            return _RESETS[words]
        if words == SHOW:
            return data_row(self.setting) + messages.command_complete("SHOW")
        if words == CHANGE:
            self.setting = b"changed"
            return messages.command_complete("SET")
        if words == HIDDEN_CHANGE:
            self.setting = b"changed"
            return data_row(b"abracadabra") + messages.command_complete("SELECT 1")
        if words == b"DISCARD ALL":
            if self.status != IDLE:
                raise ServerError("25001", "DISCARD ALL cannot run inside a transaction block")
            self._drop_named()
            self.setting = b"default"
            return messages.command_complete("DISCARD ALL")
        if words == b"DEALLOCATE ALL":
            self._drop_named()
            return messages.command_complete("DEALLOCATE ALL")
        if words.startswith(b"DEALLOCATE "):
            name = sql.removeprefix(b"DEALLOCATE ")
            self._statement(name)
            del self._statements[name]
            return messages.command_complete("DEALLOCATE")
        return messages.command_complete("UNLISTEN")

    def _drop_named(self) -> None:
        self._statements = {name: statement for name, statement in self._statements.items() if not name}


def _words(sql: bytes) -> bytes:
    return sql.strip(b"; \n").upper()


def row_description(*names: bytes) -> bytes:
    """Columns of type text, in text format."""
    column = b"\0" + bytes(6) + (25).to_bytes(4, "big") + b"\xff\xff\xff\xff\xff\xff\0\0"
    body = len(names).to_bytes(2, "big") + b"".join(name + column for name in names)
    return messages.message(ROW_DESCRIPTION, body)


def data_row(*values: bytes) -> bytes:
    body = len(values).to_bytes(2, "big") + b"".join(len(value).to_bytes(4, "big") + value for value in values)
    return messages.message(DATA_ROW, body)


def parameter_description(*types: int) -> bytes:
    body = len(types).to_bytes(2, "big") + b"".join(oid.to_bytes(4, "big") for oid in types)
    return messages.message(PARAMETER_DESCRIPTION, body)
