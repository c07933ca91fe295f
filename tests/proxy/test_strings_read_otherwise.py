"""Where a string ends depends on the session: the proxy must not take for a string what the server runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import Message, RawClient

from wrangler_py.hyperdrive.config import Caching
from wrangler_py.pgwire import messages

ESCAPES = {"standard_conforming_strings": "off"}
STRINGS: dict[str, tuple[dict[str, str], bytes]] = {
    "escapes": (ESCAPES, b"SELECT 'a\\'' "),
    "Shift JIS": ({"client_encoding": "SJIS"}, "SELECT E'表' ".encode("shift_jis")),
    "GBK": ({"client_encoding": "GBK"}, b"SELECT E'\x95\x5c' "),
    "Big5": ({"client_encoding": "BIG5"}, "SELECT E'功' ".encode("big5")),
}
"""By the settings of the client: a query whose string goes on to the next quote for who reads it as usual."""


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    name = f"strings_{uuid.uuid4().hex[:8]}"
    postgres.execute(f"CREATE DATABASE {name} OWNER app")
    yield name
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=[False, True], ids=["uncached", "cached"])
def proxy(request: pytest.FixtureRequest, postgres: PostgresServer, database: str) -> Iterator[ProxyServer]:
    caching = Caching(disabled=not request.param)
    origin = origin_of(postgres, database=database)
    server = ProxyServer(pool_config(origin, connection_limit=1, caching=caching))
    yield server
    server.close()


def connect(proxy: ProxyServer, settings: dict[str, str] | None = None) -> RawClient:
    """Behind the time when nothing is trusted, because what the database runs by itself isn't known yet."""
    database = proxy.config.origin.database
    client = RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=database, settings=settings)
    client.rows("SELECT now()")
    pool = proxy.proxy.pools[BINDING]
    wait_until(lambda: pool.stored_code.is_harmless)
    return client


def ask(client: RawClient, sql: bytes) -> list[Message]:
    return client.ask(messages.message(ord("Q"), sql + b"\0"))


@pytest.mark.parametrize("kind", STRINGS)
def test_what_is_run_behind_such_a_string_leaves_nothing(
    kind: str, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    settings, select = STRINGS[kind]
    with connect(proxy, settings) as client, connect(proxy, settings) as other:
        ask(client, select + b", pg_advisory_lock(7) --'")
        with psycopg.connect(postgres.dsn(database=proxy.config.origin.database)) as direct:
            wait_until(lambda: direct.execute("SELECT pg_try_advisory_lock(7)").fetchone() == (True,))
        ask(client, select + b"; PREPARE own AS SELECT 1 --'")
        assert other.rows("SELECT name FROM pg_prepared_statements WHERE from_sql") == []


@pytest.mark.parametrize("kind", STRINGS)
def test_what_is_run_behind_such_a_string_is_run_each_time(kind: str, proxy: ProxyServer) -> None:
    settings, select = STRINGS[kind]
    with connect(proxy, settings) as client:
        heard = [[answer.kind for answer in ask(client, select + b"INTO made --'")] for _ in range(2)]
        assert ["C" in kinds for kinds in heard] == [True, False]
        assert ["E" in kinds for kinds in heard] == [False, True]


@pytest.mark.parametrize("change", ["SET LOCAL {} = {}", "SET {} = {}", "SELECT set_config('{}', '{}', true)"])
@pytest.mark.parametrize("kind", STRINGS)
def test_what_is_run_behind_such_a_string_in_a_transaction_leaves_nothing(
    kind: str, change: str, proxy: ProxyServer
) -> None:
    settings, select = STRINGS[kind]
    with connect(proxy) as client, connect(proxy) as other:
        client.rows("BEGIN")
        for setting in settings.items():
            client.rows(change.format(*setting))
        ask(client, select + b"; PREPARE own AS SELECT 1 --'")
        client.rows("COMMIT")
        assert other.rows("SELECT name FROM pg_prepared_statements WHERE from_sql") == []


def test_the_database_may_have_other_strings(postgres: PostgresServer, database: str) -> None:
    postgres.execute(f"ALTER DATABASE {database} SET standard_conforming_strings = off")
    server = ProxyServer(pool_config(origin_of(postgres, database=database), connection_limit=1))
    with connect(server) as client, connect(server) as other:
        ask(client, STRINGS["escapes"][1] + b"; PREPARE own AS SELECT 1 --'")
        assert other.rows("SELECT name FROM pg_prepared_statements WHERE from_sql") == []
    server.close()
