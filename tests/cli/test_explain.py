"""`wrangler-py hyperdrive explain`, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import CommandLine, Outcome


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    project = tmp_path / "project"
    project.mkdir()
    return CommandLine(tmp_path / "home", project)


def explain(command: CommandLine, *arguments: str | Path, stdin: str = "") -> Outcome:
    return command("hyperdrive", "explain", *arguments, stdin=stdin)


def test_a_cacheable_query(command: CommandLine) -> None:
    outcome = explain(command, "SELECT similarity(title, $1) FROM articles JOIN s.authors USING (author)")
    assert outcome.status == 0
    assert outcome.stdout == (
        "hit: cached, after a first miss\n"
        "  why           only reads, and names no STABLE or VOLATILE function\n"
        "  time to live  60 s, then 15 s stale while one query refreshes it (the defaults)\n"
        "  tables        articles, s.authors; a write to them doesn't end it\n"
        "  note          similarity() is not PostgreSQL's own: Hyperdrive can't know whether it is IMMUTABLE, "
        "and caches it anyway\n"
    )


def test_a_volatile_query_has_its_function_underlined(command: CommandLine) -> None:
    outcome = explain(command, "SELECT *\nFROM events -- 日本\nWHERE\t名 = 'é' AND at > now() - $1\n")
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


def test_a_long_line_is_cut(command: CommandLine) -> None:
    columns = ", ".join(f"column_{number}" for number in range(40))
    outcome = explain(command, f"SELECT {columns}, random(), {columns} FROM t")
    _, _, _, _, shown, marks, *_ = outcome.stdout.splitlines()
    assert len(shown) < 140
    assert shown.startswith("  …")
    assert shown.endswith("…")
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "random"


def test_a_syntax_error(command: CommandLine) -> None:
    outcome = explain(command, "SELECT * FORM t")
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
        ("SELECT random()", "volatile", "make the value in your code and pass it as a parameter"),
    ],
)
def test_json_of_what_is_not_cached(command: CommandLine, sql: str, status: str, change: str | None) -> None:
    outcome = explain(command, "--json", sql)
    assert outcome.status == 3
    answer = outcome.json()
    assert (answer["cacheable"], answer["status"], answer["change"]) == (False, status, change)


def test_json_has_the_position(command: CommandLine) -> None:
    answer = explain(command, "--json", "SELECT 'é',\n  now()").json()
    assert answer["function"] == "NOW()"
    assert answer["reason"] == "NOW() is STABLE"
    assert answer["position"] == {"offset": 14, "line": 2, "column": 3}


def test_json_of_what_is_cached(command: CommandLine) -> None:
    assert explain(command, "--json", "SELECT f() FROM t").json() == {
        "cacheable": True,
        "status": "hit",
        "reason": "only reads, and names no STABLE or VOLATILE function",
        "change": None,
        "function": None,
        "position": None,
        "max_age": 60,
        "stale_while_revalidate": 15,
        "config": None,
        "tables": ["t"],
        "unknown_functions": ["f"],
    }


def test_from_a_file_and_from_standard_input(command: CommandLine) -> None:
    (command.cwd / "query.sql").write_text("SELECT CURRENT_DATE")
    assert "CURRENT_DATE is STABLE" in explain(command, "--file", "query.sql").stdout
    assert "LASTVAL() is VOLATILE" in explain(command, "-", stdin="SELECT lastval()").stdout
    assert explain(command, "-", stdin="\ufeffSELECT 'é'").status == 0  # as PowerShell pipes it


def create(command: CommandLine, name: str, *options: str) -> None:
    command.ok("hyperdrive", "create", name, "--embedded", "--no-check", "--no-update-config", *options)


def test_the_ages_of_a_config_or_binding(command: CommandLine) -> None:
    create(command, "slow", "--max-age=600", "--swr=30")
    lifetime = "600 s, then 30 s stale while one query refreshes it (of the config slow)"
    assert lifetime in explain(command, "SELECT 1", "slow").stdout
    (config,) = command.ok("hyperdrive", "list", "--json").json()
    (command.cwd / "wrangler.toml").write_text(
        f'name = "app"\n[[hyperdrive]]\nbinding = "DB"\nid = "{config["id"]}"\n'
    )
    assert lifetime in explain(command, "SELECT 1", "DB").stdout
    (command.cwd / "query.sql").write_text("SELECT 1")
    assert lifetime in explain(command, "--file", "query.sql", "DB").stdout


def test_a_config_with_caching_disabled(command: CommandLine) -> None:
    create(command, "fresh", "--caching-disabled")
    outcome = explain(command, "SELECT 1", "fresh")
    assert outcome.status == 3
    assert outcome.stdout == (
        "disabled: not cached\n"
        "  why           caching is disabled for this config\n"
        "  change        turn it on with `wrangler-py hyperdrive update fresh --caching-disabled=false`\n"
    )
    command.ok("hyperdrive", "update", "fresh", "--caching-disabled=false", "--no-check")
    assert explain(command, "SELECT 1", "fresh").status == 0


def test_mistakes(command: CommandLine) -> None:
    assert "There is no SQL to explain." in explain(command).stderr
    assert "No Hyperdrive config has the id or name 'nope'." in explain(command, "SELECT 1", "nope").stderr
    assert "missing.sql" in explain(command, "--file", "missing.sql").stderr
    (command.cwd / "latin.sql").write_bytes(b"SELECT '\xe9'")
    assert "latin.sql is not UTF-8 text." in explain(command, "--file", "latin.sql").stderr
    with command.start("hyperdrive", "explain", "-") as process:
        assert process.stdin is not None
        process.stdin.buffer.write(b"SELECT '\xe9'")
        _, said = process.communicate()
    assert (process.returncode, said) == (1, "✘ [ERROR] Standard input is not UTF-8 text.\n")
    (command.cwd / "query.sql").write_text("SELECT 1")
    assert "not both" in explain(command, "SELECT 1", "DB", "--file", "query.sql").stderr
