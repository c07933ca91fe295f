"""The plugin's fixtures, marker, options and reports, in suites of projects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.tested_project import TestedProject

HEAVY = {
    *("asyncio", "httpx", "postgast", "psycopg", "rich", "tomlkit", "typer", "uvicorn", "uvloop", "watchfiles"),
    *("wrangler_py.cli", "wrangler_py.devserver", "wrangler_py.proxy", "wrangler_py.querylog", "wrangler_py.sql"),
    *("wrangler_py.testing.run", "wrangler_py.testing.channel", "wrangler_py.testing.report"),
}


def test_nothing_is_imported_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): ...")
    script = (
        "import sys, pytest\n"
        "options = ['-q', '-p', 'no:cacheprovider', '-p', 'hyperdrive']\n"
        "assert pytest.main(options) == 0\n"
        "assert 'wrangler_py.testing.plugin' in sys.modules\n"
        "print('MODULES', *sys.modules)\n"
    )
    command = [sys.executable, "-c", script]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # other plugins import what they like
    result = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    modules = set(result.stdout.rpartition("MODULES ")[2].split())
    ours = {name for name in modules if name.startswith("wrangler_py")}
    assert ours == {"wrangler_py", "wrangler_py.testing", "wrangler_py.testing.plugin"}
    assert not modules & HEAVY


# --- what is found -----------------------------------------------------------------------------------------

SUITE = """
def test_stale_read(database):
    with connect() as connection:
        connection.execute("SELECT text FROM notes")
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        connection.execute("SELECT text FROM notes")

@pytest.mark.allow_stale_reads
def test_allowed_stale_read(database):
    with connect() as connection:
        connection.execute("SELECT text FROM notes")
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        assert len(connection.execute("SELECT text FROM notes").fetchall()) == 1

def test_repeated_statement(database, hyperdrive):
    with connect() as connection:
        for number in range(6):
            connection.execute("SELECT text FROM notes WHERE id = %s", [number])
    hyperdrive.assert_no_repeated_statements()

def test_lost_setting(database):
    with connect() as connection:
        connection.execute("SET search_path = elsewhere")
        assert connection.execute("SHOW search_path").fetchone() == ("elsewhere",)

def test_never_cached(database, hyperdrive):
    with connect() as connection:
        connection.execute("SELECT now()")
    hyperdrive.assert_cached("SELECT now()")

def test_all_is_well(database, hyperdrive):
    with connect() as connection:
        for _ in range(2):
            connection.execute("SELECT  text\\nFROM notes")
    hyperdrive.assert_query_count(2)
    hyperdrive.assert_cached("SELECT text FROM notes;")
    hyperdrive.assert_cached("FROM notes")
    hyperdrive.assert_no_repeated_statements()
    assert [query.status for query in hyperdrive.queries] == ["miss", "hit"]
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_what_an_example_suite_shows(project: TestedProject, workers: tuple[str, ...]) -> None:
    project.tests(SUITE)
    arguments = ("--strict-markers", "--hyperdrive-report=found/report.json", "-p", "no:randomly")
    result = project.passes(*arguments, *workers, passed=2, failed=4)
    result.stdout.fnmatch_lines(
        ["*test_stale_read*", "stale read: the answer from the cache *", "*SELECT text FROM notes"]
    )
    output = result.stdout.str()
    assert "6 times: SELECT text FROM notes WHERE id = $1" in output
    assert "volatile, not cached: SELECT now()" in output
    assert "why: NOW() is STABLE" in output
    assert "note: SET search_path outside a transaction does not last" in output
    result.stdout.fnmatch_lines(
        [
            "*= hyperdrive =*",
            "17 queries in 6 tests: 9 miss, 3 hit, *",
            "stale reads:",
            "  SELECT text FROM notes",
            "    test_it.py::test_allowed_stale_read",
            "repeated statements:",
            "  6 times: SELECT text FROM notes WHERE id = $1",
            "    test_it.py::test_repeated_statement",
            "never cached:",
            "  volatile: SELECT now()",
            "    NOW() is STABLE; *",
            "report: *report.json",
        ]
    )
    file = project.root / "found" / "report.json"
    assert file.stat().st_mode & 0o777 == 0o600
    report = json.loads(file.read_text())
    assert report["queries"] == 17
    assert {each["test"] for each in report["stale_reads"]} == {
        "test_it.py::test_stale_read",
        "test_it.py::test_allowed_stale_read",
    }
    assert report["repeated_statements"][0]["count"] == 6
    (never,) = report["never_cached"]
    assert (never["sql"], never["by_status"]) == ("SELECT now()", {"volatile": 1})
    assert len(report["tests"]) == 6


def test_the_report_as_html(project: TestedProject) -> None:
    project.tests(
        """
def test_it(database):
    with connect() as connection:
        connection.execute("SELECT now(), '<script>'")
"""
    )
    project.passes("--hyperdrive-report=report.html", passed=1)
    text = (project.root / "report.html").read_text()
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "://" not in text.partition("<h1>")[0]
    assert "default-src 'none'" in text


def test_a_report_without_queries(project: TestedProject) -> None:
    project.tests("def test_it(): ...")
    result = project.passes("--hyperdrive-report=report.json", passed=1)
    result.stdout.fnmatch_lines(["no test has run a query through the local Hyperdrive"])
    assert json.loads((project.root / "report.json").read_text())["tests"] == []


@pytest.mark.parametrize(
    ("arguments", "ini", "message"),
    [
        (["--hyperdrive-report=report.txt"], "", "does not end in .json or .html"),
        (["--hyperdrive-database=drop"], "", "invalid choice: 'drop'"),
        ([], "hyperdrive_database = drop", "hyperdrive_database must be one of copy, truncate"),
    ],
)
def test_options_that_are_wrong(project: TestedProject, arguments: list[str], ini: str, message: str) -> None:
    project.tests("def test_it(): ...")
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_a_report_that_cannot_be_written(project: TestedProject) -> None:
    project.tests("def test_it(): ...\ndef test_that_fails(): raise ValueError")
    (project.root / "folder.json").mkdir()
    result = project.run("--hyperdrive-report=folder.json")
    assert result.ret == 1
    assert "the report cannot be written to" in result.stderr.str()
    assert "FAILED test_it.py::test_that_fails" in result.stdout.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_tracebacks_end_in_the_test(project: TestedProject) -> None:
    project.tests(
        """
def test_binding(hyperdrive):
    hyperdrive.connection_string("NONE")

def test_sql(database):
    database.execute("SELECT * FROM missing")

def test_latency(hyperdrive):
    with hyperdrive.latency("soon"): ...

def test_last(worker):
    worker.last
"""
    )
    project.write(
        "wrangler.toml",
        """
name = "app"
main = "entry.py"
compatibility_date = "2026-09-08"
compatibility_flags = ["python_workers"]
[[hyperdrive]]
binding = "HYPERDRIVE"
id = "none"
""",
    )
    project.write(
        "entry.py",
        """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("")
""",
    )
    output = project.run().stdout.str()
    assert "There is no binding NONE. Bindings: HYPERDRIVE" in output
    assert 'relation "missing" does not exist' in output
    assert "this test has not sent a request with `worker` yet" in output
    assert "wrangler_py/testing" not in output.replace("\\", "/")


def test_a_stale_read_of_several_tests_is_listed_once(project: TestedProject) -> None:
    project.tests(
        """
@pytest.mark.allow_stale_reads
@pytest.mark.parametrize("number", range(3))
def test_it(database, number):
    with connect() as connection:
        connection.execute("SELECT text FROM notes")
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        connection.execute("SELECT text FROM notes")
        connection.execute("SELECT text FROM notes")
"""
    )
    output = project.passes(passed=3).stdout.str()
    listed = output[output.index("stale reads:") :].splitlines()[1:5]
    assert listed == ["  SELECT text FROM notes", *(f"    test_it.py::test_it[{number}]" for number in range(3))]


def test_a_skipped_and_an_expected_failure_are_left_alone(project: TestedProject) -> None:
    project.tests(
        """
@pytest.mark.xfail(strict=True)
def test_expected(database):
    with connect() as connection:
        connection.execute("SELECT text FROM notes")
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        connection.execute("SELECT text FROM notes")

def test_skipped(database):
    pytest.skip("not now")
"""
    )
    project.passes(xfailed=1, skipped=1)


# --- the fixture hyperdrive --------------------------------------------------------------------------------


def test_the_environment_and_env(project: TestedProject) -> None:
    project.write(
        "wrangler.toml",
        'name = "x"\n[vars]\nGREETING = "hi"\n'
        '[[hyperdrive]]\nbinding = "HYPERDRIVE"\nid = "00000000000000000000000000000001"\n',
    )
    project.tests(
        """
def test_it(hyperdrive):
    string = hyperdrive.connection_string()
    assert hyperdrive.bindings == ("HYPERDRIVE",)
    assert string == hyperdrive.connection_string("HYPERDRIVE") == os.environ["DATABASE_URL"]
    assert os.environ["CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"] == string
    assert os.environ["PGPORT"] == str(hyperdrive.env.HYPERDRIVE.port)
    assert hyperdrive.env.GREETING == "hi"
    binding = hyperdrive.env.HYPERDRIVE
    assert binding.connectionString == string
    assert binding.password not in repr(hyperdrive.env)
    parts = {"host": binding.host, "port": binding.port, "user": binding.user, "password": binding.password}
    with psycopg.connect(dbname=binding.database, sslmode="disable", **parts) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(Exception, match="There is no binding OTHER. Bindings: HYPERDRIVE"):
        hyperdrive.connection_string("OTHER")
"""
    )
    project.passes(passed=1)


def test_the_config_file_is_the_one_that_commands_use(project: TestedProject) -> None:
    binding = {"binding": "HYPERDRIVE", "id": "0" * 32}
    document = {"name": "x", "vars": {"FROM": "json"}, "hyperdrive": [binding]}
    project.write("wrangler.json", json.dumps(document))
    project.write("below/wrangler.toml", 'name = "x"\n[vars]\nFROM = "toml"\n')
    project.write("below/pytest.ini", "[pytest]\n")
    project.write("below/test_it.py", "def test_it(hyperdrive):\n    assert hyperdrive.env.FROM == 'json'\n")
    project.passes("below", passed=1)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("hyperdrive_env = staging", "wrangler.toml has no environment 'staging'."),
        ("hyperdrive_config = none.toml", "No such config file: */none.toml"),
    ],
)
def test_a_wrong_setting_is_named_as_pytest_knows_it(project: TestedProject, setting: str, message: str) -> None:
    project.write("wrangler.toml", f'name = "x"\n[[hyperdrive]]\nbinding = "HYPERDRIVE"\nid = "{"0" * 32}"\n')
    project.write("pytest.ini", f"[pytest]\n{setting}\n")
    project.tests("def test_it(hyperdrive): ...")
    result = project.passes(errors=1)
    name = setting.partition(" ")[0]
    result.stdout.fnmatch_lines([message, f"It is set by `{name}` in pytest's configuration.*"])
    result.stdout.no_fnmatch_line("*--env*")
    result.stdout.no_fnmatch_line("*--config*")


def test_a_config_file_without_a_binding(project: TestedProject) -> None:
    project.write("wrangler.toml", 'name = "x"\n')
    project.tests("def test_it(hyperdrive): ...")
    result = project.passes(errors=1)
    command = f"wrangler-py hyperdrive bind {'0' * 32}"
    result.stdout.fnmatch_lines(["wrangler.toml has no Hyperdrive binding.", f"*{command}"])
    subprocess.run([sys.executable, "-m", *command.replace("-", "_", 1).split()], cwd=project.root, check=True)
    project.passes(passed=1)


def test_cache_latency_and_faults(project: TestedProject) -> None:
    project.tests(
        """
def test_cache(hyperdrive):
    with connect() as connection:
        connection.execute("SELECT text FROM notes")
        assert hyperdrive.clear_cache() == 1
        connection.execute("SELECT text FROM notes")
    assert hyperdrive.queries.by_status == {"miss": 2}

def test_latency(hyperdrive):
    with connect() as connection:
        with hyperdrive.latency("50ms"), hyperdrive.latency("60ms", binding="HYPERDRIVE"):
            connection.execute("SELECT 1")
        connection.execute("SELECT 2")
    slow, _ = hyperdrive.queries
    assert slow.duration_ms >= 60

def test_fault(hyperdrive):
    with connect() as connection:
        with hyperdrive.fault("connection-lost:/notes/", seed=1):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT id FROM notes")
    with connect() as connection:
        connection.execute("SELECT text FROM notes")

def test_wrong_values(hyperdrive):
    with pytest.raises(Exception, match="There is no fault 'nonsense'"):
        with hyperdrive.fault("nonsense"):
            pass
    with pytest.raises(Exception, match="^Latency 'soon': give a time with its unit"):
        with hyperdrive.latency("soon"):
            pass
"""
    )
    project.passes(passed=4)


def test_failed_assertions_show_the_queries(project: TestedProject) -> None:
    project.tests(
        """
def test_it(database, hyperdrive):
    with psycopg.connect(hyperdrive.connection_string()) as connection:
        connection.execute("SELECT text FROM notes")
    with pytest.raises(AssertionError, match="1 query ran, not 2:\\n.*SELECT text FROM notes"):
        hyperdrive.assert_query_count(2)
    with pytest.raises(AssertionError, match="this query did not run: SELECT 1"):
        hyperdrive.assert_cached("SELECT 1")
    with pytest.raises(AssertionError, match="transaction, not cached"):
        hyperdrive.assert_cached("SELECT text FROM notes")
    with pytest.raises(AssertionError, match="1 times: SELECT text FROM notes"):
        hyperdrive.assert_no_repeated_statements(at_least=1)
    assert len(hyperdrive.queries) == 3  # with BEGIN and COMMIT
    assert len(hyperdrive.queries.matching("select")) == 0
    assert database.execute("SELECT %s::int + 1", [41]) == [(42,)]
    with pytest.raises(Exception, match='relation "missing" does not exist'):
        database.execute("SELECT * FROM missing")
    assert len(hyperdrive.queries) == 3  # `execute` goes past it
"""
    )
    project.passes(passed=1)


def test_code_that_reads_the_variable_when_it_is_imported(project: TestedProject) -> None:
    project.write("application.py", "import os\nURL = os.environ['DATABASE_URL']\n")
    project.tests(
        """
import sys
sys.path.insert(0, os.path.dirname(__file__))
import application

def test_it(database):
    with psycopg.connect(application.URL) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
"""
    )
    assert project.run().ret != 0
    for workers in ((), ("-n", "1")):
        project.passes("--hyperdrive", *workers, passed=1)


def test_async_tests(project: TestedProject) -> None:
    project.tests(
        """
import asyncpg

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def count():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"], statement_cache_size=0)
    try:
        await connection.execute("INSERT INTO notes (text) VALUES ('mine')")
        return await connection.fetchval("SELECT count(*) FROM notes")
    finally:
        await connection.close()

@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(2))
async def test_asyncio(database, number):
    assert await count() == 2

@pytest.mark.anyio
@pytest.mark.parametrize("number", range(2))
async def test_anyio(database, number):
    assert await count() == 2
"""
    )
    project.passes(passed=4)


def test_unittest_classes(project: TestedProject) -> None:
    project.tests(
        """
import unittest

@pytest.mark.usefixtures("database")
class Notes(unittest.TestCase):
    def test_one(self):
        with connect() as connection:
            connection.execute("INSERT INTO notes (text) VALUES ('mine')")
            self.assertEqual(connection.execute("SELECT count(*) FROM notes").fetchone(), (2,))

    test_two = test_one
"""
    )
    project.passes(passed=2)


def test_annotations_are_checked(project: TestedProject) -> None:
    project.write(
        "typed.py",
        "from wrangler_py.testing import Database, Hyperdrive, Queries, Worker\n\n"
        "def test_it(hyperdrive: Hyperdrive, database: Database, worker: Worker) -> None:\n"
        "    queries: Queries = worker.last.queries\n"
        "    rows: list[tuple[object, ...]] = database.execute('SELECT 1')\n"
        "    with hyperdrive.latency('1ms'):\n"
        "        queries.assert_query_count(len(rows))\n"
        "    hyperdrive.assert_query_count('1')\n",
    )
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "typed.py"]
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert result.stdout.count("error:") == 1, result.stdout
    assert 'has incompatible type "str"; expected "int"' in result.stdout
