"""SQL scripts: statements found as PostgreSQL sees them, run up to the first that fails."""

from __future__ import annotations

from typing import Any

import pytest

from wrangler_py.hyperdrive.script import ScriptError, Statement, run, split


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("", []),
        ("-- nothing\n;;/* at all */", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT ';'; SELECT $a$;$a$ ;", ["SELECT ';'", "SELECT $a$;$a$"]),
        ('SELECT 1 AS "é;"; /* ; */ SELECT 2', ['SELECT 1 AS "é;"', "SELECT 2"]),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
            ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"],
        ),
        ("SELECT 1; SLCT ';é'; -- ;\nSELECT 3;;", ["SELECT 1", "SLCT ';é'", "-- ;\nSELECT 3"]),
        (
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; END; x (;); END; y",
            ["CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; END", "x (;)", "END", "y"],
        ),
        ("\\d\n", ["\\d"]),
        ("SELECT 'open", ["SELECT 'open"]),
    ],
)
def test_split(script: str, statements: list[str]) -> None:
    assert [statement.sql for statement in split(script)] == statements


def test_statements_know_where_they_start() -> None:
    assert split("-- é\nSELECT 1;\n  SELECT 1") == [
        Statement("SELECT 1", 2, 1),
        Statement("SELECT 1", 3, 3),
    ]


def test_the_first_failure_stops_the_script(postgres: Any) -> None:
    script = "SELECT 1;\n\nSELECT\n  'é', nothing;\nSELECT 2"
    done: list[list[tuple[Any, ...]]] = []
    with postgres.connect(autocommit=True) as connection, pytest.raises(ScriptError) as caught:
        done.extend(cursor.fetchall() for cursor in run(connection, script, "x.sql"))
    assert done == [[(1,)]]
    assert caught.value.message == 'x.sql:4:8: column "nothing" does not exist (42703)'
    assert caught.value.hint == "SELECT\n  'é', nothing\n       ^"


def test_a_failure_without_a_position_points_at_its_statement(postgres: Any) -> None:
    with postgres.connect(autocommit=True) as connection, pytest.raises(ScriptError) as caught:
        list(run(connection, "SELECT 1;\n  SELECT 1/0", "x.sql"))
    assert caught.value.message == "x.sql:2:3: division by zero (22012)"
    assert caught.value.hint == "SELECT 1/0"


def test_a_long_statement_is_shown_around_the_error(postgres: Any) -> None:
    lines = [f"{number}," for number in range(30)]
    script = "SELECT\n" + "\n".join([*lines[:15], "nothing,", *lines[15:]]) + "\n1"
    with postgres.connect(autocommit=True) as connection, pytest.raises(ScriptError) as caught:
        list(run(connection, script, "x.sql"))
    shown = (caught.value.hint or "").splitlines()
    assert shown[:2] == ["…", "10,"]
    assert shown[6:8] == ["nothing,", "^"]
    assert shown[-2:] == ["19,", "…"]


@pytest.mark.parametrize(
    ("script", "hint"),
    [("COPY (SELECT 1) TO STDOUT", "use psql"), ("CREATE TEMP TABLE t(); COPY t FROM STDIN", "use psql")],
)
def test_copy_with_the_client_is_refused(postgres: Any, script: str, hint: str) -> None:
    connection = postgres.connect(autocommit=True)
    with pytest.raises(ScriptError, match="COPY") as caught:
        list(run(connection, script, "x.sql"))
    connection.close()
    assert hint in (caught.value.hint or "")


def test_backslash_commands_are_explained(postgres: Any) -> None:
    with postgres.connect(autocommit=True) as connection, pytest.raises(ScriptError) as caught:
        list(run(connection, "-- tables\n\\d", "x.sql"))
    assert "psql's own" in (caught.value.hint or "")


def test_what_pg_dump_puts_around_its_output_is_left_out(postgres: Any) -> None:
    dump = "--\n-- a dump\n--\n\n\\restrict a1B2\n\nSELECT 1;\nSELECT 1/0;\n\n\\unrestrict a1B2\n"
    with postgres.connect(autocommit=True) as connection, pytest.raises(ScriptError, match=r"x\.sql:8:1: division"):
        list(run(connection, dump, "x.sql"))
    assert [statement.sql for statement in split(dump)][1:] == ["SELECT 1/0"]
