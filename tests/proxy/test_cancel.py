"""Cancel requests reach the query they are meant for, and no other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, wait_until
from support.raw_client import SYNC, RawClient, bind, copy_data, execute, parse, query

from wrangler_py.pgwire import messages

SLEEP = "SELECT pg_sleep(600)"


def connect(proxy: ProxyServer, **options: Any) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, **options)


def sleepers(postgres: PostgresServer) -> int:
    rows = postgres.execute(f"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%{SLEEP}' AND state = 'active'")
    return len(rows)


@pytest.mark.parametrize("minor", [0, 2])
@pytest.mark.parametrize("extended", [False, True])
def test_the_query_under_way_is_cancelled(
    proxy: ProxyServer, postgres: PostgresServer, minor: int, extended: bool
) -> None:
    with connect(proxy, minor=minor) as client, connect(proxy) as neighbour:
        client.send(parse("", SLEEP) + bind() + execute() + SYNC if extended else query(SLEEP))
        wait_until(lambda: sleepers(postgres) == 1)
        client.cancel()
        assert [a.sqlstate for a in client.until_ready() if a.kind == "E"] == ["57014"]
        assert client.rows("SELECT 1") == neighbour.rows("SELECT 1") == [[b"1"]]


def test_a_flushed_query_without_a_sync_is_cancelled(proxy: ProxyServer, postgres: PostgresServer) -> None:
    with connect(proxy) as client:
        client.send(parse("", SLEEP) + bind() + execute() + messages.FLUSH)
        wait_until(lambda: sleepers(postgres) == 1)
        client.cancel()
        assert client.until("E")[-1].sqlstate == "57014"
        client.ask(SYNC)
        assert client.rows("SELECT 1") == [[b"1"]]


def test_a_wrong_key_cancels_nothing(proxy: ProxyServer, postgres: PostgresServer) -> None:
    with connect(proxy, minor=2) as client:
        client.send(query("SELECT pg_sleep(0.2)"))
        for process_id, secret in [
            (client.process_id, bytes(32)),
            (client.process_id, client.secret[:4]),
            (client.process_id + 1, client.secret),
            (0, b"\0\0\0\0"),
        ]:
            with socket.create_connection(client.address) as messenger:
                messenger.sendall(messages.cancel_request(process_id, secret))
                assert not messenger.recv(1)
        assert [a.kind for a in client.until_ready()] == ["T", "D", "C", "Z"]


def test_an_idle_client_cancels_nothing(proxy: ProxyServer) -> None:
    with connect(proxy) as client, connect(proxy) as neighbour:
        client.rows("SELECT 1")
        for _ in range(20):
            neighbour.send(query("SELECT pg_sleep(0.01)"))
            client.cancel()
            assert [a.kind for a in neighbour.until_ready()] == ["T", "D", "C", "Z"]


def test_a_race_with_the_end_affects_no_other_client(start_proxy: Callable[..., ProxyServer]) -> None:
    """One connection for all: whatever a cancel hits late would be somebody else's query."""
    proxy = start_proxy(config={"connection_limit": 1})
    errors: list[str] = []
    done = threading.Event()

    def bystander() -> None:
        with connect(proxy) as client:
            while not done.is_set():
                errors.extend(a.sqlstate for a in client.ask(query("SELECT pg_sleep(0.001)")) if a.kind == "E")

    threads = [threading.Thread(target=bystander) for _ in range(3)]
    for thread in threads:
        thread.start()
    with connect(proxy) as client:
        for _ in range(100):
            client.send(query("SELECT pg_sleep(0.001)"))
            canceller = threading.Thread(target=client.cancel)
            canceller.start()
            client.until_ready()
            canceller.join()
    done.set()
    for thread in threads:
        thread.join()
    assert not errors


def test_a_query_that_waits_for_a_connection_is_cancelled(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as holder, connect(proxy) as client:
        holder.ask(query("BEGIN"))
        client.send(query("SELECT 'first'") + query("SELECT 'second'"))
        wait_until(lambda: any(waiting.waiting for waiting in proxy.proxy.clients))
        client.cancel()
        assert client.until_ready()[0].sqlstate == "57014"
        holder.ask(query("COMMIT"))
        assert [a.values for a in client.until_ready() if a.kind == "D"] == [[b"second"]]
        assert client.rows("SELECT 1") == holder.rows("SELECT 1") == [[b"1"]]


def test_a_long_query_that_waits_for_a_connection_is_cancelled(start_proxy: Callable[..., ProxyServer]) -> None:
    """It was too long to be read on while it waited; what comes behind it is read."""
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as holder, connect(proxy) as client:
        holder.ask(query("BEGIN"))
        sender = threading.Thread(target=client.send, args=(query(f"SELECT '{'x' * 5_000_000}'"),))
        sender.start()
        wait_until(lambda: any(waiting.waiting for waiting in proxy.proxy.clients))
        client.cancel()
        assert client.until_ready()[0].sqlstate == "57014"
        holder.ask(query("COMMIT"))
        sender.join()
        assert client.rows("SELECT 1") == holder.rows("SELECT 1") == [[b"1"]]


def test_a_cancelled_copy(proxy: ProxyServer) -> None:
    with connect(proxy) as client:
        client.ask(query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"))
        client.ask_until(query("COPY c FROM STDIN"), "G")
        client.cancel()
        client.send(copy_data(b"1\n"))  # a server looks only when there is data again
        assert client.until("E")[-1].sqlstate == "57014"
        client.until_ready()
        client.ask(query("ROLLBACK"))
        assert client.rows("SELECT 1") == [[b"1"]]
