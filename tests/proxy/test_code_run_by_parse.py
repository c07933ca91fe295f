"""PostgreSQL may run code when it only prepares a statement: it reads the constants. Nothing of that leaks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import SYNC, RawClient, bind, describe, execute, parse, query

from wrangler_py.hyperdrive.config import Caching

DATABASE = "code_run_by_parse"
SCHEMA = """
    CREATE FUNCTION leaks(i int) RETURNS bool LANGUAGE plpgsql
        AS $$BEGIN
            PERFORM set_config('work_mem', '7MB', false), pg_advisory_lock(7);
            RETURN true;
        END$$;
    CREATE FUNCTION compares(a int, b int) RETURNS int LANGUAGE plpgsql
        AS $$BEGIN RETURN CASE WHEN leaks(a) THEN a - b END; END$$;
    CREATE DOMAIN checked AS int CHECK (leaks(value));
    CREATE TYPE pair AS (a int, b checked);
    CREATE OPERATOR CLASS compared FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
        OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compares(int, int);
    CREATE TYPE span AS RANGE (subtype = int, subtype_opclass = compared);
    CREATE VIEW memory AS SELECT setting FROM pg_catalog.pg_settings WHERE name = 'work_mem';
    GRANT SELECT ON memory TO PUBLIC;
"""
CONSTANTS = {
    "an array of a domain": "SELECT '{1}'::checked[]",
    "a row with a domain": "SELECT '(1,2)'::pair",
    "a range over an operator class": "SELECT '[1,2]'::span",
}


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    with postgres.own_database(DATABASE, SCHEMA):
        yield DATABASE


@pytest.fixture
def proxy(postgres: PostgresServer, database: str) -> Iterator[ProxyServer]:
    """One connection to the origin. What the database runs by itself is thought to be harmless, as it is if others
    made the types after the last look."""
    origin = origin_of(postgres, database=database)
    server = ProxyServer(pool_config(origin, connection_limit=1, caching=Caching()))
    with connect(server) as client:
        client.ask(query("SELECT now()"))
        client.ask(query("SELECT now()"))
    stored_code = server.call(lambda: server.proxy.pools[BINDING].stored_code)
    server.call(lambda: stored_code.end_look_up(stored_code.begin_look_up(), [], lost=False))
    yield server
    server.close()


def connect(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE)


@pytest.mark.parametrize("sql", CONSTANTS.values(), ids=CONSTANTS)
@pytest.mark.parametrize("name", ["", "s"], ids=["unnamed", "named"])
@pytest.mark.parametrize("described", [False, True])
def test_a_statement_that_is_only_prepared_leaves_nothing(
    proxy: ProxyServer, sql: str, name: str, described: bool
) -> None:
    with connect(proxy) as client, connect(proxy) as other:
        assert other.rows("SHOW work_mem") == [[b"4MB"]]
        answers = client.ask(parse(name, sql), describe("S", name) if described else b"", SYNC)
        assert [answer.kind for answer in answers] == (["1", "t", "T", "Z"] if described else ["1", "Z"])
        assert other.rows("SHOW work_mem") == [[b"4MB"]]


@pytest.mark.parametrize("sql", CONSTANTS.values(), ids=CONSTANTS)
def test_no_answer_is_kept_that_was_made_behind_it(proxy: ProxyServer, sql: str) -> None:
    reading = "SELECT setting FROM memory"
    with connect(proxy) as client, connect(proxy) as other:
        client.send(parse("s", sql), SYNC, query(reading))
        client.until_ready(2)
        assert other.rows(reading) == [[b"4096"]]
        client.send(parse("t", sql), SYNC, parse("", f"{reading} "), bind(), execute(), SYNC)
        client.until_ready(2)
        assert other.rows(f"{reading} ") == [[b"4096"]]


@pytest.mark.parametrize("sql", CONSTANTS.values(), ids=CONSTANTS)
def test_a_statement_that_is_described_again_leaves_nothing(proxy: ProxyServer, sql: str) -> None:
    """After all plans have been discarded, a server reads the constants again."""
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("s", sql), SYNC)
        other.ask(query("BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; SELECT 1; COMMIT"))
        client.ask(query("SELECT 1"))  # behind a reset
        other.ask(query("BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; SELECT 1; COMMIT"))
        assert [answer.kind for answer in client.ask(describe("S", "s"), SYNC)] == ["t", "T", "Z"]
        assert other.rows("SHOW work_mem") == [[b"4MB"]]


@pytest.mark.parametrize("sql", CONSTANTS.values(), ids=CONSTANTS)
def test_a_statement_that_is_prepared_again_leaves_nothing(proxy: ProxyServer, sql: str) -> None:
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("s", sql), SYNC)
        other.ask(query("BEGIN"))
        other.ask(query("COMMIT"))
        for sent in (query("BEGIN") + parse("t", sql) + SYNC + query("COMMIT"), parse("s", sql) + SYNC):
            client.send(sent)
            client.until_ready(3 if sent.startswith(b"Q") else 1)
            assert other.rows("SHOW work_mem") == [[b"4MB"]]
            assert other.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [[b"0"]]


def test_what_a_driver_prepares_and_does_not_run_leaves_nothing(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as client:
        client.pgconn.prepare(b"s", CONSTANTS["an array of a domain"].encode())
        with psycopg.connect(proxy.dsn(), autocommit=True) as other:
            assert other.execute("SHOW work_mem").fetchone() == ("4MB",)
