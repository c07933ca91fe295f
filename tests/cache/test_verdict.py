from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.postgres_server import PostgresServer

from wrangler_py.cache.own_functions import CATALOG_QUERY, OwnFunctions
from wrangler_py.cache.verdict import QUERY_MAX_BYTES, CacheStatus, Verdict, judge
from wrangler_py.sql.analyse import analyse


def verdict_on(sql: str) -> Verdict:
    return judge(sql, analyse(sql))


@pytest.mark.parametrize(
    ("sql", "status", "reason"),
    [
        ("INSERT INTO t VALUES (1)", "uncacheable", "INSERT is a write; only reads are cached"),
        ("CREATE TABLE t (a int)", "uncacheable", "CREATE TABLE is a write; only reads are cached"),
        ("CALL p()", "uncacheable", "CALL is a write; only reads are cached"),
        ("COPY t FROM STDIN", "uncacheable", "COPY is a write; only reads are cached"),
        (
            "SELECT 1 FROM t FOR UPDATE",
            "uncacheable",
            "SELECT that locks rows (FOR UPDATE) is not read-only; leave the lock out if you only read",
        ),
        (
            "SELECT 1 INTO t",
            "uncacheable",
            "SELECT that creates a table (SELECT INTO) is not read-only; write in one query and read in another",
        ),
        (
            "WITH a AS (DELETE FROM t RETURNING 1) SELECT * FROM a",
            "uncacheable",
            "SELECT that writes (DELETE) is not read-only; write in one query and read in another",
        ),
        ("SELECT 1; SELECT 2", "multiplestatements", "2 statements in one text; send each on its own"),
        ("SHOW ALL", "notaquery", "SHOW is not a query"),
        ("EXPLAIN SELECT now()", "notaquery", "EXPLAIN is not a query"),
        ("BEGIN", "notaquery", "BEGIN is not a query"),
        ("SET a = now()", "parseerror", 'syntax error at or near "("'),
        ("COPY t TO STDOUT", "notaquery", "COPY is not a query"),
        (" -- nothing", "notaquery", "there is no statement in it"),
        ("SELEC 1", "parseerror", 'syntax error at or near "SELEC"'),
        ("SELECT now()", "volatile", "NOW() is STABLE; pass the time as a parameter"),
        ("SELECT CURRENT_DATE", "volatile", "CURRENT_DATE is STABLE; pass the time as a parameter"),
        (
            "SELECT a FROM t WHERE b = CURRENT_USER",
            "volatile",
            "CURRENT_USER is STABLE; pass the value as a parameter",
        ),
        (
            "SELECT pg_sleep(1)",
            "volatile",
            "PG_SLEEP() is VOLATILE; a query is cached only if all its functions are IMMUTABLE",
        ),
        (
            "SELECT 1 -- now() was here",
            "volatile",
            "NOW() is STABLE, and its name also counts in comments and strings; remove the name",
        ),
        (
            "SELECT date_trunc('day', a) FROM t",
            "volatile",
            "DATE_TRUNC() is STABLE for some argument types, such as timestamptz, and the text doesn't show "
            "the type; cast the argument (::timestamp), or do it in your code",
        ),
        (
            f"SELECT '{'x' * QUERY_MAX_BYTES}'",
            "oversizedquery",
            "the text is longer than 1 MB; pass large values as parameters",
        ),
    ],
)
def test_queries_that_are_not_cacheable(sql: str, status: str, reason: str) -> None:
    verdict = verdict_on(sql)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert not verdict.cacheable


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "VALUES (1)", "TABLE t", "WITH a AS (SELECT 1) TABLE a", "SELECT f(1)"]
)
def test_candidates(sql: str) -> None:
    assert verdict_on(sql).status is None


def test_position_of_a_syntax_error() -> None:
    assert verdict_on("SELECT 'é' fro m m").position == 15


PRODUCT_WORDS = """
    disabled hit miss uncacheable multiplestatements notaquery oversizedquery oversizedresult parseerror transaction
    volatile
"""


def test_status_words_are_the_products() -> None:
    assert sorted(CacheStatus) == sorted(PRODUCT_WORDS.split())


@given(st.text())
def test_any_text_has_a_verdict(sql: str) -> None:
    assert verdict_on(sql).reason


def test_text_that_is_not_utf8_has_a_verdict() -> None:
    assert verdict_on("SELECT 'é'".encode("latin-1").decode("utf-8", "surrogateescape")).cacheable


def test_own_functions_are_warned_of_once(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        connection.execute("CREATE SCHEMA own")
        for name, volatility in (("own_v", "VOLATILE"), ("own_s", "STABLE"), ("own_i", "IMMUTABLE")):
            connection.execute(f"CREATE FUNCTION own.{name}() RETURNS int {volatility} LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CREATE FUNCTION own.own_i(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'")
        volatilities = dict(connection.execute(CATALOG_QUERY).fetchall())
        connection.rollback()
    facts = analyse("SELECT own.own_v(), own.own_s(), own.own_i(), missing(), now()")
    own = OwnFunctions()
    own.update(volatilities, facts.unknown_functions)
    assert own.warnings(facts) == [
        "own_i() is STABLE; Hyperdrive will cache this anyway",
        "own_s() is STABLE; Hyperdrive will cache this anyway",
        "own_v() is VOLATILE; Hyperdrive will cache this anyway",
    ]
    assert own.warnings(facts) == []


def test_which_own_functions_may_write() -> None:
    own = OwnFunctions()
    absent, present = analyse("SELECT absent()"), analyse("SELECT v()")
    assert not own.knows(absent)
    own.update({"v": "VOLATILE", "s": "STABLE"}, absent.unknown_functions)
    assert own.knows(absent)
    assert own.may_write(absent)
    assert own.may_write(present)
    assert not own.may_write(analyse("SELECT s(), random(), nextval('x')"))
    assert not own.knows(analyse("SELECT v(), made_later()"))
    own.forget()
    assert not own.knows(present)
    own.update({"v": "IMMUTABLE"}, present.unknown_functions)
    assert not own.may_write(present)
