"""Which bodies of functions surely leave nothing behind in the session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.sql.function_body import leaves_nothing_behind

HARMLESS = [
    "",
    "SELECT 1",
    "SELECT upper($1) || coalesce(x, lower('A')) FROM t WHERE (a) IN (1, 2)",
    "BEGIN NEW.updated_at = now(); RETURN NEW; END",
    "BEGIN NEW.updated_at := pg_catalog.now(); RETURN (NEW); END",
    "BEGIN UPDATE t\nSET a = 1, (b, c) = (2, 3); RETURN NULL; END",
    "BEGIN INSERT INTO audit (a, b) VALUES (1, to_jsonb(NEW)); RETURN NULL; END",
    'BEGIN INSERT INTO app."Audit" (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2; END',
    "DECLARE n numeric(10, 2); BEGIN IF (n > 1) THEN RAISE 'no %', n; ELSIF (n < 0) THEN n := 1; END IF; END",
    "BEGIN WHILE (true) LOOP PERFORM (1); RETURN QUERY (SELECT 1); END LOOP; END",
    "BEGIN PERFORM set_config('a.b', f.x::text, true) FROM f; END",
    "BEGIN PERFORM pg_catalog.set_config('a.b', upper('x, y'), true); END",
    "BEGIN SET LOCAL work_mem = '1MB'; SET CONSTRAINTS ALL DEFERRED; SET TRANSACTION READ ONLY; END",
    "BEGIN PERFORM pg_advisory_xact_lock(1); END",
    "BEGIN ASSERT (1 > 0); SELECT count(*) FILTER (WHERE a > 1) OVER (ORDER BY (a)) FROM t GROUP BY CUBE (a); END",
    "BEGIN ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u; END",
    "BEGIN -- set_config('a', 'b', false)\n /* EXECUTE SET */ RETURN 'SET x; EXECUTE y; set_config()'; END",
    "SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid",
]


@pytest.mark.parametrize("body", HARMLESS)
def test_leaves_nothing_behind(body: str) -> None:
    assert leaves_nothing_behind(body)


SUSPICIOUS = [
    "SELECT set_config('a.b', 'c', false)",
    "SELECT set_config('a.b', 'c', $1)",
    "SELECT set_config('a.b', upper('c', true), false)",
    "SELECT set_config('a.b', 'c', 1 = 1 AND true)",
    "SELECT set_config('a.b', 'c', \"true\")",
    "SELECT own.set_config('a.b', 'c', true)",
    "SELECT \"set_config\"('a.b', 'c', false)",
    "SELECT set_config /* */ ('a.b', 'c', false)",
    "SELECT U&\"set\\005fconfig\"('a.b', 'c', false)",
    "SET work_mem = '1MB'",
    "SELECT 1; SET work_mem = '1MB'",
    "BEGIN SET work_mem = '1MB'; END",
    "BEGIN -- a comment\n SET work_mem = '1MB'; END",
    "BEGIN IF x THEN SET SESSION work_mem = '1MB'; END IF; END",
    "BEGIN IF x THEN y := 1; ELSE SET work_mem = '1MB'; END IF; END",
    "BEGIN LOOP SET work_mem = '1MB'; END LOOP; END",
    "BEGIN <<here>> SET ROLE app; END",
    "BEGIN RESET work_mem; END",
    "BEGIN ATOMIC SET work_mem = '1MB'; END",
    "BEGIN EXECUTE 'SET work_mem = 1'; END",
    "BEGIN DO 'BEGIN SET work_mem = 1; END'; END",
    "BEGIN CALL p(); END",
    "BEGIN LISTEN x; END",
    "BEGIN PERFORM pg_advisory_lock(1); END",
    "BEGIN CREATE TEMP TABLE t (a int); END",
    "BEGIN CREATE TEMPORARY VIEW t AS SELECT 1; END",
    "BEGIN CREATE TABLE pg_temp.t (a int); END",
    'BEGIN CREATE TABLE "pg_temp".t (a int); END',
    "BEGIN UPDATE pg_settings SET setting = '1' WHERE name = 'work_mem'; END",
    "BEGIN NEW.a := own_function(); END",
    "BEGIN NEW.a := own.lower('x'); END",
    "BEGIN NEW.a := own.pg_catalog.lower('x'); END",
    'BEGIN NEW.a := "Own"(1); END',
    "BEGIN NEW.a := comment(1); END",
    "BEGIN PERFORM key('x'); END",
    "BEGIN PERFORM assert('x'); END",
    "BEGIN NEW.a := query('x'); END",
    "BEGIN PERFORM set('x'); END",
    "BEGIN SELECT filter(1); END",
    "BEGIN PERFORM query_to_xml('SELECT f()', true, true, ''); END",
    "BEGIN 'not closed",
]


@pytest.mark.parametrize("body", SUSPICIOUS)
def test_may_leave_something_behind(body: str) -> None:
    assert not leaves_nothing_behind(body)


@given(st.text(st.characters()) | st.text(alphabet="().,;\"' set_config"))
def test_any_text_is_judged(body: str) -> None:
    assert leaves_nothing_behind(body) in (True, False)


@given(st.sampled_from(HARMLESS), st.sampled_from(SUSPICIOUS[:10]))
def test_what_stands_in_front_hides_nothing(harmless: str, suspicious: str) -> None:
    assert not leaves_nothing_behind(f"{harmless}; {suspicious}")
