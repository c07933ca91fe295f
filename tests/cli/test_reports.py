"""`--report`, `--latency` and `--fault` as a person types them."""

from __future__ import annotations

import json
import signal
import stat
import sys
from typing import Any

import psycopg
import pytest
from support.command_line import CommandLine

N_PLUS_ONE = """
import os, sys, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    for number in range(8):
        connection.execute("SELECT relname FROM pg_class WHERE oid = %s AND relname <> 'secret'", [number])
    connection.execute("SELECT '<script>alert(1)</script>' AS \\"<b>\\"")
sys.exit(int(sys.argv[1]))
"""
HANGS = """
import os, psycopg, time
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute("SELECT 1")
print("asked", flush=True)
time.sleep(600)
"""


def run(cli: CommandLine, postgres: Any, *arguments: str, program: str = N_PLUS_ONE, status: int = 0) -> Any:
    given = ("hyperdrive", "exec", "--connection-string", postgres.dsn(), *arguments)
    return cli(*given, "--", sys.executable, "-c", program, str(status))


def test_a_json_report_of_a_command(cli: CommandLine, postgres: Any) -> None:
    outcome = run(cli, postgres, "--report", "queries.json")
    assert outcome.status == 0
    path = cli.cwd / "queries.json"
    report = json.loads(path.read_text())
    assert report["queries"] == 9
    assert report["by_status"]["miss"] >= 8
    (finding,) = [each for each in report["findings"] if each["kind"] == "repeated-statement"]
    assert len(finding["records"]) == 8
    assert "secret" not in path.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in cli.cwd.iterdir()] == ["queries.json"]


def test_an_html_report_is_one_file_with_the_sql_escaped(cli: CommandLine, postgres: Any) -> None:
    assert run(cli, postgres, "--report", "queries.HTML").status == 0
    page = (cli.cwd / "queries.HTML").read_text()
    assert page.startswith("<!doctype html>")
    assert "repeated-statement" in page
    assert "&lt;b&gt;" in page
    assert "<script" not in page
    assert "<b>" not in page


def test_a_dash_prints_the_report_after_the_output_of_the_command(cli: CommandLine, postgres: Any) -> None:
    outcome = run(cli, postgres, "--report", "-", program="print('from the command')")
    assert outcome.stdout.splitlines()[0] == "from the command"
    assert outcome.stdout.splitlines()[1] == "No queries ran."


def test_a_failing_command_leaves_its_report_and_its_status(cli: CommandLine, postgres: Any) -> None:
    assert run(cli, postgres, "--report", "queries.json", status=7).status == 7
    assert json.loads((cli.cwd / "queries.json").read_text())["queries"] == 9


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_leaves_a_report(cli: CommandLine, postgres: Any) -> None:
    given = ("hyperdrive", "exec", "--connection-string", postgres.dsn(), "--report", "queries.json")
    with cli.start(*given, "--", sys.executable, "-c", HANGS) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert json.loads((cli.cwd / "queries.json").read_text())["queries"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_proxy_that_is_ended_leaves_a_report(cli: CommandLine, postgres: Any, ending: signal.Signals) -> None:
    given = ("hyperdrive", "proxy", "--connection-string", postgres.dsn(), "--report", "queries.json")
    with cli.start(*given) as process:
        assert process.stdout is not None
        line = ""
        while not line.startswith("postgresql://"):
            line = process.stdout.readline()
        with psycopg.connect(line.strip(), autocommit=True) as client:
            client.execute("SELECT 1")
        process.send_signal(ending)
        assert process.wait(30) == 0
    assert json.loads((cli.cwd / "queries.json").read_text())["queries"] == 1


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("queries.txt", "must end in .json or .html"),
        ("queries", "must end in .json or .html"),
        ("missing/queries.json", "there is no folder"),
        ("folder.json", "this is a folder"),
    ],
)
@pytest.mark.parametrize("command", [("exec", "--", "touch", "started"), ("proxy",)])
def test_an_impossible_report_is_refused_before_anything_starts(
    cli: CommandLine, postgres: Any, report: str, said: str, command: tuple[str, ...]
) -> None:
    (cli.cwd / "folder.json").mkdir()
    name, *rest = command
    outcome = cli("hyperdrive", name, "--connection-string", postgres.dsn(), "--report", report, *rest)
    assert outcome.status == 2
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not (cli.cwd / "started").exists()


def test_a_report_that_cannot_be_written_at_the_end_is_an_error(cli: CommandLine, postgres: Any) -> None:
    folder = cli.cwd / "reports"
    folder.mkdir()
    program = f"import os; os.rmdir({str(folder)!r})"
    outcome = run(cli, postgres, "--report", str(folder / "queries.json"), program=program)
    assert outcome.status == 1
    assert "The report cannot be written" in outcome.stderr
    folder.mkdir()
    outcome = run(
        cli, postgres, "--report", str(folder / "queries.json"), program=program + "; raise SystemExit(3)"
    )
    assert outcome.status == 3
    assert "The report cannot be written" in outcome.stderr


# --- latency and faults -----------------------------------------------------------------------------------------


def test_latency_and_faults_are_reported_at_the_start(cli: CommandLine, postgres: Any) -> None:
    given = ("--latency", "20-40ms", "--latency", "HYPERDRIVE=5ms", "--fault", "connection-lost:5%", "--seed", "7")
    outcome = run(cli, postgres, *given, program="")
    assert outcome.status == 0
    assert "each round trip to the origin takes 20 to 40 ms longer." in outcome.stderr
    assert "each round trip to the origin of HYPERDRIVE takes 5 ms longer." in outcome.stderr
    assert "Faults are on (seed 7): connection-lost for 5% of queries." in outcome.stderr


def test_a_command_meets_a_fault(cli: CommandLine, postgres: Any) -> None:
    program = """
import os, psycopg
try:
    psycopg.connect(os.environ["DATABASE_URL"], autocommit=True).execute("SELECT 1")
except psycopg.Error as error:
    print(error.sqlstate, error)
"""
    outcome = run(cli, postgres, "--fault", "pool-exhausted", program=program)
    assert outcome.stdout.startswith("58000 Failed to acquire a connection from the pool.")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--latency", "fast"), "give a time with its unit"),
        (("--latency", "OTHER=5ms"), "there is no binding 'OTHER'"),
        (("--fault", "flood"), "There is no fault 'flood'"),
        (("--fault", "restart:/(/"), "Fault 'restart:/(/': '(' is not a regular expression"),
    ],
)
def test_wrong_conditions_are_refused_before_anything_starts(
    cli: CommandLine, postgres: Any, option: tuple[str, str], said: str
) -> None:
    outcome = run(cli, postgres, *option, program="open('started', 'w')")
    assert outcome.status == 2
    assert said in outcome.stderr
    assert not (cli.cwd / "started").exists()


def test_a_program_that_waits_for_its_own_connection_is_reported_at_once(cli: CommandLine, postgres: Any) -> None:
    program = """
import os, psycopg
url = os.environ["DATABASE_URL"]
with psycopg.connect(url) as one, psycopg.connect(url, autocommit=True) as other:
    one.execute("SELECT 1")
    try:
        other.execute("SELECT 2")
    except psycopg.Error as error:
        print(error.sqlstate)
"""
    given = ("--pool-size", "1", "--report", "queries.json")
    outcome = run(cli, postgres, *given, program=program)
    assert outcome.stdout.strip() == "58000"
    assert "self-deadlock: a client waits for a connection of HYPERDRIVE" in outcome.stderr
    assert json.loads((cli.cwd / "queries.json").read_text())["findings"][0]["kind"] == "self-deadlock"


def test_the_query_log_is_as_large_as_it_may_be(cli: CommandLine, postgres: Any) -> None:
    outcome = run(cli, postgres, "--query-log-records", "3", "--report", "queries.json")
    report = json.loads((cli.cwd / "queries.json").read_text())
    assert outcome.status == 0
    assert (report["queries"], report["recorded"]) == (9, 3)


def test_there_is_no_report_without_a_query_log(cli: CommandLine, postgres: Any) -> None:
    outcome = run(cli, postgres, "--query-log-records", "0", "--report", "-")
    assert outcome.status == 2
    assert "--report" in outcome.stderr
    assert run(cli, postgres, "--query-log-records", "0").status == 0
