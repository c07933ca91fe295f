"""What the query log finds in Workers that do it, and not in Workers that don't."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine
from support.dev_process import HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PostgresServer

ENTRY = """
import psycopg
from urllib.parse import urlsplit
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    def connect(self, **options):
        return psycopg.connect(self.env.HYPERDRIVE.connectionString, **options)

    async def fetch(self, request):
        path = urlsplit(request.url).path.strip("/").replace("-", "_")
        try:
            return Response.json(getattr(self, path)())
        except psycopg.Error as error:
            return Response.json(error.sqlstate)

    def n_plus_one(self):
        with self.connect(autocommit=True) as sql:
            articles = sql.execute("SELECT id FROM found_articles ORDER BY id").fetchall()
            return [
                sql.execute("SELECT text FROM found_comments WHERE article = %s", [id]).fetchall()
                for (id,) in articles
            ]

    def one_query(self):
        with self.connect(autocommit=True) as sql:
            return sql.execute(
                "SELECT id, text FROM found_articles JOIN found_comments ON article = id ORDER BY id"
            ).fetchall()

    def deadlock(self):
        clients = [self.connect() for _ in range(5)]
        for client in clients:
            client.execute("UPDATE found_articles SET title = title WHERE id = 0")
        with self.connect(autocommit=True) as other:
            other.execute("SELECT count(*) FROM found_articles")

    def transaction(self):
        with self.connect() as sql:
            sql.execute("UPDATE found_articles SET title = 'new' WHERE id = 1")
            return sql.execute("SELECT count(*) FROM found_articles").fetchone()

    def read(self):
        with self.connect(autocommit=True) as sql:
            return sql.execute("SELECT count(*) FROM found_visits").fetchone()

    def write_and_read(self):
        with self.connect(autocommit=True) as sql:
            sql.execute("INSERT INTO found_visits VALUES (1)")
            return sql.execute("SELECT count(*) FROM found_visits").fetchone()

    def read_first(self):
        with self.connect(autocommit=True) as sql:
            sql.execute("INSERT INTO found_others VALUES (1)")
            return sql.execute("SELECT count(*) FROM found_others").fetchone()

    def leaves(self):
        sql = self.connect()
        sql.execute("UPDATE found_articles SET title = title WHERE id = 2")
        return "left"
"""


@pytest.fixture(scope="module")
def tables(postgres: PostgresServer) -> Iterator[None]:
    postgres.execute(
        "CREATE TABLE found_articles AS SELECT id, 'a' AS title FROM generate_series(1, 8) AS id;"
        "CREATE TABLE found_comments AS SELECT id AS article, 'c' AS text FROM generate_series(1, 8) AS id;"
        "CREATE TABLE found_visits (at int); CREATE TABLE found_others (at int);",
        user="app",
    )
    yield
    postgres.execute("DROP TABLE found_articles, found_comments, found_visits, found_others", user="app")


@pytest.fixture(scope="module")
def ran(
    postgres: PostgresServer, tables: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, list[str]], str]:
    """The kinds of findings by request, and the output, of a session in which each path was asked for."""
    project = write_project(tmp_path_factory.mktemp("project"), ENTRY)
    dsn = f"--connection-string={postgres.dsn()}"
    limit = ("--origin-connection-limit", "5", "--no-check", "--binding", "HYPERDRIVE")
    CommandLine(project / "home", project).ok("hyperdrive", "create", "small", dsn, *limit)
    local = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    with DevProcess(project, "--report", "queries.json", environment=local) as dev:
        paths = "n-plus-one one-query transaction read write-and-read read-first leaves"
        for path in paths.split():
            assert dev.get(f"/{path}").status_code == 200
        before = dev.mark()
        assert dev.get("/deadlock").json() == "58000"
        dev.wait_for("GET /deadlock 200", since=before)
        dev.interrupt()
        output = dev.output
    return _kinds(project / "queries.json"), output


def _kinds(report: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    findings: list[dict[str, Any]] = json.loads(report.read_text())["findings"]
    for finding in findings:
        if finding["request_id"] is not None:
            name = re.search(r"GET /[\w-]+", finding["title"])
            assert name is not None
            found.setdefault(name[0].removeprefix("GET /"), []).append(finding["kind"])
    return found


def test_a_query_for_each_row_is_found_and_a_join_is_not(ran: tuple[dict[str, list[str]], str]) -> None:
    found, _ = ran
    assert found["n-plus-one"] == ["repeated-statement"]
    assert "one-query" not in found


def test_a_self_deadlock_is_reported_at_once(ran: tuple[dict[str, list[str]], str]) -> None:
    found, output = ran
    assert "self-deadlock" in found["deadlock"]
    assert "transaction" not in found
    lines = output.splitlines()
    (said,) = [index for index, line in enumerate(lines) if "self-deadlock: GET /deadlock waits" in line]
    (done,) = [index for index, line in enumerate(lines) if line.startswith("GET /deadlock 200")]
    assert said < done


def test_a_stale_read_is_found_and_a_first_read_is_not(ran: tuple[dict[str, list[str]], str]) -> None:
    found, _ = ran
    assert found["write-and-read"] == ["stale-read"]
    assert "read" not in found
    assert "read-first" not in found


def test_a_transaction_that_is_left_open_is_found(ran: tuple[dict[str, list[str]], str]) -> None:
    found, _ = ran
    assert found["leaves"] == ["left-in-transaction"]


def test_each_request_says_what_the_distance_costs(postgres: PostgresServer, tables: None, tmp_path: Path) -> None:
    config = f'{HYPERDRIVE}localConnectionString = "{postgres.dsn()}"\n'
    project = write_project(tmp_path / "project", ENTRY, config)
    with DevProcess(project, "--latency", "20ms", "--fault", "pool-exhausted:/found_visits/") as dev:
        dev.ready()
        dev.wait_for(r"Latency is on: each round trip to the origin takes 20 ms longer\.")
        dev.wait_for(r"Faults are on: pool-exhausted for queries that match /found_visits/\.")
        assert dev.get("/n-plus-one").status_code == 200
        line = dev.wait_for(r"GET /n-plus-one 200 .* ms of added latency\)")
        match = re.search(r", (\d+) ms of added latency", line)
        assert match is not None
        assert int(match[1]) > 15 * 20  # nine queries, and seven round trips for the connection
        assert dev.get("/read").json() == "58000"
