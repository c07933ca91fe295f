"""Latency and faults, through real drivers; what the options say."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from support.proxy_server import BINDING, ProxyServer

from wrangler_py.errors import WranglerError
from wrangler_py.event_loop import new_event_loop_factory
from wrangler_py.hyperdrive.config import Caching
from wrangler_py.proxy.conditions import Conditions, FaultKind, Latency, parse_fault, parse_latency
from wrangler_py.proxy.origin.distance import DistantTransport

StartProxy = Callable[..., ProxyServer]


def connect(server: ProxyServer, request: str | None = None, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    return psycopg.connect(server.dsn(request), autocommit=autocommit)


# --- what the options say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "latency"),
    [
        ("25ms", Latency(25, 25)),
        ("0.5s", Latency(500, 500)),
        ("20-40ms", Latency(20, 40)),
        ("20ms - 40 ms", Latency(20, 40)),
        ("500ms-1s", Latency(500, 1000)),
        ("HYPERDRIVE=1.5ms", Latency(1.5, 1.5, "HYPERDRIVE")),
        ("0", Latency(0, 0)),
    ],
)
def test_a_latency_is_read(text: str, latency: Latency) -> None:
    assert parse_latency(text) == latency
    assert parse_latency(str(latency)) == latency


@pytest.mark.parametrize("text", ["", "25", "fast", "40-20ms", "-5ms", "61s", "=5ms", "5ms=HYPERDRIVE"])
def test_a_malformed_latency_is_refused(text: str) -> None:
    with pytest.raises(WranglerError, match=r"^Latency"):
        parse_latency(text)


@pytest.mark.parametrize(
    "text",
    ["pool-exhausted", "connection-refused:5%", "connection-lost:/articles/", "restart:0.5%:/a:b/i"],
)
def test_a_fault_is_read(text: str) -> None:
    assert str(parse_fault(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "flood", "restart:0%", "restart:101%", "restart:5", "restart:/(/", "restart:x", "restart:5%:x"],
)
def test_a_malformed_fault_is_refused(text: str) -> None:
    with pytest.raises(WranglerError, match=r"^(Fault|There is no fault)"):
        parse_fault(text)


def test_faults_are_drawn_at_their_rate_and_again_with_the_same_seed() -> None:
    fault = parse_fault("restart:10%")
    draws = [
        [Conditions(faults=[fault], seed=seed).draw("SELECT 1", FaultKind) for _ in range(1)]
        for seed in range(2000)
    ]
    assert 100 < sum(draw == [FaultKind.RESTART] for draw in draws) < 320
    one, other = Conditions(faults=[fault], seed=7), Conditions(faults=[fault], seed=7)
    assert [one.draw("", FaultKind) for _ in range(500)] == [other.draw("", FaultKind) for _ in range(500)]


def test_a_pattern_decides_whom_a_fault_meets() -> None:
    conditions = Conditions(faults=[parse_fault("connection-lost:/articles/")])
    assert conditions.draw("SELECT * FROM articles", FaultKind) is FaultKind.CONNECTION_LOST
    assert conditions.draw("SELECT * FROM Articles", FaultKind) is None


# --- latency ----------------------------------------------------------------------------------------------------


def test_each_wait_for_the_origin_takes_a_round_trip_longer(start_proxy: StartProxy) -> None:
    server = start_proxy(latencies=(Latency(60, 60),))
    with connect(server) as client:
        client.execute("SELECT 1")
        started = time.monotonic()
        client.execute("SELECT 2")
        assert time.monotonic() - started >= 0.06
    record = server.call(server.proxy.query_log.records)[-1]
    assert record.origin_ms >= 60


def test_nothing_arrives_early() -> None:
    """The event loop's clock counts whole milliseconds, and its timers may be early by one."""

    class Arrivals(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.first: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def is_closing(self) -> bool:
            return False

        def write(self, data: object) -> None:
            self.first.set_result(time.monotonic())

    class Writer:
        def pause_writing(self) -> None: ...
        def resume_writing(self) -> None: ...

    async def shortest() -> float:
        shortest = math.inf
        for _ in range(200):
            arrivals = Arrivals()
            transport = DistantTransport(asyncio.get_running_loop(), arrivals, Writer(), lambda: 0.0015)
            written = time.monotonic()
            transport.write(b"query")
            while not arrivals.first.done():  # noqa: ASYNC110  # in a busy loop, timers are prompt
                await asyncio.sleep(0)
            shortest = min(shortest, arrivals.first.result() - written)
        return shortest

    with asyncio.Runner(loop_factory=new_event_loop_factory()) as runner:
        assert runner.run(shortest()) >= 0.0015


def test_a_new_connection_takes_seven_round_trips_longer(start_proxy: StartProxy) -> None:
    server = start_proxy(latencies=(Latency(40, 40),))
    started = time.monotonic()
    with connect(server) as client:
        client.execute("SELECT 1")
    assert time.monotonic() - started >= 8 * 0.04


def test_a_cache_hit_takes_no_round_trip(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"caching": Caching()})
    with connect(server) as client:
        client.execute("SELECT 'cached'").fetchone()
        server.call(lambda: server.proxy.conditions.change(latencies=[Latency(20_000, 20_000)]))
        client.execute("SELECT 'cached'").fetchone()
    miss, hit = server.call(server.proxy.query_log.records)
    assert (miss.status, hit.status) == ("miss", "hit")
    assert hit.duration_ms == 0


def test_pipelined_queries_are_delayed_once(start_proxy: StartProxy) -> None:
    server = start_proxy()
    with connect(server, "1-1") as client:
        client.execute("SELECT 1")
        server.call(lambda: server.proxy.conditions.change(latencies=[Latency(200, 200)]))
        started = time.monotonic()
        with client.pipeline():
            cursors = [client.execute("SELECT %s", [number]) for number in range(30)]
        took = time.monotonic() - started
        assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(30)]
    cost_ms = server.call(lambda: server.proxy.end_request("1-1")).distance_ms
    assert took >= 0.2
    assert 200 <= round(cost_ms, 6) < 30 * 200  # a sum of floats


def test_answers_keep_their_order_under_jitter(start_proxy: StartProxy) -> None:
    server = start_proxy(latencies=(Latency(1, 15),), seed=3)
    with connect(server) as client, client.pipeline():
        cursors = [client.execute("SELECT %s", [number]) for number in range(200)]
        assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(200)]


def test_a_binding_of_its_own_has_a_latency_of_its_own() -> None:
    conditions = Conditions([Latency(25, 25), Latency(0, 0, "NEAR"), Latency(80, 80, "FAR")])
    assert conditions.round_trip_s("ANY") == 0.025
    assert conditions.round_trip_s("NEAR") == 0
    assert conditions.round_trip_s("FAR") == 0.08


def test_a_lot_of_data_goes_through_a_distant_connection(start_proxy: StartProxy, postgres: Any) -> None:
    server = start_proxy(latencies=(Latency(5, 5),))
    with connect(server, autocommit=False) as client:
        client.execute("CREATE TEMP TABLE copied (text text) ON COMMIT DROP")
        with client.cursor().copy("COPY copied FROM STDIN") as copy:
            for _ in range(200):
                copy.write("x" * 50_000 + "\n")
        assert client.execute("SELECT count(*), sum(length(text)) FROM copied").fetchone() == (200, 10_000_000)


def test_a_cancel_does_not_overtake_its_query(start_proxy: StartProxy) -> None:
    server = start_proxy(latencies=(Latency(150, 150),))
    with connect(server) as client:
        client.execute("SELECT 1")
        failures: list[type[BaseException]] = []

        def ask() -> None:
            try:
                client.execute("SELECT pg_sleep(50)")
            except psycopg.Error as error:
                failures.append(type(error))

        asking = threading.Thread(target=ask)
        asking.start()
        while not any(each.state == "in a query" for each in server.call(server.proxy.snapshot)[0].connections):
            time.sleep(0.001)
        client.cancel_safe()
        asking.join(40)
    assert failures == [psycopg.errors.QueryCanceled]


def test_a_request_learns_what_the_distance_has_cost(start_proxy: StartProxy) -> None:
    server = start_proxy(latencies=(Latency(20, 20),))
    with connect(server, "1-1") as client:
        client.execute("SELECT 1")
        client.execute("SELECT 2")
    counts = server.call(lambda: server.proxy.end_request("1-1"))
    assert counts.distance_ms > 8 * 20  # seven for the connection, which opens while the client logs in


def test_a_request_that_finds_a_connection_does_not_pay_for_its_opening(start_proxy: StartProxy) -> None:
    server = start_proxy(latencies=(Latency(20, 20),))
    with connect(server, "1-1") as client:
        client.execute("SELECT 1")
    with connect(server, "1-2") as client:
        client.execute("SELECT 1")
    counts = server.call(lambda: server.proxy.end_request("1-2"))
    assert 19 < counts.distance_ms < 2 * 20


# --- faults -----------------------------------------------------------------------------------------------------


def faulty(start_proxy: StartProxy, fault: str, **config: Any) -> ProxyServer:
    return start_proxy(config=config, faults=(parse_fault(fault),))


def test_pool_exhausted(start_proxy: StartProxy) -> None:
    server = faulty(start_proxy, "pool-exhausted:/meets/")
    with connect(server) as client:
        with pytest.raises(psycopg.Error, match="Failed to acquire a connection from the pool") as failure:
            client.execute("SELECT 'meets it'")
        assert failure.value.sqlstate == "58000"
        assert client.execute("SELECT 'goes on'").fetchone() == ("goes on",)
    failed = server.call(server.proxy.query_log.records)[0]
    assert failed.error == "Failed to acquire a connection from the pool. (58000)"
    assert failed.origin_connection is None


def test_connection_refused(start_proxy: StartProxy) -> None:
    server = faulty(start_proxy, "connection-refused:/meets/")
    with connect(server) as client:
        with pytest.raises(psycopg.Error, match="Server connection attempt failed: connection_refused") as failure:
            client.execute("SELECT %s || 'meets it'", ["parameter"])
        assert failure.value.sqlstate == "58000"
        assert client.execute("SELECT 'goes on'").fetchone() == ("goes on",)


def test_a_query_whose_client_has_a_connection_needs_none(start_proxy: StartProxy) -> None:
    server = faulty(start_proxy, "pool-exhausted:/meets/")
    with connect(server, autocommit=False) as client:
        client.execute("SELECT 'begins'")
        assert client.execute("SELECT 'meets it'").fetchone() == ("meets it",)


@pytest.mark.parametrize("in_transaction", [False, True])
def test_connection_lost(start_proxy: StartProxy, in_transaction: bool) -> None:
    server = faulty(start_proxy, "connection-lost:/meets/")
    with connect(server, autocommit=not in_transaction) as client:
        client.execute("SELECT 'begins'")
        with pytest.raises(psycopg.OperationalError, match="Server connection lost"):
            client.execute("SELECT 'meets it'")
        assert client.broken
    with connect(server) as client:
        assert client.execute("SELECT 'goes on'").fetchone() == ("goes on",)


@pytest.mark.parametrize("in_transaction", [False, True])
@pytest.mark.parametrize("parameters", [None, ["x"]])
def test_statement_timeout(start_proxy: StartProxy, in_transaction: bool, parameters: list[str] | None) -> None:
    server = faulty(start_proxy, "statement-timeout:/meets/")
    query = "SELECT 'meets it'" + (" || %s" if parameters else "")
    with connect(server, autocommit=not in_transaction) as client:
        client.execute("SELECT 'begins'")
        with pytest.raises(psycopg.errors.QueryCanceled, match="longer than Hyperdrive's limit of 60 s"):
            client.execute(query, parameters)
        if in_transaction:
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                client.execute("SELECT 'is skipped'")
            client.rollback()
        assert client.execute("SELECT 'goes on'").fetchone() == ("goes on",)


def test_restart_as_a_fault(start_proxy: StartProxy) -> None:
    server = faulty(start_proxy, "restart:/meets/")
    with connect(server) as client, connect(server) as other:
        (before,) = other.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        with pytest.raises(psycopg.OperationalError, match="Server connection lost"):
            client.execute("SELECT 'meets it'")
        (after,) = other.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        assert before != after


def test_a_fault_in_a_pipeline_fails_what_follows_up_to_the_sync(start_proxy: StartProxy) -> None:
    server = faulty(start_proxy, "statement-timeout:/meets/")
    with connect(server) as client:
        client.execute("SELECT 'begins'")

        def ask() -> None:
            with client.pipeline():
                client.execute("SELECT 'before'")
                client.execute("SELECT 'meets it'")
                client.execute("SELECT 'behind'")

        with pytest.raises(psycopg.errors.QueryCanceled):
            ask()
        assert client.execute("SELECT 'goes on'").fetchone() == ("goes on",)


def test_cache_hits_meet_no_fault(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"caching": Caching()})
    with connect(server) as client:
        client.execute("SELECT 'cached'").fetchone()
        server.call(lambda: server.proxy.conditions.change(faults=[parse_fault("connection-refused")]))
        assert client.execute("SELECT 'cached'").fetchone() == ("cached",)
        with pytest.raises(psycopg.Error, match="connection_refused"):
            client.execute("SELECT 'not cached'").fetchone()
        server.call(lambda: server.proxy.conditions.change(faults=[]))
        assert client.execute("SELECT 'not cached'").fetchone() == ("not cached",)


def test_waiting_for_the_same_query_ends(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"caching": Caching()}, faults=(parse_fault("pool-exhausted:50%"),), seed=1)
    outcomes: list[str] = []

    def ask(number: int) -> None:
        with connect(server) as client:
            for each in range(20):
                try:
                    client.execute(f"SELECT 'query {each}'").fetchone()
                    outcomes.append("answered")
                except psycopg.Error as error:
                    outcomes.append(error.sqlstate or "lost")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 120
    assert {"answered", "58000"} == set(outcomes)


# --- deadlocks --------------------------------------------------------------------------------------------------


def test_a_request_that_waits_for_a_connection_it_holds_is_named_at_once(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 1}, pool_wait_timeout_s=2)
    server.call(lambda: server.proxy.name_request("1-1", "GET /articles"))
    with connect(server, "1-1", autocommit=False) as one, connect(server, "1-1") as other:
        one.execute("SELECT 1")
        with pytest.raises(psycopg.Error, match="Failed to acquire a connection from the pool"):
            other.execute("SELECT 2")
    (notice,) = [each for each in server.notices if "self-deadlock" in each]
    assert notice.startswith(
        f"self-deadlock: GET /articles waits for a connection of {BINDING} that it holds itself"
    )
    (waited,) = [each for each in server.call(server.proxy.query_log.records) if each.error]
    assert waited.waited_ms >= 1_500


def test_a_client_that_waits_at_its_start_up_is_named_too(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 1}, pool_wait_timeout_s=2)
    with connect(server, "1-1", autocommit=False) as one:
        one.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="Failed to acquire a connection from the pool"):
            psycopg.connect(server.dsn("1-1"), options="-c search_path=elsewhere")
    assert [each for each in server.notices if "self-deadlock: request 1-1 waits" in each]


def test_a_request_that_waits_for_others_is_no_deadlock(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 1}, pool_wait_timeout_s=1)
    with connect(server, "1-1", autocommit=False) as one, connect(server, "1-2") as other:
        one.execute("SELECT 1")
        with pytest.raises(psycopg.Error, match="Failed to acquire a connection from the pool"):
            other.execute("SELECT 2")
    assert not [each for each in server.notices if "self-deadlock" in each]


def test_two_requests_that_wait_for_one_another_are_both_named(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 2}, pool_wait_timeout_s=2)
    with connect(server, "1-1", autocommit=False) as one, connect(server, "1-2", autocommit=False) as two:
        one.execute("SELECT 1")
        two.execute("SELECT 1")
        with connect(server, "1-1") as three, connect(server, "1-2") as four:

            def ask(client: psycopg.Connection[Any]) -> None:
                with pytest.raises(psycopg.Error):
                    client.execute("SELECT 2")

            threads = [threading.Thread(target=ask, args=(client,)) for client in (three, four)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert len([each for each in server.notices if "self-deadlock" in each]) == 2


def test_a_transaction_that_runs_something_is_no_deadlock(start_proxy: StartProxy) -> None:
    server = start_proxy(config={"connection_limit": 1})
    with connect(server, "1-1", autocommit=False) as one, connect(server, "1-1") as other:
        running = threading.Thread(target=lambda: one.execute("SELECT pg_sleep(0.5); COMMIT"))
        running.start()
        while not any(each.state == "in a query" for each in server.call(server.proxy.snapshot)[0].connections):
            time.sleep(0.001)
        other.execute("SELECT 2")
        running.join()
    assert not [each for each in server.notices if "self-deadlock" in each]
