"""The tables of a database with their columns and first rows, read at the origin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wrangler_py.dashboard.origin import connect_to_origin
from wrangler_py.hyperdrive.config import PoolConfig

if TYPE_CHECKING:
    import psycopg

FIRST_ROWS = 50
_LONGEST_VALUE = 2_000
"""How many characters of a value are shown."""
_TIMEOUT_MS = 10_000

_TABLES = """
    SELECT c.oid::int8, n.nspname, c.relname,
           CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                          WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
           CASE WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples::int8 END,
           has_table_privilege(c.oid, 'SELECT')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY n.nspname <> 'public', n.nspname, c.relname
    LIMIT 2000
"""
_COLUMNS = """
    SELECT a.attrelid::int8, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid),
           EXISTS (SELECT FROM pg_index i
                   WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey))
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""


def list_tables(pool: PoolConfig) -> list[dict[str, Any]]:
    """Tables and views outside of the system's schemas, with their columns. Raises WranglerError."""
    with _reading(pool) as cursor:
        cursor.execute(_TABLES)
        tables = {
            oid: {
                "schema": schema,
                "name": name,
                "kind": kind,
                "estimated_rows": rows,
                "readable": readable,
                "columns": [],
            }
            for oid, schema, name, kind, rows, readable in cursor.fetchall()
        }
        cursor.execute(_COLUMNS, (list(tables),))
        for oid, name, type, nullable, default, primary_key in cursor.fetchall():
            column = {
                "name": name,
                "type": type,
                "nullable": nullable,
                "default": default,
                "primary_key": primary_key,
            }
            tables[oid]["columns"].append(column)
        return list(tables.values())


def first_rows(pool: PoolConfig, schema: str, table: str) -> dict[str, Any]:
    """The first rows of a table, as text. Raises WranglerError if it cannot be read."""
    from psycopg import sql

    with _reading(pool) as cursor:
        query = sql.SQL("SELECT * FROM {} LIMIT {}").format(sql.Identifier(schema, table), sql.Literal(FIRST_ROWS))
        cursor.execute(query)
        return {"columns": column_names(cursor), "rows": [shorten(row) for row in text_rows(cursor)]}


@contextlib.contextmanager
def _reading(pool: PoolConfig) -> Iterator[psycopg.Cursor[Any]]:
    with connect_to_origin(pool) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
        yield cursor


def column_names(cursor: psycopg.Cursor[Any]) -> list[str]:
    return [column.name for column in cursor.description or ()]


def text_rows(cursor: psycopg.Cursor[Any]) -> Iterator[list[str | None]]:
    """The rows as the server wrote them: text, None for NULL."""
    result = cursor.pgresult
    assert result is not None
    for row in range(result.ntuples):
        values = (result.get_value(row, column) for column in range(result.nfields))
        yield [None if value is None else bytes(value).decode("utf-8", "replace") for value in values]


def shorten(row: list[str | None]) -> list[str | None]:
    """`row` with long values cut."""
    return [
        value if value is None or len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…" for value in row
    ]
