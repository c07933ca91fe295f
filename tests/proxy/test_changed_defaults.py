"""What a client asked for at start-up holds, also if it was the default then and is none now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import RawClient

DATABASE = "changed_defaults"
SETTINGS = {
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "SQL, DMY",
    "search_path": "pg_catalog",
    "bytea_output": "escape",
}
"""With other values than the defaults."""


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[ProxyServer]:
    postgres.execute(f"CREATE DATABASE {DATABASE}")
    server = ProxyServer(pool_config(origin_of(postgres, database=DATABASE), connection_limit=1))
    yield server
    server.close()
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def connect(proxy: ProxyServer, **settings: str) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE, settings=settings)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_that_was_asked_for_stays(proxy: ProxyServer, postgres: PostgresServer, name: str) -> None:
    with connect(proxy) as client:
        [(value,)] = client.rows(f"SHOW {name}")
    assert value is not None
    asked = {name: value.decode()}
    with connect(proxy, **asked) as early:
        assert early.rows(f"SHOW {name}") == [[value]]
        postgres.execute(f"ALTER DATABASE {DATABASE} SET {name} = '{SETTINGS[name]}'")
        proxy.call(proxy.proxy.pools[BINDING].drain)  # as idle connections are closed by and by
        with connect(proxy) as other, connect(proxy, **asked) as late:
            assert other.rows(f"SHOW {name}") == [[SETTINGS[name].encode()]]
            assert early.rows(f"SHOW {name}") == late.rows(f"SHOW {name}") == [[value]]
