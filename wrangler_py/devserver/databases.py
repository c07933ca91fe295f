"""Copies, replaces and drops whole databases, and finds their clients.

PostgreSQL copies a database in milliseconds, with CREATE DATABASE … TEMPLATE.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.limits import IDENTIFIER_MAX_BYTES
from wrangler_py.session.settings import APPLICATION_NAME as HYPERDRIVE

if TYPE_CHECKING:
    from psycopg import Connection, sql

    Administrative = Connection[tuple[Any, ...]]
    """A connection in autocommit mode, to another database than the affected ones."""

_PATIENCE_S = 2.0
"""Time that terminated connections may take to end."""

_USERS = """
    SELECT pid, application_name, coalesce(state, ''), backend_type FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid()
"""
_COPY_SETTINGS = """
    INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
    SELECT (SELECT oid FROM pg_database WHERE datname = %s), setrole, setconfig
    FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = %s)
"""


class DatabaseInUseError(WranglerError):
    """A client is connected to the database, so it can be neither copied nor replaced."""


@dataclass(frozen=True, slots=True)
class _User:
    """One connection to a database."""

    process_id: int
    application: str
    state: str

    @property
    def yields(self) -> bool:
        """Whether it may be closed: a pool reopens connections when it needs them."""
        return self.application == HYPERDRIVE and self.state == "idle"

    def __str__(self) -> str:
        name = self.application or "a client without a name"
        return f"{name} (process {self.process_id}, {self.state or 'state unknown'})"


def names(connection: Administrative) -> list[str]:
    """The databases of the server that can be connected to, without PostgreSQL's own."""
    rows = connection.execute(
        "SELECT datname FROM pg_database"
        " WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres' ORDER BY datname"
    )
    return [str(name) for (name,) in rows]


def exists(connection: Administrative, database: str) -> bool:
    """Whether there is a database of that name."""
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is not None


def create(connection: Administrative, database: str) -> None:
    """Create an empty database. An existing one of that name is dropped."""
    drop(connection, database)
    connection.execute(_sql("CREATE DATABASE {}", check_name(database)))


def copy(connection: Administrative, source: str, target: str, *, force: bool = False) -> None:
    """Create `target` as a copy of `source`, with the settings of ALTER DATABASE.

    An existing `target` is dropped. Raises DatabaseInUseError if `source` has clients, unless `force` ends them.
    """
    import psycopg

    drop(connection, check_name(target))
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        _vacate(connection, source, force=force)
        try:
            connection.execute(_sql("CREATE DATABASE {} TEMPLATE {}", target, source))
            break
        except psycopg.errors.ObjectInUse:  # a client connected meanwhile
            if time.monotonic() > deadline:
                raise _in_use(source, _users(connection, source), may_force=not force) from None
    copy_settings(connection, source, target)


def copy_settings(connection: Administrative, source: str, target: str) -> None:
    """Copy the settings of ALTER DATABASE … SET from `source` to `target`, if we may."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is not None and row[0]:
        with connection.transaction():
            connection.execute(_COPY_SETTINGS, [target, source])


def replace(connection: Administrative, database: str, by: str, *, force: bool = False) -> None:
    """Drop `database` and rename the database `by` to its name, atomically.

    Raises DatabaseInUseError, with nothing changed, if it has clients, unless `force` ends them.
    """
    import psycopg

    old = check_name(f"{database}@old")
    drop(connection, old)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        _vacate(connection, database, force=force)
        try:
            with connection.transaction():
                if exists(connection, database):
                    connection.execute(_sql("ALTER DATABASE {} RENAME TO {}", database, old))
                connection.execute(_sql("ALTER DATABASE {} RENAME TO {}", by, database))
            break
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise _in_use(database, _users(connection, database), may_force=not force) from None
    drop(connection, old)


def drop(connection: Administrative, database: str) -> None:
    """Drop `database` if it is there, and end all connections to it."""
    if exists(connection, database):
        connection.execute(_sql("DROP DATABASE IF EXISTS {} WITH (FORCE)", database))


def drop_unused(connection: Administrative, database: str) -> None:
    """Drop `database`. Raises DatabaseInUseError if it has clients."""
    if users := _users(connection, database):
        raise _in_use(database, users)
    drop(connection, database)


def check_unused(connection: Administrative, database: str) -> None:
    """Raise DatabaseInUseError if `database` has clients."""
    if users := _users(connection, database):
        raise _in_use(database, users)


def set_comment(connection: Administrative, database: str, comment: str) -> None:
    """Set the comment on `database`."""
    from psycopg import sql

    connection.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(comment))
    )


def comment_of(connection: Administrative, database: str) -> str:
    """The comment on `database`; empty without one."""
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    return str(row[0]) if row is not None and row[0] is not None else ""


def check_name(database: str) -> str:
    """`database`, if the name is short enough for PostgreSQL. Raises WranglerError otherwise."""
    if len(database.encode()) > IDENTIFIER_MAX_BYTES:
        raise WranglerError(
            f"The name {database!r} is too long for a database: PostgreSQL allows {IDENTIFIER_MAX_BYTES} bytes."
        )
    return database


def _vacate(connection: Administrative, database: str, *, force: bool) -> None:
    """End the idle connections of pools to `database`, or all connections with `force`."""
    users = _users(connection, database)
    if not force and (staying := [user for user in users if not user.yields]):
        raise _in_use(database, staying, may_force=True)
    for user in users:
        connection.execute("SELECT pg_terminate_backend(%s, 1000)", [user.process_id])


def _users(connection: Administrative, database: str) -> list[_User]:
    rows = connection.execute(_USERS, [database])
    return [_User(int(pid), str(name), str(state)) for pid, name, state, kind in rows if kind == "client backend"]


def _in_use(database: str, users: list[_User], *, may_force: bool = False) -> DatabaseInUseError:
    way_out = "Close these connections first, or use --force:" if may_force else "Close these connections first:"
    return DatabaseInUseError(
        f"The database {database} is in use.", hint="\n".join((way_out, *(f"- {user}" for user in users)))
    )


def _sql(text: str, *identifiers: str) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(text).format(*map(sql.Identifier, identifiers))
