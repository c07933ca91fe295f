"""Names in the text: every function of the server that isn't IMMUTABLE counts, ordinary IMMUTABLE ones don't."""

from __future__ import annotations

import pytest
from support.postgres_server import PostgresServer

from wrangler_py.cache.verdict import CacheStatus, judge
from wrangler_py.cache.volatility import first_volatile_name
from wrangler_py.sql.analyse import analyse

FUNCTIONS = """
    SELECT proname::text, provolatile::text,
           ARRAY(SELECT typname::text FROM unnest(proargtypes) WITH ORDINALITY AS a (type, position)
                 JOIN pg_type ON pg_type.oid = a.type ORDER BY position)
    FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
"""


def test_every_function_of_the_server_that_is_not_immutable_counts(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        functions = connection.execute(FUNCTIONS).fetchall()
    missed = []
    for name, volatility, types in functions:
        if volatility == "i":
            continue
        arguments = ", ".join(f'NULL::"{type_name}"' for type_name in types)
        for sql in (f'SELECT pg_catalog."{name}"({arguments})', f'SELECT "{name}" ({arguments}) FROM t'):
            facts = analyse(sql)
            assert facts.parse_error is None, sql
            if judge(sql, facts).status is not CacheStatus.VOLATILE:
                missed.append(sql)
    assert len(functions) > 3_000
    assert missed == []


def test_every_name_without_an_immutable_overload_counts_in_a_comment(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        functions = connection.execute(FUNCTIONS).fetchall()
    immutable = {name for name, volatility, _ in functions if volatility == "i"}
    missed = []
    for name in {name for name, _, _ in functions} - immutable:
        sql = f"SELECT 1 -- {name.upper()}() would be nice"
        found = first_volatile_name(sql, analyse(sql))
        if found is None or found.called or found.position != sql.index(name.upper()):
            missed.append(name)
    assert missed == []


WITHOUT_PARENTHESES = """
    CURRENT_CATALOG CURRENT_DATE CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME
    LOCALTIMESTAMP SESSION_USER USER
"""


def test_functions_without_parentheses_count(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        for name in WITHOUT_PARENTHESES.split():
            connection.execute(f"SELECT {name}")
            for sql in (f"SELECT {name}", f"select\n{name.lower()}"):
                found = first_volatile_name(sql, analyse(sql))
                assert found is not None
                assert (found.written, found.position) == (name, 7)


IMMUTABLE_QUERIES = [
    "SELECT 1",
    "SELECT * FROM articles WHERE id = $1",
    "SELECT count(*), count(DISTINCT author), sum(views), avg(views), min(views), max(views) FROM articles",
    "SELECT lower(title), upper(title), initcap(title), length(title), char_length(title) FROM articles",
    "SELECT substring(title FROM 1 FOR 3), position('a' IN title), overlay(title PLACING 'x' FROM 2) FROM articles",
    "SELECT trim(title), ltrim(title), btrim(title, 'x'), lpad(title, 5), rpad(title, 5) FROM articles",
    "SELECT left(title, 3), right(title, 3), repeat(title, 2), replace(title, 'a', 'b') FROM articles",
    "SELECT split_part(title, ' ', 1), strpos(title, 'a'), starts_with(title, 'a'), ascii(title) FROM articles",
    "SELECT regexp_replace(title, 'a', 'b'), regexp_matches(title, 'a') FROM articles",
    "SELECT md5(title), encode(sha256('a'), 'hex'), decode('aa', 'hex') FROM articles",
    "SELECT abs(views), ceil(score), floor(score), round(score, 2), trunc(score), mod(views, 2) FROM articles",
    "SELECT sqrt(score), power(score, 2), exp(1), ln(2), log(10), sign(views), pi() FROM articles",
    "SELECT coalesce(title, ''), nullif(views, 0), greatest(views, 1), least(views, 1) FROM articles",
    "SELECT string_agg(title, ', ' ORDER BY title), array_agg(id), bool_and(published) FROM articles",
    "SELECT array_length(tags, 1), unnest(tags), cardinality(tags), array_position(tags, 'a') FROM articles",
    "SELECT id FROM articles WHERE 'a' = ANY (tags) OR tags && ARRAY['b'] OR tags @> ARRAY['c']",
    "SELECT data ->> 'a', data #> '{a,b}', jsonb_array_length(data), jsonb_typeof(data) FROM articles",
    "SELECT key, value FROM articles, jsonb_each(data) WHERE jsonb_path_exists(data, '$.a')",
    "SELECT row_number() OVER w, lag(views) OVER w FROM articles WINDOW w AS (ORDER BY id)",
    "SELECT n FROM generate_series(1, 10) AS n",
    "SELECT date '2024-01-01' + 1, timestamp '2024-01-01' + interval '1 day'",
    "SELECT make_date(2024, 1, 1), make_time(1, 2, 3), date_bin('1 day', written, '2024-01-01') FROM articles",
    "SELECT EXTRACT(year FROM date '2024-01-01'), date_part('year', written::timestamp) FROM articles",
    "SELECT date_trunc('day', written::timestamp), age(written, timestamp '2024-01-01') FROM articles",
    "SELECT * FROM articles WHERE DATE(written) = $1 ORDER BY written DESC LIMIT 50",
    "SELECT written AT TIME ZONE 'UTC', written::date, views::numeric(10, 2) FROM articles",
    "SELECT to_timestamp(1700000000), CAST(score AS text), views::varchar(10) FROM articles",
    "SELECT id FROM articles WHERE to_tsvector('english', body) @@ to_tsquery('english', 'a & b')",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
    "WITH a AS (SELECT * FROM articles) SELECT a.id FROM a WHERE EXISTS (SELECT FROM articles b WHERE b.id = a.id)",
    "VALUES (1, 'a'), (2, 'b')",
    "TABLE articles",
    "SELECT title || ' ' || author, title LIKE 'a%', title ~ 'a', title SIMILAR TO 'a' FROM articles -- now",
    "SELECT quote_literal('a'), quote_ident(title), translate(title, 'a', 'b'), chr(65) FROM articles",
    "SELECT CASE WHEN published THEN 'now' ELSE 'version' END AS version, id AS random FROM articles",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY score), mode() WITHIN GROUP (ORDER BY views) FROM articles",
]

ARTICLES = """
    CREATE TEMP TABLE articles (id int, title text, author text, views int, score numeric, published bool,
                                tags text[], data jsonb, written timestamp, body text)
"""


@pytest.mark.parametrize("sql", IMMUTABLE_QUERIES)
def test_queries_with_only_immutable_functions_are_cacheable(sql: str, postgres: PostgresServer) -> None:
    verdict = judge(sql, analyse(sql))
    assert verdict.cacheable, verdict
    with postgres.connect() as connection:
        connection.execute(ARTICLES)
        connection.execute(sql.replace("$1", "'2024-01-01'" if "DATE" in sql else "1"))


@pytest.mark.parametrize(
    ("sql", "written", "position"),
    [
        ("SELECT now()", "NOW()", 7),
        ("SELECT NOW ( )", "NOW()", 7),
        ("SELECT now /* when */ ()", "NOW()", 7),
        ('SELECT "now"()', "NOW()", 8),
        ("SELECT pg_catalog.now()", "NOW()", 18),
        ("SELECT 'é', random()", "RANDOM()", 12),
        ("SELECT 1 /* was NOW() */", "NOW()", 16),
        ("SELECT 'NOW() is when'", "NOW()", 8),
        ("SELECT lower(a), random(), now() FROM t", "RANDOM()", 17),
        ("SELECT current_timestamp(3)", "CURRENT_TIMESTAMP", 7),
        ("SELECT 1 FROM t TABLESAMPLE system (10)", "SYSTEM()", 28),
        ("SELECT * FROM pg_sleep(1)", "PG_SLEEP()", 14),
        ("SELECT date(now())", "NOW()", 12),
        ("SELECT date(a::timestamptz)", "DATE()", 7),
        ("SELECT length('a', 'UTF8')", "LENGTH()", 7),
        ("SELECT generate_series(a, b, '1 day') FROM t", "GENERATE_SERIES()", 7),
        ("SELECT date_trunc('day', a) FROM t", "DATE_TRUNC()", 7),
        ("SELECT EXTRACT(year FROM a) FROM t", "EXTRACT()", 7),
        ("SELECT to_tsvector(a) FROM t", "TO_TSVECTOR()", 7),
        ("SELECT to_timestamp('1', '2')", "TO_TIMESTAMP()", 7),
        ("SELECT quote_literal(a) FROM t", "QUOTE_LITERAL()", 7),
    ],
)
def test_what_counts(sql: str, written: str, position: int) -> None:
    found = first_volatile_name(sql, analyse(sql))
    assert found is not None
    assert (found.written, found.position) == (written, position)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT my_now(), now_or_never(1), x$now(2), knów(3)",
        "SELECT random, version, now FROM t",
        'SELECT "user" FROM "user"',
        "SELECT 1 -- the user's current_dates",
        "SELECT mine.length(a, b), date(a) FROM t",
    ],
)
def test_what_does_not_count(sql: str) -> None:
    assert first_volatile_name(sql, analyse(sql)) is None
