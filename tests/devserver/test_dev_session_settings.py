"""Session settings of a local connection string in `wrangler-py dev`, and a change of them while it runs."""

from __future__ import annotations

from pathlib import Path

from support.dev_process import DevProcess, write_project
from support.postgres_server import PostgresServer

ENTRY = """
import psycopg
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as connection:
            return Response.json(connection.execute("SELECT current_setting('search_path')").fetchone()[0])
"""


def test_a_changed_setting_reaches_the_next_query(tmp_path: Path, postgres: PostgresServer) -> None:
    project = write_project(tmp_path / "project", ENTRY)
    config = project / "wrangler.toml"

    def write(search_path: str) -> None:
        config.write_text(
            'name = "app"\nmain = "src/entry.py"\ncompatibility_date = "2026-09-08"\n'
            'compatibility_flags = ["python_workers"]\n'
            f'[[hyperdrive]]\nbinding = "HYPERDRIVE"\nid = "{"0" * 32}"\n'
            f'localConnectionString = "{postgres.dsn(search_path=search_path)}"\n'
        )

    write("one")
    with DevProcess(project) as dev:
        dev.ready()
        assert dev.get("/").json() == "one"
        since = dev.mark()
        write("two")
        dev.wait_for(r"^HYPERDRIVE has changed: other session settings\.$", since=since)
        dev.wait_for("^Reloaded", since=since)
        assert dev.get("/").json() == "two"
