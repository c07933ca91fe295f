"""The defaults of the origin change while clients are connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import SYNC, RawClient, bind, execute, parse

from wrangler_py.hyperdrive.config import Caching

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
def test_what_a_client_asked_for_stays(proxy: ProxyServer, postgres: PostgresServer, name: str) -> None:
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


def test_nothing_of_the_old_defaults_is_shared(postgres_factory: Callable[..., PostgresServer]) -> None:
    """Neither answers that were stored, nor statements whose constants were read."""
    server = postgres_factory()
    server.execute("CREATE TABLE days AS SELECT date '2026-12-31' AS day; GRANT SELECT ON days TO PUBLIC")
    constant = parse("s", "SELECT extract(epoch FROM timestamptz '2026-01-01 00:00')::int") + SYNC
    run = bind(statement="s") + execute() + SYNC
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=1, caching=Caching()))
    try:
        with connect_to(proxy) as client:
            assert client.rows("SELECT day FROM days") == [[b"2026-12-31"]]
            client.ask(constant)
            [early] = [answer.values for answer in client.ask(run) if answer.kind == "D"]
            server.execute("ALTER SYSTEM SET DateStyle = 'German'")
            server.execute("ALTER SYSTEM SET TimeZone = 'Asia/Tokyo'")
            server.reload()
            wait_until(lambda: "TimeZone" in _told_anew(client))
            with connect_to(proxy) as other:
                assert other.parameters["DateStyle"] == "German, DMY"
                assert other.rows("SELECT day FROM days") == [[b"31.12.2026"]]
                other.ask(constant)
                [late] = [answer.values for answer in other.ask(run) if answer.kind == "D"]
                assert early == [b"1767225600"]
                assert late == [b"1767193200"]
    finally:
        proxy.close()


def connect_to(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD)


def _told_anew(client: RawClient) -> dict[str, str]:
    """The settings of which the client has been told that they are the new ones."""
    client.rows("SELECT clock_timestamp()")
    return {name: value for name, value in client.parameters.items() if value in ("Asia/Tokyo", "German, DMY")}
