"""A read-only standby as the origin, which refuses some of what a reset does elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.postgres_server import Certificates, PostgresServer, running
from support.proxy_server import ProxyServer, origin_of, pool_config


@pytest.fixture(scope="module")
def standby(postgres_template: Path, certificates: Certificates) -> Iterator[PostgresServer]:
    with running(postgres_template, certificates, standby=True) as server:
        yield server


@pytest.fixture
def proxy(standby: PostgresServer) -> Iterator[ProxyServer]:
    """A pool of one connection, which the clients use in turn."""
    server = ProxyServer(pool_config(origin_of(standby), connection_limit=1))
    yield server
    server.close()


def connect(proxy: ProxyServer) -> psycopg.Connection[Any]:
    return psycopg.connect(proxy.dsn(), autocommit=True)


@pytest.mark.parametrize("prepares", [True, False])
def test_clients_use_their_statements_in_turn(proxy: ProxyServer, prepares: bool) -> None:
    with connect(proxy) as one, connect(proxy) as two:
        for number in range(4):
            for client in (one, two):
                rows = client.execute("SELECT %s::int + 1", [number], prepare=prepares).fetchall()
                assert rows == [(number + 1,)]


def test_a_client_has_none_of_the_last_clients_settings(proxy: ProxyServer) -> None:
    ask = "SELECT current_setting('TimeZone')"
    with connect(proxy) as one, connect(proxy) as two:
        usual = two.execute(ask).fetchone()
        for _ in range(2):
            one.execute("SELECT set_config('TimeZone', 'Asia/Tokyo', false)")
            assert two.execute(ask).fetchone() == usual
            one.execute("DO $$ BEGIN SET TimeZone = 'Asia/Tokyo'; END $$")
            assert two.execute(ask, prepare=True).fetchone() == usual


def test_a_client_does_not_know_the_random_numbers_to_come(proxy: ProxyServer) -> None:
    with connect(proxy) as one, connect(proxy) as two:
        numbers = set()
        for _ in range(3):
            one.execute("SELECT setseed(0.5)")
            numbers.add(two.execute("SELECT random()").fetchone())
        assert len(numbers) == 3


def test_statements_stay_prepared(proxy: ProxyServer) -> None:
    prepared = "SELECT array_agg(prepare_time) FROM pg_prepared_statements WHERE statement LIKE '%int + 1'"
    with connect(proxy) as one, connect(proxy) as two:
        times = set()
        for number in range(3):
            for client in (one, two):
                client.execute("SELECT %s::int + 1", [number], prepare=True)
                times.add(str(client.execute(prepared.encode()).fetchone()))
        assert len(times) == 1


def test_what_writes_fails_as_it_does_there(proxy: ProxyServer) -> None:
    with connect(proxy) as client:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            client.execute("CREATE TABLE t (a int)")
        assert client.execute("SELECT 1").fetchone() == (1,)
