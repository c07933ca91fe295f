"""Each test has a database of its own, and nothing is left of it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest
from support.dev_process import wait_until_gone
from support.postgres_server import PostgresServer
from support.tested_project import VARIABLE, TestedProject

FRESH = """
@pytest.mark.parametrize("number", range({count}))
def test_each(database, number):
    with connect() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        assert database.execute("SELECT id FROM notes ORDER BY id") == [(1,), (2,)]
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_many_tests_each_with_a_database(project: TestedProject, workers: tuple[str, ...]) -> None:
    count = 20 if workers else 200
    project.tests(FRESH.format(count=count))
    result = project.passes(*workers, passed=count)
    result.stdout.fnmatch_lines([f"{2 * count} queries in {count} tests: *"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_truncate(project: TestedProject, workers: tuple[str, ...]) -> None:
    project.write(
        "seed.sql",
        "CREATE TABLE parents (id int PRIMARY KEY);"
        "CREATE TABLE children (id serial, parent int REFERENCES parents);"
        "CREATE TABLE untouched (); CREATE SEQUENCE counter START 5;"
        "INSERT INTO parents VALUES (1); INSERT INTO children (parent) VALUES (1);"
        "INSERT INTO notes (text) VALUES ('from the seed');",
    )
    project.tests(
        """
@pytest.mark.parametrize("number", range(6))
def test_each(database, number):
    with connect() as connection:
        assert connection.execute("SELECT id, text FROM notes").fetchall() == [(1, "from the seed")]
        assert connection.execute("SELECT nextval('counter')").fetchone() == (5,)
        assert connection.execute("SELECT * FROM children").fetchall() == [(1, 1)]
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        connection.execute("INSERT INTO parents VALUES (2)")
        connection.execute("INSERT INTO children (parent) VALUES (2)")
        assert database.execute("SELECT id FROM notes ORDER BY id") == [(1,), (2,)]
        assert database.execute("SELECT id FROM children ORDER BY id") == [(1,), (2,)]
"""
    )
    project.passes("--hyperdrive-database=truncate", *workers, passed=6)


def test_the_embedded_postgresql(embedded_project: TestedProject) -> None:
    embedded_project.tests(FRESH.format(count=3))
    embedded_project.write("pytest.ini", "[pytest]\nhyperdrive_database = truncate\n")
    embedded_project.passes("-W", "ignore", passed=3)
    embedded_project.passes("-W", "ignore", "--hyperdrive-database=copy", "-n", "2", passed=3)


def test_tests_without_a_database_of_their_own_share_one(project: TestedProject, postgres: PostgresServer) -> None:
    project.tests(
        """
def write():
    with connect() as connection:
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        return connection.execute("SELECT count(*) FROM notes").fetchone()[0]

def test_first(hyperdrive):
    assert write() == 2

def test_with_one(database):
    assert write() == 2

def test_second(hyperdrive):
    assert write() == 3
"""
    )
    project.passes(passed=3)
    assert postgres.execute("SELECT to_regclass('notes')") == [(None,)], "the project's own database is untouched"


def test_clients_that_outlive_a_test(project: TestedProject) -> None:
    """A module's own pool of connections, and a transaction that is never ended."""
    project.tests(
        """
kept = []

def test_leaves_a_transaction(database):
    kept.append(connect())
    stuck = psycopg.connect(os.environ["DATABASE_URL"])
    stuck.execute("INSERT INTO notes (text) VALUES ('never committed')")
    kept.append(stuck)

@pytest.mark.parametrize("number", range(3))
def test_goes_on(database, number):
    connection = kept[0]
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    connection.execute("INSERT INTO notes (text) VALUES ('mine')")
    assert database.execute("SELECT count(*) FROM notes") == [(2,)]
"""
    )
    project.passes(passed=4)


def test_what_alter_database_has_set_is_copied(project: TestedProject) -> None:
    project.write(
        "schema.sql",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''7MB''', current_database()); END $$;",
    )
    project.write("seed.sql", "")
    project.tests(
        """
def test_it(database):
    assert database.execute("SHOW work_mem") == [("7MB",)]
"""
    )
    project.passes(passed=1)


def test_migrate(project: TestedProject) -> None:
    program = "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_URL']); "
    program += "c.execute('CREATE TABLE migrated ()'); c.commit()"
    project.write("migrate.py", program)
    project.write("pyproject.toml", f"[tool.wrangler-py]\nmigrate = '{sys.executable} migrate.py'\n")
    project.write("seed.sql", "INSERT INTO migrated DEFAULT VALUES;")
    project.tests(
        """
def test_it(database):
    assert database.execute("SELECT count(*) FROM migrated") == [(1,)]
"""
    )
    project.passes("-n", "2", passed=1)
    project.write("migrate.py", "import sys; print('it says why'); sys.exit(3)")
    result = project.passes(errors=1)
    result.stdout.fnmatch_lines(["*migration command failed with exit status 3*"])
    assert "it says why" in result.stdout.str()


@pytest.mark.parametrize("file", ["schema.sql", "seed.sql"])
def test_a_file_with_an_error(project: TestedProject, file: str) -> None:
    project.write(file, "CREATE TABLE notes (id int);\nSELECT * FROM missing;")
    project.write("seed.sql" if file == "schema.sql" else "schema.sql", "")
    project.tests("def test_it(database): ...")
    result = project.passes(errors=1)
    result.stdout.fnmatch_lines([f'*{file}:2:15: relation "missing" does not exist*'])
    assert "Traceback" not in result.stdout.str()


def test_a_role_that_may_not_create_databases(
    project: TestedProject, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres.dsn())
    project.tests("def test_it(database): ...")
    result = project.passes(errors=1)
    result.stdout.fnmatch_lines(["*ALTER ROLE app CREATEDB*"])


def test_a_server_that_is_not_there(project: TestedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://a:secret-word@127.0.0.1:1/b")
    project.tests("def test_it(database): ...")
    result = project.passes(errors=1)
    result.stdout.fnmatch_lines(
        ["The database for tests cannot be reached at 127.0.0.1:1: *", "Start it, or correct the binding's *"]
    )
    assert "secret-word" not in result.stdout.str()


def test_a_run_within_hyperdrive_exec(project: TestedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERDRIVE_CONNECTION_STRING", "postgresql://HYPERDRIVE:secret-word@127.0.0.1:1/app")
    project.tests("def test_it(database): ...")
    result = project.passes(errors=1)
    result.stdout.fnmatch_lines(["Run it without `wrangler-py hyperdrive exec`: *"])
    assert "secret-word" not in result.stdout.str()


# --- nothing left behind -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_a_run_that_is_ended(project: TestedProject, number: signal.Signals, workers: tuple[str, ...]) -> None:
    project.tests(
        """
import pathlib, time

def test_waits(database):
    with connect() as connection:
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
    pathlib.Path("waiting").touch()
    time.sleep(600)
"""
    )
    run = project.start(*workers)
    waiting: Path = project.root / "waiting"
    while not waiting.exists():
        assert run.poll() is None, run.communicate()[0]
    children = psutil.Process(run.pid).children(recursive=True)
    assert project.databases()
    run.send_signal(number)
    run.communicate()
    wait_until_gone(children)
    project.assert_nothing_left()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_what_a_killed_run_has_left_goes_with_the_next(project: TestedProject) -> None:
    """If its server process was killed as well, nobody is there to clean up."""
    project.tests(
        """
import pathlib, time

def test_waits(database):
    if not pathlib.Path("waiting").exists():
        pathlib.Path("waiting").touch()
        time.sleep(600)
"""
    )
    run = project.start()
    while not (project.root / "waiting").exists():
        assert run.poll() is None, run.communicate()[0]
    (server,) = [each for each in project.processes() if "wrangler_py.testing.server" in each.cmdline()]
    server.kill()
    run.kill()
    run.communicate()
    wait_until_gone([server])
    left = project.databases()
    assert left
    project.passes(passed=1)


def test_what_a_run_has_left_that_was_killed_while_it_made_its_template(
    project: TestedProject, postgres: PostgresServer
) -> None:
    """Nothing but the name tells whose it is."""
    left = "app_hyperdrive_test_0123abcd_template"
    other = "app_hyperdrive_test"
    postgres.execute(f"CREATE DATABASE {left}")
    postgres.execute(f"CREATE DATABASE {other}")
    project.tests("def test_it(database): ...")
    project.passes(passed=1)
    postgres.execute(f"DROP DATABASE {other}")  # fails if there is none


def test_a_run_beside_another(project: TestedProject) -> None:
    """The second sweeps, and leaves what the first one still uses."""
    project.tests(
        """
import pathlib, time

def test_waits(database):
    if not pathlib.Path("first").exists():
        pathlib.Path("first").touch()
        while not pathlib.Path("second").exists():
            time.sleep(0.01)
    assert database.execute("SELECT count(*) FROM notes") == [(1,)]
    with connect() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
"""
    )
    first = project.start()
    while not (project.root / "first").exists():
        assert first.poll() is None, first.communicate()[0]
    project.run().assert_outcomes(passed=1)
    (project.root / "second").touch()
    output, _ = first.communicate()
    assert first.returncode == 0, output
    project.assert_nothing_left()
