"""Local connection strings: what their parameters do to a real session, and what is said about the others."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from support.command_line import CommandLine


@pytest.fixture
def schemas(postgres: Any) -> Iterator[list[str]]:
    """Two schemas, each with its own table `t`."""
    names = ["one", "two"]
    for name in names:
        sql = f"CREATE SCHEMA {name}; CREATE TABLE {name}.t AS SELECT '{name}' AS name"
        postgres.execute(sql, user=postgres.user)
    yield names
    postgres.execute(f"DROP SCHEMA {', '.join(names)} CASCADE", user=postgres.user)


@pytest.fixture
def server_without_tls(postgres_factory: Any) -> Any:
    return postgres_factory(tls=False)


PROGRAM = """
import json, os, sys, psycopg
found = []
for options in ("", *sys.argv[1:]):
    with psycopg.connect(os.environ["DATABASE_URL"], options=options, autocommit=True) as connection:
        row = lambda sql: connection.execute(sql).fetchone()[0]
        at_first = row("SHOW search_path")
        connection.execute("SET search_path = elsewhere")
        connection.execute("RESET search_path")
        found.append([at_first, row("SHOW search_path"), row("SHOW statement_timeout")])
print(json.dumps(found))
"""


def run(cli: CommandLine, string: str, *options: str) -> Any:
    return cli.ok(
        *("hyperdrive", "exec", "--connection-string", string, "--", sys.executable, "-c", PROGRAM, *options)
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"options": "-csearch_path=pg_catalog -c statement_timeout=7s"},
        {"search_path": "pg_catalog", "options": "--statement-timeout=7000"},
        {"currentSchema": "pg_catalog", "statement_timeout": "7000"},
    ],
)
def test_session_settings_hold_for_every_client_and_its_own_come_on_top(
    parameters: dict[str, str], cli: CommandLine, postgres: Any
) -> None:
    outcome = run(cli, postgres.dsn(**parameters), "-csearch_path=public", "")
    plain, own, plain_again = outcome.json()
    assert plain == plain_again == ["pg_catalog", "pg_catalog", "7s"]
    assert own[0] == "public"
    assert own[2] == "7s"
    assert "no effect" not in outcome.stderr


def test_session_settings_with_awkward_values(cli: CommandLine, postgres: Any) -> None:
    given = {"schema": 'My "own" \\ schema', "app.tenant": "a b\\c 'd'"}
    string = postgres.dsn() + "?" + urlencode(given, quote_via=quote)
    outcome = cli.ok(
        *("hyperdrive", "exec", "--connection-string", string, "--", sys.executable, "-c"),
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
        "    print(*connection.execute(\"SELECT current_setting('search_path'), current_setting('app.tenant')\")"
        ".fetchone(), sep='\\n')",
    )
    assert outcome.stdout.splitlines() == ['"My ""own"" \\ schema"', "a b\\c 'd'"]


def test_a_setting_the_server_does_not_know_is_its_error(cli: CommandLine, postgres: Any) -> None:
    string = postgres.dsn(options="-cnonesuch=1")
    program = "import os, psycopg, sys; sys.excepthook = lambda *error: print(error[1]); psycopg.connect('')"
    outcome = cli("hyperdrive", "exec", "--connection-string", string, "--", sys.executable, "-c", program)
    assert outcome.status != 0
    assert 'unrecognized configuration parameter "nonesuch"' in outcome.stdout


def test_answers_are_not_shared_between_search_paths(cli: CommandLine, postgres: Any, schemas: list[str]) -> None:
    cli.ok("hyperdrive", "create", "shared", "--embedded")
    (cli.cwd / "wrangler.toml").write_text(
        'name = "x"\n'
        + "".join(
            f'[[hyperdrive]]\nbinding = "{name.upper()}"\nid = "shared"\n'
            f'localConnectionString = "{postgres.dsn(search_path=name)}"\n'
            for name in schemas
        )
    )
    program = (
        "import os, psycopg\n"
        "for name in ('ONE', 'TWO', 'ONE', 'TWO'):\n"
        "    string = os.environ['CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_' + name]\n"
        "    with psycopg.connect(string, autocommit=True) as connection:\n"
        "        print(connection.execute('SELECT name FROM t').fetchone()[0])\n"
    )
    outcome = cli.ok("hyperdrive", "exec", "--", sys.executable, "-c", program)
    assert outcome.stdout.split() == ["one", "two", "one", "two"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"ssl": "verify-full"},
        {"ssl": "true"},
        {"sslMode": "VERIFY_CA"},
        {"sslmode": "disable", "ssl": "require"},
        {"sslrootcert": "system"},
        {"sslnegotiation": "direct"},
        {"channel_binding": "require"},
    ],
    ids=str,
)
def test_a_request_for_tls_is_never_ignored(
    parameters: dict[str, str], cli: CommandLine, server_without_tls: Any
) -> None:
    quiet = "import psycopg, sys; sys.excepthook = lambda *_: None; psycopg.connect('')"
    string = server_without_tls.dsn(**parameters)
    said = cli.fails("hyperdrive", "exec", "--connection-string", string, "--", sys.executable, "-c", quiet)
    assert "Server connection attempt failed: tls_not_supported" in said


def test_parameters_without_effect_are_reported(cli: CommandLine, postgres: Any) -> None:
    string = postgres.dsn(application_name="mine", target_session_attrs="read-write", sslmode="disable")
    names = "application_name, target_session_attrs"
    said = f"these parameters of the connection string (--connection-string) have no effect: {names}"
    assert said in run(cli, string).stderr
    said = cli.ok("hyperdrive", "create", "x", "--no-check", "--connection-string", postgres.dsn(max=5)).stderr
    assert "Hyperdrive ignores these parameters of the connection string: max" in said


def test_the_proxy_says_it_too(cli: CommandLine, postgres: Any) -> None:
    string = postgres.dsn(passfile="x", service="y")
    with cli.start("hyperdrive", "proxy", "--connection-string", string) as process:
        assert process.stderr is not None
        said = ""
        while not (line := process.stderr.readline()).startswith("Ready."):
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
    assert "(--connection-string) have no effect: passfile, service" in said


def test_execute_honours_them_too(cli: CommandLine, postgres: Any) -> None:
    string = postgres.dsn(options="-csearch_path=pg_catalog", connect_timeout=5, application_name="mine")
    (cli.cwd / "wrangler.toml").write_text(
        f'[[hyperdrive]]\nbinding = "DB"\nid = "{"0" * 32}"\nlocalConnectionString = "{string}"\n'
    )
    outcome = cli.ok("hyperdrive", "execute", "--json", "--command", "SHOW search_path")
    assert outcome.json()[0]["results"] == [{"search_path": "pg_catalog"}]
    assert "(localConnectionString) have no effect: application_name" in outcome.stderr


def test_execute_without_a_name_wants_one_binding(two_bindings: CommandLine) -> None:
    said = two_bindings.fails("hyperdrive", "execute", "--command", "SELECT 1")
    assert "Name one of them: ONE, TWO" in said
    (two_bindings.cwd / "wrangler.toml").unlink()
    assert "Name a config" in two_bindings.fails("hyperdrive", "execute", "--command", "SELECT 1")
    (two_bindings.cwd / "wrangler.toml").write_text('name = "x"\n')
    assert "has no Hyperdrive binding" in two_bindings.fails("hyperdrive", "execute", "--command", "SELECT 1")


def test_tls_1_3_is_required(cli: CommandLine, tls_postgres: Any, postgres_factory: Any) -> None:
    quiet = "import psycopg, sys; sys.excepthook = lambda *_: None; print(psycopg.connect('').info.dbname)"
    given, program = ("hyperdrive", "exec", "--connection-string"), ("--", sys.executable, "-c", quiet)
    parameters = {"sslmode": "require", "ssl_min_protocol_version": "TLSv1.3"}
    assert cli.ok(*given, tls_postgres.dsn(**parameters), *program).stdout.strip() == "app"
    older = postgres_factory(settings={"ssl_max_protocol_version": "TLSv1.2"})
    assert cli.ok(*given, older.dsn(sslmode="require"), *program).stdout.strip() == "app"
    assert "tls_failure" in cli.fails(*given, older.dsn(**parameters), *program)


def test_channel_binding_is_required(cli: CommandLine, tls_postgres: Any, postgres_factory: Any) -> None:
    quiet = "import psycopg, sys; sys.excepthook = lambda *_: None; print(psycopg.connect('').info.dbname)"
    given, program = ("hyperdrive", "exec", "--connection-string"), ("--", sys.executable, "-c", quiet)
    assert cli.ok(*given, tls_postgres.dsn(channel_binding="require"), *program).stdout.strip() == "app"
    curious = postgres_factory(hba=["hostssl all all 127.0.0.1/32 password"])
    assert cli.ok(*given, curious.dsn(sslmode="require"), *program).stdout.strip() == "app"
    said = cli.fails(*given, curious.dsn(channel_binding="require"), *program)
    assert "channel binding is required" in said
    assert "authentication_failed" in said
