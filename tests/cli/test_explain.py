"""`wrangler-py hyperdrive explain`, as a person runs it."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine, Outcome


def explain(cli: CommandLine, *arguments: str | Path, stdin: str = "") -> Outcome:
    return cli("hyperdrive", "explain", *arguments, stdin=stdin)


def test_a_cacheable_query(cli: CommandLine) -> None:
    outcome = explain(cli, "SELECT similarity(title, $1) FROM articles JOIN s.authors USING (author)")
    assert outcome.status == 0
    assert outcome.stdout == (
        "hit: cached, after a first miss\n"
        "  why           only reads, and calls no STABLE or VOLATILE function\n"
        "  time to live  60 s, then 15 s stale while one query refreshes it (the defaults)\n"
        "  tables        articles, s.authors; a write to them doesn't clear the answer\n"
        "  note          similarity() is not PostgreSQL's own: Hyperdrive can't know whether it is IMMUTABLE, "
        "and caches it anyway\n"
    )


def test_a_volatile_query_has_its_function_underlined(cli: CommandLine) -> None:
    outcome = explain(cli, "SELECT *\nFROM events -- 日本\nWHERE\t名 = 'é' AND at > now() - $1\n")
    assert outcome.status == 3
    assert outcome.stdout == (
        "volatile: not cached\n"
        "  why           NOW() is STABLE\n"
        "  change        pass the time as a parameter\n"
        "\n"
        "  3: WHERE 名 = 'é' AND at > now() - $1\n"
        "                             ^^^\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("sql", "feature"),
    [
        ("listen x", "LISTEN"),
        ("prepare a as select 1", "SQL-level PREPARE"),
        ("select pg_advisory_lock(1)", "a session-level advisory lock"),
        ("create temp table x(a int)", "a temporary table outside a transaction"),
    ],
)
def test_what_is_refused_has_the_words_of_the_refusal(
    sql: str, feature: str, cli: CommandLine, postgres: Any
) -> None:
    program = f"""
import psycopg
with psycopg.connect("", autocommit=True) as connection:
    try:
        connection.execute({sql!r})
    except psycopg.Error as error:
        print(f"refused: {{error.diag.message_primary}}\\n  {{'change':<14}}{{error.diag.message_hint}}")
"""
    given = ("hyperdrive", "exec", "--connection-string", postgres.dsn())
    refusal = cli.ok(*given, "--", sys.executable, "-c", program).stdout
    assert feature in refusal
    outcome = explain(cli, sql)
    assert (outcome.status, outcome.stdout) == (3, refusal)
    found = explain(cli, sql, "--json").json()
    assert found["refused"]
    assert found["reason"] in refusal
    assert found["change"] in refusal


def test_a_long_line_is_cut(cli: CommandLine) -> None:
    columns = ", ".join(f"column_{number}" for number in range(40))
    outcome = explain(cli, f"SELECT {columns}, random(), {columns} FROM t")
    _, _, _, _, shown, marks, *_ = outcome.stdout.splitlines()
    assert len(shown) < 140
    assert shown.startswith("  …")
    assert shown.endswith("…")
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "random"


def test_a_syntax_error(cli: CommandLine) -> None:
    outcome = explain(cli, "SELECT * FORM t")
    assert outcome.status == 3
    assert outcome.stdout == (
        'parseerror: not cached\n  why           syntax error at or near "FORM"\n\n'
        "  SELECT * FORM t\n           ^\n\n"
    )


@pytest.mark.parametrize(
    ("sql", "status", "change"),
    [
        ("INSERT INTO t VALUES (1)", "uncacheable", "only reads are cached"),
        ("SELECT 1; SELECT 2", "multiplestatements", "send each on its own"),
        ("SHOW ALL", "notaquery", None),
        ("", "notaquery", None),
        ("SELECT random()", "volatile", "create the value in your code and pass it as a parameter"),
    ],
)
def test_json_of_what_is_not_cached(cli: CommandLine, sql: str, status: str, change: str | None) -> None:
    outcome = explain(cli, "--json", sql)
    assert outcome.status == 3
    answer = outcome.json()
    assert (answer["cacheable"], answer["status"], answer["change"]) == (False, status, change)


def test_json_has_the_position(cli: CommandLine) -> None:
    answer = explain(cli, "--json", "SELECT 'é',\n  now()").json()
    assert answer["function"] == "NOW()"
    assert answer["reason"] == "NOW() is STABLE"
    assert answer["position"] == {"offset": 14, "line": 2, "column": 3}


def test_json_of_what_is_cached(cli: CommandLine) -> None:
    assert explain(cli, "--json", "SELECT f() FROM t").json() == {
        "refused": False,
        "cacheable": True,
        "status": "hit",
        "reason": "only reads, and calls no STABLE or VOLATILE function",
        "change": None,
        "function": None,
        "position": None,
        "max_age": 60,
        "stale_while_revalidate": 15,
        "config": None,
        "tables": ["t"],
        "unknown_functions": ["f"],
        "note": None,
    }


def test_a_lock_that_the_product_refuses_is_noted(cli: CommandLine) -> None:
    note = "Hyperdrive refuses advisory locks of any kind"
    assert note in explain(cli, "SELECT pg_advisory_xact_lock(1)").stdout
    assert note in explain(cli, "--json", "SELECT pg_advisory_xact_lock(1)").json()["note"]


def test_from_a_file_and_from_standard_input(cli: CommandLine) -> None:
    (cli.cwd / "query.sql").write_text("SELECT CURRENT_DATE")
    assert "CURRENT_DATE is STABLE" in explain(cli, "--file", "query.sql").stdout
    assert "LASTVAL() is VOLATILE" in explain(cli, "-", stdin="SELECT lastval()").stdout
    assert explain(cli, "-", stdin="\ufeffSELECT 'é'").status == 0  # as PowerShell pipes it


def create(cli: CommandLine, name: str, *options: str) -> None:
    cli.ok("hyperdrive", "create", name, "--embedded", "--no-check", "--no-update-config", *options)


def test_the_ages_of_a_config_or_binding(cli: CommandLine) -> None:
    create(cli, "slow", "--max-age=600", "--swr=30")
    lifetime = "600 s, then 30 s stale while one query refreshes it (of the config slow)"
    assert lifetime in explain(cli, "SELECT 1", "slow").stdout
    (config,) = cli.ok("hyperdrive", "list", "--json").json()
    (cli.cwd / "wrangler.toml").write_text(f'name = "app"\n[[hyperdrive]]\nbinding = "DB"\nid = "{config["id"]}"\n')
    assert lifetime in explain(cli, "SELECT 1", "DB").stdout
    (cli.cwd / "query.sql").write_text("SELECT 1")
    assert lifetime in explain(cli, "--file", "query.sql", "DB").stdout


def test_a_config_with_caching_disabled(cli: CommandLine) -> None:
    create(cli, "fresh", "--caching-disabled")
    outcome = explain(cli, "SELECT 1", "fresh")
    assert outcome.status == 3
    assert outcome.stdout == (
        "disabled: not cached\n"
        "  why           caching is disabled for this config\n"
        "  change        turn it on with `wrangler-py hyperdrive update fresh --caching-disabled=false`\n"
    )
    cli.ok("hyperdrive", "update", "fresh", "--caching-disabled=false", "--no-check")
    assert explain(cli, "SELECT 1", "fresh").status == 0


def test_mistakes(cli: CommandLine) -> None:
    assert "There is no SQL to explain." in explain(cli).stderr
    assert "No Hyperdrive config has the id or name 'nope'." in explain(cli, "SELECT 1", "nope").stderr
    assert "The query comes first" in explain(cli, "DB", "SELECT 1").stderr
    assert "missing.sql" in explain(cli, "--file", "missing.sql").stderr
    (cli.cwd / "latin.sql").write_bytes(b"SELECT '\xe9'")
    assert "latin.sql is not UTF-8 text." in explain(cli, "--file", "latin.sql").stderr
    with cli.start("hyperdrive", "explain", "-") as process:
        assert isinstance(process.stdin, io.TextIOWrapper)
        process.stdin.buffer.write(b"SELECT '\xe9'")
        _, said = process.communicate()
    assert (process.returncode, said) == (1, "✘ [ERROR] Standard input is not UTF-8 text.\n")
    (cli.cwd / "query.sql").write_text("SELECT 1")
    assert "not both" in explain(cli, "SELECT 1", "DB", "--file", "query.sql").stderr
