"""The proxy fills the query log with what real drivers run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, ProxyServer

from wrangler_py.hyperdrive.config import Caching
from wrangler_py.querylog.findings import find
from wrangler_py.querylog.record import QueryRecord

StartProxy = Callable[..., ProxyServer]


def records(server: ProxyServer) -> list[QueryRecord]:
    return server.call(server.proxy.query_log.records)


def test_each_query_is_recorded_with_status_rows_and_bytes(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"caching": Caching()})
    with psycopg.connect(server.dsn("1-1"), autocommit=True) as client:
        client.execute("SELECT x FROM generate_series(1, 7) AS x WHERE x > %s", [2]).fetchall()
        client.execute("SELECT random()").fetchall()
    first, second = records(server)
    assert (first.number, first.binding, first.request_id) == (1, BINDING, "1-1")
    assert first.sql == "SELECT x FROM generate_series(1, 7) AS x WHERE x > $1"
    assert first.parameters == ("2",)
    assert (first.status, first.rows, first.error) == ("miss", 5, None)
    assert first.result_bytes > 5 * 7
    assert first.query_bytes == len(first.sql)
    assert first.origin_connection == 1
    assert first.origin_ms > 0
    assert first.duration_ms >= first.origin_ms
    assert abs(first.started_at - time.time()) < 60
    assert (second.status, second.rows, second.parameters) == ("volatile", 1, ())
    assert first.client == second.client


def test_a_hit_is_recorded_without_an_origin_connection(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"caching": Caching()})
    with psycopg.connect(server.dsn(), autocommit=True) as client:
        for _ in range(3):
            client.execute("SELECT x FROM generate_series(1, 4) AS x WHERE x < %s", [4]).fetchall()
    found = records(server)
    assert [record.status for record in found] == ["miss", "hit", "hit"]
    assert [record.rows for record in found] == [3, 3, 3]
    assert [record.parameters for record in found] == [("4",)] * 3
    assert [record.origin_connection for record in found] == [1, None, None]
    assert found[1].duration_ms == 0


async def test_binary_parameters_are_shown_as_text(start_proxy: StartProxy) -> None:
    server = start_proxy()
    client = await asyncpg.connect(server.dsn().replace("?sslmode=disable", ""), ssl=False)
    try:
        await client.fetch(
            "SELECT $1::int, $2::text, $3::bool, $4::numeric, $5::bytea", 42, "é", True, None, b"\1\2"
        )
    finally:
        await client.close()
    record = next(each for each in records(server) if "$5" in each.sql)
    assert record.parameters == ("42", "é", "t", None, "\\x0102")


def test_errors_and_refusals_are_recorded_with_their_sqlstate(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"caching": Caching()})
    with psycopg.connect(server.dsn(), autocommit=True) as client:
        with pytest.raises(psycopg.errors.DivisionByZero):
            client.execute("SELECT 1 / 0")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            client.execute("LISTEN news")
    failed, refused = records(server)
    assert failed.error == "division by zero (22012)"
    assert failed.status == "miss"
    assert (refused.status, refused.origin_connection) == ("refused", None)
    assert refused.error == "Hyperdrive does not support LISTEN (0A000)"


def test_queries_of_a_pipeline_have_their_own_rows_and_the_failed_one_its_error(start_proxy: StartProxy) -> None:
    server = start_proxy()

    def ask(client: psycopg.Connection[Any]) -> None:
        with client.pipeline():
            client.execute("SELECT FROM generate_series(1, 3)")
            client.execute("SELECT FROM generate_series(1, 5)")
            client.execute("SELECT 1 / 0")
            client.execute("SELECT 'is skipped'")

    with psycopg.connect(server.dsn(), autocommit=True) as client, pytest.raises(psycopg.errors.DivisionByZero):
        ask(client)
    found = records(server)
    assert [record.rows for record in found] == [3, 5, 0, 0]
    assert [record.error for record in found] == [None, None, *["division by zero (22012)"] * 2]


def test_a_batch_in_one_round_trip_is_not_taken_for_repeated_statements(start_proxy: StartProxy) -> None:
    server = start_proxy()
    with psycopg.connect(server.dsn("1-1"), autocommit=True) as client, client.pipeline():
        for number in range(30):
            client.execute("SELECT %s::int", [number])
    with psycopg.connect(server.dsn("1-2"), autocommit=True) as client:
        for number in range(30):
            client.execute("SELECT %s::int", [number])
    found = find(server.proxy.query_log)
    assert [(each.kind, each.request_id) for each in found if each.kind == "repeated-statement"] == [
        ("repeated-statement", "1-2")
    ]


def test_queries_of_a_transaction_are_marked(start_proxy: StartProxy) -> None:
    server = start_proxy()
    with psycopg.connect(server.dsn()) as client:
        client.execute("SELECT 1").fetchall()
    assert [(each.sql, each.in_transaction) for each in records(server)] == [
        ("BEGIN", True),
        ("SELECT 1", True),
        ("COMMIT", True),
    ]


def test_the_time_waited_for_a_connection_is_apart_from_that_of_the_origin(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 1})
    with psycopg.connect(server.dsn()) as holder, psycopg.connect(server.dsn(), autocommit=True) as other:
        holder.execute("SELECT 1")
        waiting = threading.Thread(target=lambda: other.execute("SELECT 'waits'"))
        waiting.start()
        while not server.call(lambda: server.proxy.pools[BINDING].waiting):
            time.sleep(0.001)
        started = time.monotonic()
        holder.execute("SELECT pg_sleep(0.05)")
        holder.commit()
        waited = time.monotonic() - started
        waiting.join()
    record = next(each for each in records(server) if "waits" in each.sql)
    assert record.waited_ms >= 50
    assert record.waited_ms + record.origin_ms >= 50
    assert waited * 1000 >= 50


def test_requests_have_their_label_and_their_queries(start_proxy: StartProxy) -> None:
    server = start_proxy()
    server.call(lambda: server.proxy.name_request("1-1", "GET /articles"))
    with psycopg.connect(server.dsn("1-1"), autocommit=True) as client:
        client.execute("SELECT 1")
    server.call(lambda: server.proxy.end_request("1-1"))
    (request,) = server.call(server.proxy.query_log.requests)
    assert (request.id, request.label) == ("1-1", "GET /articles")
    assert [record.sql for record in request.records] == ["SELECT 1"]
    assert request.ended_at is not None
    assert request.started_at <= request.records[0].started_at <= request.ended_at


def test_a_snapshot_shows_what_each_connection_does(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 5})
    server.call(lambda: server.proxy.name_request("1-1", "GET /articles"))
    with psycopg.connect(server.dsn("1-1")) as client:
        client.execute("SELECT 1")
        (pool,) = server.call(server.proxy.snapshot)
        (connection,) = pool.connections
        assert (pool.binding, pool.size_maximum, pool.waiting_clients, pool.clients) == (BINDING, 5, 0, 1)
        assert (connection.state, connection.request_id, connection.request) == (
            "in a transaction",
            "1-1",
            "GET /articles",
        )
        assert connection.number == 1
        assert connection.process_id > 0


def test_restart_closes_every_connection_and_later_queries_get_new_ones(
    start_proxy: StartProxy, postgres: PostgresServer
) -> None:
    server = start_proxy(config={"connection_limit": 2})
    ask = "SELECT pg_backend_pid(), random()"
    with (
        psycopg.connect(server.dsn(), autocommit=True) as client,
        psycopg.connect(server.dsn()) as in_transaction,
    ):
        [before, _] = client.execute(ask).fetchone() or ()
        [held, _] = in_transaction.execute(ask).fetchone() or ()
        server.call(lambda: server.proxy.restart(BINDING))
        [after, _] = client.execute(ask).fetchone() or ()
        assert after not in (before, held)
        with pytest.raises(psycopg.OperationalError, match="Server connection lost"):
            in_transaction.execute("SELECT pg_sleep(20)")
    with postgres.connect(user=postgres.superuser, autocommit=True) as observer:
        deadline = time.monotonic() + 15
        while observer.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [held]).rowcount:
            assert time.monotonic() < deadline, "the origin goes on with the query"
