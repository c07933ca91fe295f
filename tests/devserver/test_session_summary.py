from __future__ import annotations

import sys
from pathlib import Path

from support.dev_process import HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PostgresServer

from wrangler_py.devserver.session_summary import read_summary

WORKER = """
import psycopg
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        string = self.env.HYPERDRIVE.connectionString
        with psycopg.connect(string, autocommit=True) as connection:
            for number in range(6):
                connection.execute("SELECT 1 WHERE 'hidden-value' <> %s", [f"parameter-{number}"])
            connection.execute("SELECT now(), 'hidden-value' -- hidden-comment")
            connection.execute("SELECT 2 WHERE 'hidden-value' IS NOT NULL")
            connection.execute("SELECT 2 WHERE 'hidden-value' IS NOT NULL")
            with psycopg.connect(string, autocommit=True) as another:
                another.execute("SELECT 3")
        return Response("done")
"""


def test_dev_leaves_a_summary_without_values(tmp_path: Path, postgres: PostgresServer) -> None:
    project = write_project(tmp_path / "project", WORKER, HYPERDRIVE)
    variable = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    with DevProcess(project, environment=variable) as dev:
        dev.ready()
        assert dev.get("/").text == "done"
        assert dev.interrupt() in (0, 130)
    state = project / ".wrangler" / "state"
    summary = read_summary(state)
    assert summary is not None
    counts = summary.bindings["HYPERDRIVE"]["cacheStatus"]
    assert counts["volatile"] == 1
    assert counts["hit"] == 1
    assert summary.most_connections == 2
    assert [(each.sql, each.count, each.status) for each in summary.never_cached] == [
        ("SELECT now(), $1", 1, "volatile")
    ]
    assert [(each.sql, each.count) for each in summary.repeated] == [("SELECT $2 WHERE $3 <> $1", 6)]
    text = (state / "last-session.json").read_text()
    for hidden in ("hidden", "parameter-", postgres.password):
        assert hidden not in text
    assert sys.platform == "win32" or (state / "last-session.json").stat().st_mode & 0o077 == 0
