"""psql on the embedded PostgreSQL: the system's, or the one that comes with the server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from wrangler_py.devserver.connection_environment import MISLEADING, without
from wrangler_py.devserver.embedded import EmbeddedPostgres
from wrangler_py.devserver.embedded_programs import find_programs
from wrangler_py.errors import WranglerError


def run_psql(server: EmbeddedPostgres, database: str, arguments: Sequence[str], *, cwd: Path) -> int:
    """Run psql in the foreground until it ends; returns its exit status.

    Raises WranglerError if it cannot be started.
    """
    origin = server.origin(database)
    variables = {
        "PGHOST": origin.host,
        "PGPORT": str(origin.port),
        "PGUSER": origin.user,
        "PGPASSWORD": origin.password,
        "PGDATABASE": database,
        "PGSSLMODE": "disable",
    }
    program = shutil.which("psql") or find_programs().command("psql")[0]
    try:
        with _keys_left_to_it():
            status = subprocess.run(
                [program, *arguments], cwd=cwd, env={**without(os.environ, MISLEADING), **variables}, check=False
            ).returncode
    except OSError as error:
        raise WranglerError(f"{program} cannot be run: {error.strerror}.") from None
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _keys_left_to_it() -> Iterator[None]:
    """Ctrl-C in psql ends a query, not this process."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
