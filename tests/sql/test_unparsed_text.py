"""Which words in a text that is not parsed show that it may leave what no reset undoes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.sql.analyse import analyse
from wrangler_py.sql.facts import SessionEffect
from wrangler_py.sql.unparsed_text import UnparsedText

SUSPICIOUS = [
    "SET app.x = 1",
    "set Local app.x to 1",
    "SET SESSION app . x = 1",
    'SET"app"."x"=1',
    'SET "app.x" = 1',
    'SET LOCAL "a""pp" . "x" = 1',
    "SET /* for this */ app.x = 1",
    "SET LOCAL -- for this\n app.x = 1",
    "SET app/* here */.x = 1",
    "RESET app.x",
    "ALTER ROLE app SET app.x = 1",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET app.x = 'x' AS 'SELECT 1'",
    "SELECT SET_CONFIG('app.x', 'x', false)",
    'SELECT pg_catalog."set_config"($1, $2, true)',
    "SELECT U&\"\\0073et_config\"('app.x', 'x', false)",
    "LOAD 'auto_explain'",
    "LOAD'auto_explain'",
    "LOAD /* it */ E'auto_explain'",
    "load $$auto_explain$$",
    "SELECT dblink_connect('own', 'dbname=app')",
    "SELECT extensions.dblink_connect_u('own', 'dbname=app')",
    "SELECT pg_create_physical_replication_slot('s', true, true)",
]
HARMLESS = [
    "INSERT INTO t VALUES ('a text that we set, and reset', 1.5), ('offset.x', 2)",
    'UPDATE t SET "a" = 1, b = u."b" FROM u',
    "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, b = excluded.b",
    "SELECT 'the payload', 'an upload' FROM dataset.t OFFSET 5",
    "SET TimeZone = 'UTC'; SET LOCAL work_mem = '1.5MB'; RESET ALL",
    "SELECT reset_at, settled, payload FROM t",
]


def is_suspicious(sql: str, size: int) -> bool:
    text, data = UnparsedText(), sql.encode()
    return any(text.may_outlive_reset(data[at : at + size]) for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("sql", SUSPICIOUS)
def test_it_is_found_in_whatever_pieces_it_comes(sql: str, size: int) -> None:
    assert is_suspicious(f"SELECT 1; {sql}", size)


@pytest.mark.parametrize("sql", HARMLESS)
def test_ordinary_texts_are_not_suspicious(sql: str) -> None:
    assert not is_suspicious(sql, 10_000)


_GAPS = st.sampled_from([" ", "\n", " /* a */ ", "--\n", "  "])
_WORDS = st.sampled_from([
    "SET", "RESET", "LOCAL", "SESSION", "app", ".", "x", "=", "1", '"app"', '"a.b"', "LOAD", "'x'", ";", "SELECT",
    "TO", "DEFAULT", "ALTER ROLE app", "UPDATE t", "(", ")", "set_config", ",",
])  # fmt: skip


@given(st.lists(st.tuples(_WORDS, _GAPS), min_size=1, max_size=9))
def test_whatever_the_parser_finds_is_suspicious(words: list[tuple[str, str]]) -> None:
    sql = "".join(word + gap for word, gap in words)
    facts = analyse(sql)
    outlives = facts.session_effects & (SessionEffect.OUTLIVES_RESET | SessionEffect.LOAD)
    if outlives or any("." in name for name in facts.settings):
        assert is_suspicious(sql, 10_000)
