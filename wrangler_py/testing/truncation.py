"""One database for all tests, put back to what it was by TRUNCATE and COPY: for schemas that are slow to copy."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wrangler_py.hyperdrive.config import Origin, TLSPolicy
from wrangler_py.hyperdrive.psycopg_connection import connect

if TYPE_CHECKING:
    from psycopg import Connection, sql

_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      )
"""
_SEQUENCES = "SELECT schemaname, sequencename, last_value, start_value FROM pg_sequences"
_REFERENCES = """
    SELECT n.nspname, c.relname, rn.nspname, rc.relname FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class rc ON rc.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
    WHERE k.contype = 'f'
"""

Name = tuple[str, str]
"""A schema, and what is in it."""


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The state to restore. `rows` are in an order that references allow."""

    tables: frozenset[Name]
    rows: tuple[tuple[Name, bytes], ...]
    sequences: dict[Name, tuple[int | None, int]]


class Truncation:
    """Restores the database `origin` to its present state. Its methods wait for the server."""

    def __init__(self, origin: Origin, tls: TLSPolicy) -> None:
        self._parts = ExitStack()
        self._connection: Connection[Any] = self._parts.enter_context(connect(origin, tls))
        row = self._connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        self._is_superuser = row is not None and bool(row[0])
        self._baseline = self._read()

    def restore(self) -> None:
        """Remove the rows that tests have inserted. Tables that they have created stay, empty."""
        connection = self._connection
        filled = self._filled(_tables(connection))
        with connection.transaction():
            if self._is_superuser:
                # Neither triggers nor references: the rows are as they were.
                connection.execute("SET LOCAL session_replication_role = replica")
            if filled:
                connection.execute(_sql("TRUNCATE {} CASCADE", *filled))
            for name, data in self._baseline.rows:
                with connection.cursor().copy(_sql("COPY {} FROM STDIN", name)) as copy:
                    copy.write(data)
            for schema, sequence, last, start in connection.execute(_SEQUENCES).fetchall():
                before, first = self._baseline.sequences.get((schema, sequence), (None, start))
                if last != before:
                    self._set_sequence((schema, sequence), before, first)

    def close(self) -> None:
        self._parts.close()

    def _read(self) -> _Baseline:
        connection = self._connection
        tables = _tables(connection)
        order = _by_references(connection, self._filled(tables))
        rows = []
        for name in order:
            with connection.cursor().copy(_sql("COPY {} TO STDOUT", name)) as copy:
                rows.append((name, b"".join(bytes(piece) for piece in copy)))
        sequences = {
            (str(schema), str(name)): (last, int(start))
            for schema, name, last, start in connection.execute(_SEQUENCES).fetchall()
        }
        return _Baseline(frozenset(tables), tuple(rows), sequences)

    def _filled(self, tables: list[Name]) -> list[Name]:
        """Those of `tables` that have rows."""
        if not tables:
            return []
        from psycopg import sql

        checks = [
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM ONLY {})").format(
                sql.Literal(number), sql.Identifier(*name)
            )
            for number, name in enumerate(tables)
        ]
        return [tables[number] for (number,) in self._connection.execute(sql.SQL(" UNION ALL ").join(checks))]

    def _set_sequence(self, name: Name, value: int | None, first: int) -> None:
        from psycopg import sql

        self._connection.execute(
            sql.SQL("SELECT setval({}::text::regclass, {}, {})").format(
                sql.Literal(sql.Identifier(*name).as_string(self._connection)),
                sql.Literal(first if value is None else value),
                sql.Literal(value is not None),
            )
        )


def _tables(connection: Connection[Any]) -> list[Name]:
    return [(str(schema), str(name)) for schema, name in connection.execute(_TABLES)]


def _by_references(connection: Connection[Any], tables: list[Name]) -> list[Name]:
    """`tables`, each behind those that it references, as far as that is possible."""
    wanted: dict[Name, set[Name]] = {name: set() for name in tables}
    for schema, name, other_schema, other in connection.execute(_REFERENCES):
        if (schema, name) in wanted and (other_schema, other) != (schema, name):
            wanted[schema, name].add((other_schema, other))
    order: list[Name] = []
    while wanted:
        free = [name for name, others in wanted.items() if not others & wanted.keys()] or list(wanted)
        order += free
        for name in free:
            del wanted[name]
    return order


def _sql(text: str, *names: Name) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(text).format(sql.SQL(", ").join(sql.Identifier(*name) for name in names))
