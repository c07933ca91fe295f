"""Status, reset and snapshots of the databases of the embedded PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wrangler_py.devserver import databases
from wrangler_py.devserver.embedded import EmbeddedPostgres, server_folder
from wrangler_py.devserver.embedded_data import existing_data_folder
from wrangler_py.devserver.embedded_schema import SCHEMA, SEED, run_file
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PLAINTEXT
from wrangler_py.hyperdrive.execution_log import ExecutionLog
from wrangler_py.hyperdrive.psycopg_connection import connect

if TYPE_CHECKING:
    from wrangler_py.devserver.databases import Administrative

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_RESERVED = frozenset({"old", "new"})
"""Suffixes, after an @, of temporary databases: those to drop, and those that will replace another."""

Migrate = Callable[[Mapping[str, str]], None]
"""Runs the migration command. Its argument maps each database to the one that will replace it."""


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """A database and its size."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The embedded PostgreSQL of a project. `version` is None while there is no data yet.

    `running` is whether another process uses it; then `host` and `port` are the folder of its socket and its port.
    """

    folder: Path
    data: Path | None
    version: str | None = None
    bytes: int = 0
    running: bool = False
    host: str | None = None
    port: int | None = None
    databases: tuple[DatabaseStatus, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of one database."""

    name: str
    database: str
    made_at: str
    bytes: int


def read_status(state: Path) -> Status:
    """Read the status of the embedded PostgreSQL of the folder `state`. It is started if it isn't running."""
    folder = server_folder(state)
    data = existing_data_folder(folder)
    if data is None:
        return Status(folder=folder, data=None)
    server = EmbeddedPostgres.attach(state)
    running = server is not None
    with holding(server or EmbeddedPostgres.start(state)) as server, administration(server) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        assert row is not None
        kept = snapshots(connection)
        names = {_snapshot_database(each.database, each.name) for each in kept}
        return Status(
            folder=folder,
            data=data,
            version=str(row[0]).split()[0],
            bytes=sum(file.stat().st_size for file in data.rglob("*") if file.is_file()),
            running=running,
            host=server.host if running else None,
            port=server.port if running else None,
            databases=tuple(
                DatabaseStatus(name, _size(connection, name))
                for name in databases.names(connection)
                if name not in names
            ),
            snapshots=tuple(kept),
        )


@contextlib.contextmanager
def holding(server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """`server`, which is released when the block ends."""
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def administration(server: EmbeddedPostgres) -> Iterator[Administrative]:
    """A connection for commands about whole databases. Errors of the server are raised as WranglerError."""
    with server.refusals(), connect(server.administrative_origin(), PLAINTEXT) as connection:
        yield connection


def reset(
    server: EmbeddedPostgres, names: Sequence[str], root: Path, migrate: Migrate | None, *, force: bool = False
) -> None:
    """Recreate each database with the project's schema.sql, the migration command, and its seed.sql.

    If any of this fails, the databases don't change.
    """
    new = {name: databases.check_name(f"{name}@new") for name in names}
    with administration(server) as connection:
        try:
            for name in new.values():
                databases.create(connection, name)
            _run_files(server, new.values(), root / SCHEMA)
            if migrate is not None:
                migrate(new)
            _run_files(server, new.values(), root / SEED)
            for name, made in new.items():
                databases.copy_settings(connection, name, made)
                databases.replace(connection, name, made, force=force)
                _tell_others(server, name)
        finally:
            for name in new.values():
                databases.drop(connection, name)


def take_snapshot(server: EmbeddedPostgres, names: Sequence[str], name: str, *, force: bool = False) -> str | None:
    """Copy each database to the snapshot `name`. Returns the time of an earlier one that it replaces."""
    check_snapshot_name(name)
    with administration(server) as connection:
        earlier = [each.made_at for each in snapshots(connection) if each.name == name and each.database in names]
        made = datetime.now(UTC).isoformat(timespec="seconds")
        for database in names:
            _must_exist(connection, database)
            kept = databases.check_name(_snapshot_database(database, name))
            databases.check_unused(connection, kept)
            new = databases.check_name(f"{database}@new")
            databases.copy(connection, database, new, force=force)
            comment = {
                "snapshot": name,
                "database": database,
                "made_at": made,
                "comment": databases.comment_of(connection, database),
            }
            databases.set_comment(connection, new, json.dumps(comment))
            databases.replace(connection, kept, new)
    return earlier[-1] if earlier else None


def restore(server: EmbeddedPostgres, names: Sequence[str], name: str, *, force: bool = False) -> list[str]:
    """Restore each database from the snapshot `name`; returns the names of those that it contains."""
    with administration(server) as connection:
        found = [each for each in snapshots(connection) if each.name == name and each.database in names]
        if not found:
            raise _unknown(connection, name)
        for each in found:
            kept = _snapshot_database(each.database, name)
            databases.check_unused(connection, kept)
            new = databases.check_name(f"{each.database}@new")
            databases.copy(connection, kept, new)
            databases.set_comment(connection, new, str(_details(connection, kept)["comment"]))
            databases.replace(connection, each.database, new, force=force)
            _tell_others(server, each.database)
        return [each.database for each in found]


def delete_snapshot(server: EmbeddedPostgres, name: str) -> None:
    """Drop the snapshot `name` of every database that has it."""
    with administration(server) as connection:
        found = [each for each in snapshots(connection) if each.name == name]
        if not found:
            raise _unknown(connection, name)
        for each in found:
            databases.drop_unused(connection, _snapshot_database(each.database, name))


def snapshots(connection: Administrative) -> list[Snapshot]:
    """The snapshots, the oldest first."""
    found = []
    for name in databases.names(connection):
        details = _details(connection, name)
        if details:
            size = _size(connection, name)
            found.append(Snapshot(details["snapshot"], details["database"], details["made_at"], size))
    return sorted(found, key=lambda each: (each.made_at, each.name, each.database))


def check_snapshot_name(name: str) -> None:
    """Raise WranglerError if `name` cannot be the name of a snapshot."""
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise WranglerError(
            f"{name!r} is not a valid snapshot name.",
            hint="Use up to 40 letters, digits, dashes, dots and underscores; the first is a letter or digit.\n"
            f"The names {' and '.join(sorted(_RESERVED))} are reserved.",
            exit_status=2,
        )


def _run_files(server: EmbeddedPostgres, names: Iterable[str], file: Path) -> None:
    if file.is_file():
        for name in names:
            run_file(server.origin(name), file, again=True)


def _details(connection: Administrative, name: str) -> dict[str, str]:
    """The details of the snapshot in the database `name`; empty if it is not a snapshot."""
    try:
        details = json.loads(databases.comment_of(connection, name))
    except ValueError:
        return {}
    is_one = isinstance(details, dict) and {"snapshot", "database", "made_at", "comment"} <= details.keys()
    return {key: str(value) for key, value in details.items()} if is_one else {}


def _snapshot_database(database: str, name: str) -> str:
    return f"{database}@{name}"


def _size(connection: Administrative, name: str) -> int:
    row = connection.execute("SELECT pg_database_size(%s)", [name]).fetchone()
    return int(row[0]) if row is not None else 0


def _must_exist(connection: Administrative, database: str) -> None:
    if not databases.exists(connection, database):
        raise WranglerError(
            f"The embedded PostgreSQL has no database {database} yet.", hint="`wrangler-py dev` creates it."
        )


def _unknown(connection: Administrative, name: str) -> WranglerError:
    known = ", ".join(dict.fromkeys(each.name for each in snapshots(connection)))
    return WranglerError(
        f"There is no snapshot {name!r}.",
        hint=f"Snapshots: {known}" if known else "Create one with `wrangler-py embedded snapshot NAME`.",
    )


def _tell_others(server: EmbeddedPostgres, database: str) -> None:
    """Tell running sessions to clear what they have cached of `database`."""
    ExecutionLog().record(server.origin(database))
