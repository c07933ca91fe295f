"""`analyse` never raises, and no text takes the process down."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wrangler_py.sql import parse_tree
from wrangler_py.sql.analyse import analyse

_WORDS = """
    SELECT FROM WHERE WITH RECURSIVE AS ( ) , ; * = + - :: . [ ] 'a' "b" $1 1 1.5 a b t f( now( NULL INTO TEMP TABLE
    INSERT UPDATE SET DELETE RETURNING VALUES FOR SHARE UNION ALL JOIN ON LATERAL EXPLAIN ANALYZE COPY STDIN TO
    CREATE VIEW INDEX ALTER DROP CASCADE BEGIN COMMIT LISTEN NOTIFY PREPARE EXECUTE DISCARD LOCAL RESET DECLARE
    CURSOR HOLD set_config('a','b',true) CASE WHEN THEN END NOT IN EXISTS ORDER BY LIMIT -- /* */ $$ CURRENT_DATE
    CAST int OVER
"""
WORDS = _WORDS.split()


@given(st.text())
def test_any_text(sql: str) -> None:
    analyse(sql)


@given(st.binary())
def test_any_bytes(sql: bytes) -> None:
    analyse(sql.decode("utf-8", "surrogateescape"))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_any_words(sql: str) -> None:
    facts = analyse(sql)
    assert (facts.parse_error is None) == (facts.kinds != () or not facts.writes_unknown)


STATEMENTS = [
    "SELECT a, b FROM t, s.u WHERE f(a) = $1 FOR UPDATE",
    "WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x",
    "CREATE TEMP TABLE t (a int DEFAULT f()) ON COMMIT DROP",
    "SET LOCAL a.b = 'c'",
    "SELECT set_config('a', 'b', false)",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
]


@given(st.sampled_from(STATEMENTS), st.data())
def test_statements_with_a_piece_cut_out_or_put_in(sql: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sql)))
    end = data.draw(st.integers(start, len(sql)))
    analyse(sql[:start] + data.draw(st.text(max_size=3)) + sql[end:])


@pytest.mark.parametrize("times", [60, 2_000])
@pytest.mark.parametrize(
    ("start", "repeated", "end"),
    [
        ("SELECT t", " || t", ""),
        ("SELECT 1 FROM t", " JOIN t USING (a)", ""),
        ("SELECT 1 FROM t", " UNION ALL SELECT a, b FROM t", ""),
        ("SELECT ", "NOT ", "true"),
        ("SELECT 1", " IS NULL", ""),
    ],
)
def test_deep_trees_are_understood(start: str, repeated: str, end: str, times: int) -> None:
    facts = analyse(start + repeated * times + end)
    assert facts.parse_error is None
    assert facts.read_only


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        ("SELECT 1", "+1"),
        ("SELECT 1", "::int"),
        ("SELECT f(1,2)", "+f(1,2)"),
        ("SELECT 1", " IS NULL"),
        ("SELECT 1 FROM t", " JOIN t ON a = b AND c = d"),
        ("SELECT 1, 2", " UNION SELECT 1, 2"),
        ("SELECT ", "("),
        ("SELECT ", "f("),
        ("SELECT ", "(SELECT "),
        ("SELECT a", "[1]"),
        ("SELECT a", " COLLATE c"),
        ("SELECT a", " AT TIME ZONE 'UTC'"),
        ("SELECT a", " IN (1)"),
        ("SELECT a", " OPERATOR(pg_catalog.+) b"),
        ("SELECT a", " NOTNULL"),
    ],
)
def test_trees_too_deep_for_any_server_do_no_harm(start: str, repeated: str) -> None:
    analyse(start + repeated * 60_000)


def test_large_flat_texts_are_understood() -> None:
    rows = ", ".join("(1, -2, 'a'::text, f(1) + 2)" for _ in range(5_000))
    assert analyse(f"INSERT INTO t VALUES {rows}").tables_written == {"t"}
    conditions = " OR ".join("a = -1 AND b LIKE 'x'" for _ in range(5_000))
    assert analyse(f"SELECT 1 FROM t WHERE {conditions}").read_only


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), json_values))
def test_deep_json_is_read_as_json_is(value: dict[str, object]) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, separators=(",", ":"))):
        assert parse_tree.decode_deep(text) == value
