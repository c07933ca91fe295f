"""The project's schema.sql and seed.sql in the databases of the embedded PostgreSQL.

A database's comment has a line for each file that ran in it, so copies of the database have it, too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wrangler_py.devserver import databases
from wrangler_py.devserver.embedded import EmbeddedPostgres
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PLAINTEXT, Origin, TLSPolicy
from wrangler_py.hyperdrive.psycopg_connection import connect
from wrangler_py.hyperdrive.script import ScriptError, run

if TYPE_CHECKING:
    from psycopg import Connection

SCHEMA = "schema.sql"
"""Runs in each database, again whenever it changes."""
SEED = "seed.sql"
"""Runs once in each database, after the schema."""

Action = Literal["applied", "applied again", "left out"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """How a new version of a file was handled in `database`."""

    file: str
    database: str
    action: Action

    def __str__(self) -> str:
        if self.action == "left out":
            return (
                f"{self.file} has changed; {self.database} keeps its data. "
                "`wrangler-py embedded reset` starts again with the new file."
            )
        why = ", since it has changed" if self.action == "applied again" else ""
        return f"Applied {self.file} to {self.database}{why}."


def apply_schema(server: EmbeddedPostgres, database: str, schema: Path) -> FileChange | None:
    """Run the file `schema` in one transaction, unless it ran in `database` as it is now or is not there.

    Raises WranglerError if the file cannot be read, ScriptError if a statement fails, EmbeddedEndedError if the
    server has ended.
    """
    if not schema.is_file():
        return None
    with server.refusals():
        try:
            return run_file(server.origin(database), schema, again=True)
        except ScriptError as error:
            raise _with_way_out(error) from None


def apply_seed(server: EmbeddedPostgres, database: str, seed: Path) -> FileChange | None:
    """Run the file `seed` as `apply_schema` does, unless it has run in `database` before."""
    if not seed.is_file():
        return None
    with server.refusals():
        return run_file(server.origin(database), seed, again=False)


def run_file(origin: Origin, path: Path, *, again: bool) -> FileChange | None:
    """Run the file in the database of `origin`, unless it ran there; if it has changed since, only with `again`."""
    script = _read(path)
    digest = hashlib.sha256(script.encode()).hexdigest()
    with connect(origin, PLAINTEXT) as connection:
        before = _ran(databases.comment_of(connection, origin.database))
        if before.get(path.name) == digest:
            return None
        if path.name in before and not again:
            return FileChange(path.name, origin.database, "left out")
        lines = (f"{name} sha256 {of}" for name, of in (before | {path.name: digest}).items())
        _run_once(connection, script, path, (origin.database, "\n".join(lines)))
    return FileChange(path.name, origin.database, "applied again" if path.name in before else "applied")


def run_unrecorded(origin: Origin, tls: TLSPolicy, path: Path) -> None:
    """Run the file in the database of `origin`, without changing the database's comment."""
    script = _read(path)
    with connect(origin, tls) as connection:
        _run_once(connection, script, path, None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise WranglerError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WranglerError(f"{path} cannot be read: it is not UTF-8 text") from None


def _run_once(connection: Connection[Any], script: str, path: Path, comment: tuple[str, str] | None) -> None:
    """Run the script in one transaction, in which `comment` is set: that of a database, and its text."""
    import psycopg

    connection.execute("BEGIN")
    for _ in run(connection, script, str(path)):
        pass
    if comment is not None:
        databases.set_comment(connection, *comment)
    if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
        connection.execute("COMMIT")


def _ran(comment: str) -> dict[str, str]:
    """The files that have run, with their digests; empty if the comment is not ours."""
    lines = (line.split(" ") for line in comment.splitlines())
    return {words[0]: words[2] for words in lines if len(words) == 3 and words[1] == "sha256"}


def _with_way_out(error: ScriptError) -> ScriptError:
    if "already exists" not in error.message:
        return error
    return ScriptError(
        error.message,
        hint=f"{error.hint}\n\nThe database was made by an earlier version of the file. Write the changes\n"
        "as ALTER …, use IF NOT EXISTS, or start with an empty database: wrangler-py embedded reset",
    )
