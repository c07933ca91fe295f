"""Query caching as the person at the terminal of `wrangler-py dev` sees it, and changes it from another one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import httpx
import pytest
from support.command_line import CommandLine
from support.dev_process import DEADLINE_S, DevProcess, write_project
from support.postgres_server import PASSWORDS, PostgresServer

if sys.platform == "win32":
    pytest.skip(
        "needs a PostgreSQL that a config may reach without TLS: over a Unix socket", allow_module_level=True
    )

ROLE = "caching_tester"
FIRST_PASSWORD, SECOND_PASSWORD = "first-password", "second-password"

ENTRY = """
import psycopg
from urllib.parse import urlsplit
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        binding = self.env.DIRECT if path == "/fresh" else self.env.HYPERDRIVE
        try:
            with psycopg.connect(binding.connectionString, autocommit=True) as connection:
                return Response.json(self.answer(connection, request, path))
        except psycopg.Error as error:
            return Response.json({"sqlstate": error.sqlstate, "message": str(error)}, status=500)

    def answer(self, connection, request, path):
        if request.method == "POST":
            connection.execute("INSERT INTO articles (title) VALUES ('new')")
            return "added"
        if path == "/mixed":
            for sql in ("SELECT 1", "SELECT 1", "SELECT now()"):
                connection.execute(sql)
            return "mixed"
        if path == "/long":
            connection.execute("SELECT count(*) AS " + "a" * 200 + "\\nFROM pg_class\\n")
            return "long"
        if path == "/fails":
            connection.execute("SELECT 1/0")
        if path == "/listen":
            connection.execute("LISTEN news")
            return "listening"
        table = "articles AS fresh" if path == "/fresh" else "articles"
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
"""


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    """The connection string of a role of its own, with a table `articles`."""
    postgres.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{FIRST_PASSWORD}' IN ROLE app")
    postgres.execute("CREATE TABLE articles (id serial PRIMARY KEY, title text)", user="app")
    yield f"postgresql://{ROLE}:{FIRST_PASSWORD}@/{postgres.database}?host={postgres.socket_dir}&port={postgres.port}"
    postgres.execute("DROP TABLE articles", user="app")
    postgres.execute(f"DROP ROLE {ROLE}")


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, database: str) -> CommandLine:
    """A project with the bindings HYPERDRIVE and, with caching disabled, DIRECT."""
    project = write_project(tmp_path_factory.mktemp("project"), ENTRY)
    cli = CommandLine(project / "home", project)
    cli.ok("hyperdrive", "create", "app", f"--connection-string={database}", "--binding", "HYPERDRIVE")
    direct = ("--binding", "DIRECT", "--caching-disabled")
    cli.ok("hyperdrive", "create", "direct", f"--connection-string={database}", *direct)
    return cli


@pytest.fixture(scope="module")
def dev(cli: CommandLine) -> Iterator[DevProcess]:
    with DevProcess(cli.cwd, "--log-level", "debug") as dev:
        yield dev.ready()


@pytest.fixture(scope="module")
def strict(cli: CommandLine) -> Iterator[DevProcess]:
    with DevProcess(cli.cwd, "--fail-on-stale-read", "--allow-unsupported") as dev:
        yield dev.ready()


def add_article(dev: DevProcess) -> None:
    assert httpx.post(dev.url + "/articles", timeout=DEADLINE_S).json() == "added"


def test_a_request_is_logged_with_its_queries_by_status(dev: DevProcess) -> None:
    dev.get("/mixed")
    since = dev.mark()
    dev.get("/mixed")
    dev.wait_for(r"^GET /mixed 200 OK \(\d+ ms, 3 queries: 2 hit, 1 volatile\)$", since=since)
    dev.get("/fresh")
    dev.wait_for(r"^GET /fresh 200 OK \(\d+ ms, 1 query: disabled\)$", since=since)


def test_debug_shows_each_query_on_a_line_that_fits(dev: DevProcess) -> None:
    since = dev.mark()
    dev.get("/long")
    line = dev.wait_for(r"^HYPERDRIVE \d+-\d+ miss \d+ ms SELECT count\(\*\) AS a+…$", since=since)
    assert len(line) == 100
    assert "FROM pg_class" not in dev.output
    since = dev.mark()
    dev.get("/mixed")
    dev.wait_for(r"^HYPERDRIVE \d+-\d+ hit 0 ms SELECT 1$", since=since)


def test_a_failed_query_is_shown_with_its_error(dev: DevProcess) -> None:
    since = dev.mark()
    assert dev.get("/fails").status_code == 500
    dev.wait_for(r"^HYPERDRIVE \d+-\d+ failed \d+ ms division by zero \(22012\): SELECT 1/0$", since=since)


def test_reading_what_was_just_written_is_reported(dev: DevProcess) -> None:
    before = dev.get("/articles").json()
    add_article(dev)
    assert dev.get("/articles").json() == before
    dev.wait_for(
        r"WARNING.* stale read: articles was written \d\.\d s ago \(POST /articles\), "
        r"this answer is \d+\.\d s old \(GET /articles\); .*--caching-disabled"
    )
    since = dev.mark()
    assert dev.get("/fresh").json() == before + 1
    dev.wait_for(r"^GET /fresh", since=since)
    assert "stale read" not in "\n".join(dev.output.splitlines()[since:])


def test_a_stale_read_may_be_made_an_error(strict: DevProcess) -> None:
    before = strict.get("/articles").json()
    add_article(strict)
    refused = strict.get("/articles")
    assert refused.status_code == 500
    assert refused.json()["sqlstate"] == "58000"
    assert "articles was written" in refused.json()["message"]
    assert strict.get("/fresh").json() == before + 1


def test_unsupported_features_may_be_allowed(dev: DevProcess, strict: DevProcess) -> None:
    since = dev.mark()
    refused = dev.get("/listen")
    assert refused.status_code == 500
    assert "LISTEN" in refused.json()["message"]
    dev.wait_for(
        r"^HYPERDRIVE \d+-\d+ refused 0 ms Hyperdrive does not support LISTEN \(0A000\): LISTEN news$", since=since
    )
    assert strict.get("/listen").json() == "listening"


def test_execute_clears_the_cache(dev: DevProcess, cli: CommandLine) -> None:
    before = dev.get("/articles").json()
    since = dev.mark()
    cli.ok("hyperdrive", "execute", "DIRECT", "--command", "SELECT count(*) FROM articles")
    cli.ok("hyperdrive", "execute", "DIRECT", "--command", "INSERT INTO articles (title) VALUES ('executed')")
    dev.wait_for(r"^Cleared \d+ cached answers?: another command has changed data", since=since)
    assert dev.get("/articles").json() > before
    assert dev.output.count("another command has changed data") == 1


def test_an_updated_config_takes_effect_at_once(dev: DevProcess, cli: CommandLine) -> None:
    since = dev.mark()
    cli.ok("hyperdrive", "update", "app", "--caching-disabled", "--origin-connection-limit", "7")
    dev.wait_for(r"^HYPERDRIVE has changed: at most 7 connections, caching off\.$", since=since)
    dev.get("/articles")
    dev.wait_for(r"^GET /articles 200 OK \(\d+ ms, 1 query: disabled\)$", since=since)
    cli.ok("hyperdrive", "update", "app", "--caching-disabled=false", "--max-age", "5", "--swr", "2")
    dev.wait_for(r"^HYPERDRIVE has changed: caching 5 s \+ 2 s stale\.$", since=since)
    dev.get("/mixed")
    dev.wait_for(r"^GET /mixed .* volatile", since=since)
    assert not re.search("^Reloaded", dev.output, re.MULTILINE)


def test_a_new_password_takes_effect_at_once(dev: DevProcess, cli: CommandLine, postgres: PostgresServer) -> None:
    postgres.execute(f"ALTER ROLE {ROLE} PASSWORD '{SECOND_PASSWORD}'")
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
    assert dev.get("/fresh").status_code == 500
    since = dev.mark()
    cli.ok("hyperdrive", "update", "direct", "--origin-password", SECOND_PASSWORD)
    dev.wait_for(r"^DIRECT has changed: another password\.$", since=since)
    assert dev.get("/fresh").status_code == 200
    for password in (FIRST_PASSWORD, SECOND_PASSWORD, *PASSWORDS.values()):
        assert password not in dev.output


def test_another_database_reaches_the_worker(dev: DevProcess, cli: CommandLine, postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE other_articles")
    since = dev.mark()
    try:
        cli.ok("hyperdrive", "update", "direct", "--database", "other_articles")
        dev.wait_for(r"^DIRECT has changed: origin .*:other_articles\.$", since=since)
        dev.wait_for("^Reloaded", since=since)
        missing = dev.get("/fresh").json()
        assert missing["sqlstate"] == "42P01"  # the table is in the first database alone
    finally:
        cli.ok("hyperdrive", "update", "direct", "--database", postgres.database)
        dev.wait_for(r"^DIRECT has changed: origin .*:app\.$", since=since)
        postgres.execute("DROP DATABASE other_articles WITH (FORCE)")


def test_a_deleted_config_stays_in_use(dev: DevProcess, cli: CommandLine) -> None:
    since = dev.mark()
    cli.ok("hyperdrive", "delete", "direct")
    dev.wait_for(r"WARNING.* The config direct of DIRECT was deleted", since=since)
    assert dev.get("/fresh").status_code == 200


def test_a_damaged_store_leaves_everything_as_it_is(dev: DevProcess, cli: CommandLine) -> None:
    store = cli.home / "hyperdrive.json"
    content = store.read_text()
    since = dev.mark()
    store.write_text("{")
    dev.wait_for(r"ERROR.*hyperdrive\.json is damaged", since=since)
    dev.wait_for("keeps the previous version", since=since)
    store.write_text(content)
    assert dev.get("/fresh").status_code == 200
