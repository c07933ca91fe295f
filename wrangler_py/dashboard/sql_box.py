"""Runs SQL of the user through a binding, like a Worker's queries."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from wrangler_py.dashboard.origin import refused
from wrangler_py.dashboard.tables import column_names, shorten, text_rows

if TYPE_CHECKING:
    import psycopg

MOST_ROWS = 1_000
REQUEST_NAME = "SQL box"

_NOT_THE_PERSONS: dict[str, Any] = {
    "hostaddr": "127.0.0.1",
    "options": "",
    "passfile": os.devnull,
    "gssencmode": "disable",
    "channel_binding": "prefer",
    "client_encoding": "UTF8",
}
"""Parameters that would otherwise come from the user's libpq variables."""

_numbers = itertools.count(1)


def new_request_id() -> str:
    """An id by which the query log distinguishes these queries from a Worker's."""
    return f"dashboard-{next(_numbers)}"


def run(connection_string: str, user: str, sql: str) -> dict[str, Any]:
    """Run `sql` as `user` of the local Hyperdrive: columns, first rows, command tag, and how many rows there were.

    Raises WranglerError if it fails.
    """
    import psycopg

    try:
        with (
            psycopg.connect(connection_string, user=user, autocommit=True, **_NOT_THE_PERSONS) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql.encode())
            while cursor.nextset():
                pass
            return _outcome(cursor)
    except psycopg.Error as error:
        raise refused(error) from None


def _outcome(cursor: psycopg.Cursor[Any]) -> dict[str, Any]:
    """The last result, which the user wants to see."""
    has_rows = cursor.description is not None
    return {
        "columns": column_names(cursor),
        "rows": [shorten(row) for row in itertools.islice(text_rows(cursor), MOST_ROWS)] if has_rows else [],
        "row_count": max(0, cursor.rowcount),
        "command": cursor.statusmessage,
    }
