"""A database that refuses the usual reset, as one that is not quite PostgreSQL may: DISCARD ALL takes its place."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import ProxyServer, origin_of, pool_config

DATABASE = "refuses_resets"
ZONE = "SELECT current_setting('TimeZone')"


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[ProxyServer]:
    """A pool of one connection, whose first reset has been refused already."""
    postgres.execute(f"CREATE DATABASE {DATABASE}")
    postgres.execute("REVOKE EXECUTE ON FUNCTION pg_advisory_unlock_all() FROM PUBLIC", database=DATABASE)
    server = ProxyServer(pool_config(origin_of(postgres, database=DATABASE), connection_limit=1))
    try:
        with psycopg.connect(server.dsn(), autocommit=True) as one:
            one.execute("SET TimeZone = 'Asia/Tokyo'")
        with psycopg.connect(server.dsn(), autocommit=True) as two:
            assert two.execute(ZONE).fetchone() != ("Asia/Tokyo",)
        yield server
    finally:
        server.close()
        postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.mark.parametrize("prepares", [True, False])
def test_clients_use_the_connection_in_turn(proxy: ProxyServer, prepares: bool) -> None:
    with (
        psycopg.connect(proxy.dsn(), autocommit=True) as one,
        psycopg.connect(proxy.dsn(), autocommit=True) as two,
    ):
        usual = two.execute(ZONE).fetchone()
        for number in range(4):
            one.execute("SELECT set_config('TimeZone', 'Asia/Tokyo', false)")
            assert two.execute(ZONE, prepare=prepares).fetchone() == usual
            for client in (one, two):
                rows = client.execute("SELECT %s::int + 1", [number], prepare=prepares).fetchall()
                assert rows == [(number + 1,)]
