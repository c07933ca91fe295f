"""The project's schema.sql in the databases of the embedded PostgreSQL."""

from __future__ import annotations

import hashlib
from pathlib import Path

from wrangler_py.devserver.embedded import EmbeddedPostgres
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import PLAINTEXT
from wrangler_py.hyperdrive.psycopg_connection import connect
from wrangler_py.hyperdrive.script import ScriptError, run

_SELECT_COMMENT = """
    SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()
"""


def apply_schema(server: EmbeddedPostgres, database: str, schema: Path) -> bool:
    """Run the file `schema` in one transaction, unless it ran in `database` as it is now.

    Returns whether it ran. What ran is kept as the database's comment, so that it goes with it. Raises
    WranglerError if the file cannot be read, ScriptError if a statement fails, EmbeddedEndedError if the
    server is gone.
    """
    import psycopg

    try:
        script = schema.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WranglerError(f"{schema} cannot be read: {error}") from None
    applied = f"{schema.name} sha256 {hashlib.sha256(script.encode()).hexdigest()}"
    origin = server.origin(database)
    with server.refusals(), connect(origin, PLAINTEXT) as connection:
        comment = connection.execute(_SELECT_COMMENT).fetchone()
        if comment is not None and comment[0] == applied:
            return False
        connection.execute("BEGIN")
        try:
            for _ in run(connection, script, str(schema)):
                pass
        except ScriptError as error:
            raise _with_way_out(error, server.data) from None
        connection.execute(
            psycopg.sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                psycopg.sql.Identifier(database), psycopg.sql.Literal(applied)
            )
        )
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            connection.execute("COMMIT")
    return True


def _with_way_out(error: ScriptError, data: Path) -> ScriptError:
    if "already exists" not in error.message:
        return error
    return ScriptError(
        error.message,
        hint=f"{error.hint}\n\nThe database has what an earlier version of the file made. Write what changed\n"
        f"as ALTER …, use IF NOT EXISTS, or start with an empty database: end this session, delete\n"
        f"{data}, and start again.",
    )
