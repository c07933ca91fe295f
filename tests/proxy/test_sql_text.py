"""Texts of SQL that differ in numbers only are looked at once, and no others are taken for the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wrangler_py.session.sql_text import SQLText, SQLTexts


def look_up(texts: SQLTexts, sql: str) -> SQLText:
    texts.get(b"SELECT 'between'")
    return texts.get(sql.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT * FROM t WHERE id = 1", "SELECT * FROM t WHERE id = 2345"),
        ("SELECT * FROM t WHERE id = 1;", "SELECT * FROM t WHERE id = 0;"),
        ("SELECT * FROM t WHERE id IN (1, 2) LIMIT 3", "SELECT * FROM t WHERE id IN (4, 5) LIMIT 67"),
        ("UPDATE t SET a = 1 WHERE b = 2.5", "UPDATE t SET a = 3 WHERE b = 4.75"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    texts = SQLTexts()
    assert look_up(texts, one) is look_up(texts, other) is look_up(texts, one)
    assert look_up(texts, one).facts == SQLText(one.encode()).facts == SQLText(other.encode()).facts


@pytest.mark.parametrize(
    "different",
    [
        ("DELETE FROM t1", "DELETE FROM t2", "DELETE FROM t12"),
        ("DELETE FROM t$1", "DELETE FROM t$2"),
        ("DELETE FROM t_1", "DELETE FROM t_2;"),
        ("DELETE FROM é1", "DELETE FROM é2"),
        ('DELETE FROM "t 1"', 'DELETE FROM "t 2"'),
        ("SELECT 1", "SELECT 1; DELETE FROM t", "SELECT 1;2", "SELECT 1;;"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1e5", "SELECT a FROM t WHERE b = 1a"),
    ],
)
def test_not_the_same(different: tuple[str, ...]) -> None:
    texts = SQLTexts()
    for _ in range(3):
        assert len({id(look_up(texts, sql)) for sql in different}) == len(different)
        for sql in different:
            assert look_up(texts, sql).facts.statements == SQLText(sql.encode()).facts.statements


def test_a_pool_is_made_without_loading_the_parser() -> None:
    program = (
        "import sys; from wrangler_py.session.sql_text import SQLTexts; texts = SQLTexts(); "
        "assert 'postgast' not in sys.modules; texts.get(b'SELECT 1'); assert 'postgast' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
