"""SQL scripts: cut into statements, run one by one, stopped at the first that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wrangler_py.errors import WranglerError

if TYPE_CHECKING:
    import psycopg
    from psycopg import Connection, Cursor


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script, and the line and column, from 1, where it starts."""

    sql: str
    line: int
    column: int


class ScriptError(WranglerError):
    """A statement failed; the ones before it have run. The hint shows it and where in the script it is."""


def split(script: str) -> list[Statement]:
    """The statements of `script`, found with PostgreSQL's own grammar.

    Where that fails, the script has an error: its statements are then cut at the semicolons among its
    tokens, and the server will say what is wrong. `\\restrict` and `\\unrestrict` are left out.
    """
    import postgast

    script = _RESTRICTION.sub(lambda found: " " * len(found[0]), script)
    try:
        texts = postgast.split(script)
    except postgast.PgQueryError:
        try:
            texts = _cut_at_semicolons(script)
        except postgast.PgQueryError:  # a quote or comment has no end
            texts = [script]
    statements = []
    end = 0
    for text in (text.strip() for text in texts):
        start = script.index(text, end)
        end = start + len(text)
        statements.append(Statement(text, *_line_and_column(script, start)))
    return statements


def _cut_at_semicolons(script: str) -> list[str]:
    """Cut where psql would: not within parentheses, nor within a function's BEGIN ATOMIC … END."""
    from postgast import pg_query_pb2, scan

    source = script.encode()
    texts, start, depth = [], 0, 0
    empty, previous = True, 0
    for token in scan(script).tokens:
        kind = token.token
        opens = kind in (pg_query_pb2.ASCII_40, pg_query_pb2.CASE) or (
            kind == pg_query_pb2.ATOMIC and previous == pg_query_pb2.BEGIN_P
        )
        if opens:
            depth += 1
        elif kind in (pg_query_pb2.ASCII_41, pg_query_pb2.END_P):
            depth = max(0, depth - 1)
        elif kind == pg_query_pb2.ASCII_59 and depth == 0:
            if not empty:
                texts.append(source[start : token.start].decode())
            start, empty, previous = token.end, True, 0
            continue
        if kind not in (pg_query_pb2.SQL_COMMENT, pg_query_pb2.C_COMMENT):
            empty, previous = False, kind
    if not empty:
        texts.append(source[start:].decode())
    return texts


def run(connection: Connection[Any], script: str, source: str) -> Iterator[Cursor[Any]]:
    """Run `script` on `connection`, yielding each statement's cursor before the next one runs.

    Raises ScriptError, which names `source`, at the first statement that fails.
    """
    import psycopg

    for statement in split(script):
        try:
            cursor = connection.execute(statement.sql.encode())
        except psycopg.Error as error:
            raise _failure(statement, error, source) from None
        yield cursor


_BACKSLASH_COMMAND = re.compile(r"^\s*\\", re.MULTILINE)
_RESTRICTION = re.compile(r"^\\(?:un)?restrict \w+$", re.MULTILINE)
"""What pg_dump puts around all it writes, to keep psql from running commands in between."""
_SHOWN_LINES = 5
"""How much of a long statement is shown before and after the place of the error."""


def _failure(statement: Statement, error: psycopg.Error, source: str) -> ScriptError:
    diagnostics = error.diag
    message = diagnostics.message_primary or " ".join(str(error).split())
    if diagnostics.sqlstate:
        message += f" ({diagnostics.sqlstate})"
    notes = []
    if diagnostics.message_detail:
        notes.append(f"Detail: {diagnostics.message_detail}")
    if diagnostics.message_hint:
        notes.append(f"Hint: {diagnostics.message_hint}")
    if _BACKSLASH_COMMAND.search(statement.sql):
        notes.append("Hint: backslash commands are psql's own; this runs SQL.")
    if message.startswith("COPY cannot be used"):
        message = "COPY to or from the client is not supported here."
        notes.append("Hint: use psql for it, or INSERT (pg_dump writes them with --inserts).")

    line, column, excerpt = statement.line, statement.column, _excerpt(statement.sql.splitlines(), 1, None)
    if diagnostics.statement_position:
        at_line, at_column = _line_and_column(statement.sql, int(diagnostics.statement_position) - 1)
        line += at_line - 1
        column = at_column + (statement.column - 1 if at_line == 1 else 0)
        excerpt = _excerpt(statement.sql.splitlines(), at_line, at_column)
    return ScriptError(f"{source}:{line}:{column}: {message}", hint="\n".join([*excerpt, *notes]))


def _excerpt(lines: list[str], line: int, column: int | None) -> list[str]:
    """The lines around `line`, with a caret below its `column`."""
    first, last = max(0, line - 1 - _SHOWN_LINES), line + _SHOWN_LINES
    caret = [] if column is None else [" " * (column - 1) + "^"]
    before = ["…"] if first else []
    after = ["…"] if last < len(lines) else []
    return [*before, *lines[first:line], *caret, *lines[line:last], *after]


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
