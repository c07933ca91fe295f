"""DDL is a write of the catalogs: a cached answer from before it is a stale read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, ProxyServer

from wrangler_py.hyperdrive.config import Caching

StartProxy = Callable[..., ProxyServer]

READS = {
    "information_schema": "SELECT column_name FROM information_schema.columns WHERE table_name = 'cataloged'",
    "pg_catalog": "SELECT relname FROM pg_catalog.pg_class WHERE relname LIKE 'cataloged%'",
    "without a schema": "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LIMIT 1",
    "a view": "SELECT * FROM pg_views WHERE viewname = 'cataloged_view'",
    "a name": "SELECT 'cataloged'::regclass::oid",
}
CHANGES = [
    "CREATE TABLE cataloged_2 ()",
    "ALTER TABLE cataloged ADD COLUMN b int",
    "DROP TABLE cataloged_3",
    "COMMENT ON TABLE cataloged IS 'said'",
    "GRANT SELECT ON cataloged TO PUBLIC",
    "CREATE TYPE cataloged_mood AS ENUM ('fine')",
    "CREATE INDEX ON cataloged (a)",
    "BEGIN; CREATE VIEW cataloged_view AS SELECT 1; COMMIT",
    "SELECT 1 AS a INTO cataloged_4",
    "ANALYZE cataloged",
]


@pytest.fixture
def caching(start_proxy: StartProxy) -> ProxyServer:
    return start_proxy(config={"caching": Caching()})


@pytest.fixture(autouse=True)
def _table(postgres: PostgresServer) -> Iterator[None]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA own_schema")
        connection.execute("CREATE TABLE cataloged (a int); CREATE TABLE cataloged_3 ()")
        yield
        connection.execute("DROP TABLE IF EXISTS cataloged, cataloged_2, cataloged_3, cataloged_4 CASCADE")
        connection.execute("DROP VIEW IF EXISTS cataloged_view; DROP TYPE IF EXISTS cataloged_mood")
        connection.execute("DROP SCHEMA own_schema CASCADE")


def stale_reads(proxy: ProxyServer) -> list[str]:
    return [notice for notice in proxy.notices if "stale read" in notice]


@pytest.mark.parametrize("change", CHANGES)
def test_a_cached_answer_from_the_catalogs_is_stale_after_ddl(caching: ProxyServer, change: str) -> None:
    with psycopg.connect(caching.dsn(), autocommit=True) as client:
        for sql in READS.values():
            client.execute(sql)
            client.execute(sql)
        assert not stale_reads(caching)
        client.execute(change)
        for number, sql in enumerate(READS.values(), 1):
            client.execute(sql)
            assert len(stale_reads(caching)) == number
    assert caching.proxy.pools[BINDING].caching.counts.stale_reads == len(READS)


def test_ddl_that_did_not_happen_makes_no_stale_read(caching: ProxyServer) -> None:
    with psycopg.connect(caching.dsn(), autocommit=True) as client:
        client.execute(READS["pg_catalog"])
        with client.transaction(force_rollback=True):
            client.execute("CREATE TABLE cataloged_2 ()")
        with pytest.raises(psycopg.errors.DuplicateTable):
            client.execute("CREATE TABLE cataloged ()")
        client.execute("INSERT INTO cataloged VALUES (1)")
        client.execute(READS["pg_catalog"])
    assert not stale_reads(caching)


def test_a_table_of_the_user_is_not_a_catalog(caching: ProxyServer) -> None:
    with psycopg.connect(caching.dsn(), autocommit=True) as client:
        client.execute("CREATE TABLE own_schema.pg_class (a int)")
        client.execute("SELECT * FROM own_schema.pg_class")
        client.execute("CREATE TABLE cataloged_2 ()")
        client.execute("SELECT * FROM own_schema.pg_class")
    assert not stale_reads(caching)


@pytest.mark.parametrize("prepare", [False, True])
def test_a_stale_read_of_the_catalogs_can_be_an_error(start_proxy: StartProxy, prepare: bool) -> None:
    proxy = start_proxy(config={"caching": Caching()}, fail_on_stale_read=True)
    with psycopg.connect(proxy.dsn(), autocommit=True) as client:
        client.execute(READS["information_schema"], prepare=prepare)
        client.execute("ALTER TABLE cataloged ADD COLUMN b int")
        with pytest.raises(psycopg.errors.SystemError, match="stale read: the catalogs were changed"):
            client.execute(READS["information_schema"], prepare=prepare)
