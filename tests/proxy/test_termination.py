"""A client that says goodbye gets what it asked for before, as from a server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, wait_until
from support.raw_client import SYNC, RawClient, bind, describe, execute, parse, query

from wrangler_py.pgwire.messages import TERMINATE

SLEEP = "SELECT 'done' FROM pg_sleep(0.2)"
ASKED = {
    "simple": query(SLEEP),
    "extended": parse("", SLEEP) + bind() + execute() + SYNC,
    "described": parse("s", SLEEP) + describe("S", "s") + SYNC + bind(statement="s") + execute() + SYNC,
    "in a transaction": query("BEGIN") + query(SLEEP),
}


def connect(proxy: ProxyServer, **options: Any) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, **options)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_what_was_asked_before_is_answered(proxy: ProxyServer, postgres: PostgresServer, asked: bytes) -> None:
    direct = RawClient(postgres.port, user=postgres.user, password=postgres.user_password)
    with direct, connect(proxy) as client:
        for each in (direct, client):
            each.send(asked + TERMINATE)
            while (answer := each.receive()).kind != "D":
                pass
            assert answer.values == [b"done"]
            assert [message.kind for message in each.until_ready()] == ["C", "Z"]
            assert each.at_end()


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_client_that_ends_its_side_gets_its_answers(
    proxy: ProxyServer, postgres: PostgresServer, asked: bytes
) -> None:
    direct = RawClient(postgres.port, user=postgres.user, password=postgres.user_password)
    with direct, connect(proxy) as client:
        for each in (direct, client):
            each.send(asked)
            each.socket.shutdown(socket.SHUT_WR)
            while (answer := each.receive()).kind != "D":
                pass
            assert answer.values == [b"done"]
            assert [message.kind for message in each.until_ready() if message.kind != "S"] == ["C", "Z"]
            assert each.at_end()


def test_a_client_that_ends_its_side_gets_a_connection_that_it_waits_for(
    start_proxy: Callable[..., ProxyServer],
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as holder, connect(proxy) as client:
        holder.ask(query("BEGIN"))
        client.send(query("SELECT 'last'"))
        client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: any(each.waiting for each in proxy.proxy.clients))
        holder.ask(query("COMMIT"))
        assert [answer.values for answer in client.until_ready() if answer.kind == "D"] == [[b"last"]]
        assert client.at_end()


@pytest.mark.parametrize("waits", [False, True], ids=["a query runs", "a query waits"])
@pytest.mark.parametrize("ends_first", [False, True])
def test_a_client_that_is_gone_is_noticed_before_its_query_has_ended(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, waits: bool, ends_first: bool
) -> None:
    proxy = start_proxy(config={"connection_limit": 1}, abandoned_grace_s=0.1)
    with connect(proxy) as holder:
        if waits:
            holder.ask(query("BEGIN"))
        client = connect(proxy)
        client.send(query("SELECT 'endless' FROM pg_sleep(1000)"))
        pool = proxy.proxy.pools[BINDING]
        wait_until(lambda: pool.waiting if waits else any(each.stream.queue for each in list(pool.connections)))
        if ends_first:
            client.socket.shutdown(socket.SHUT_WR)
        client.close()
        wait_until(lambda: len(proxy.proxy.clients) == 1)
        assert holder.rows("SELECT 1") == [[b"1"]]
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%''endless''%' AND pid <> "
    wait_until(lambda: postgres.execute(f"{sql}pg_backend_pid()") == [(0,)])


def test_queries_that_wait_for_a_connection_run(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as holder, connect(proxy) as client:
        holder.ask(query("BEGIN"))
        client.send(query("SELECT 'last'") + TERMINATE)
        wait_until(lambda: any(each.waiting for each in proxy.proxy.clients))
        holder.ask(query("COMMIT"))
        assert [answer.values for answer in client.until_ready() if answer.kind == "D"] == [[b"last"]]
        assert client.at_end()


def test_a_client_that_leaves_in_a_pipeline_is_let_go(proxy: ProxyServer) -> None:
    """The origin waits for a Sync that does not come."""
    with connect(proxy) as client:
        client.send(parse("", SLEEP) + bind() + execute() + TERMINATE)
        while not client.at_end():
            pass
    wait_until(lambda: not proxy.proxy.clients)
    with connect(proxy) as other:
        assert other.rows("SELECT 1") == [[b"1"]]
