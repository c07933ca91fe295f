"""Transaction pooling as a driver sees it: limits, order, settings, recovery."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable

import psycopg
import pytest
from support.builds import needs_source
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, wait_until
from support.raw_client import SYNC, RawClient, bind, describe, execute, parse, query

from wrangler_py.proxy.client import connection as client_module
from wrangler_py.proxy.client.tcp import acknowledge_now


def test_a_query_goes_through(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn()) as connection:
        assert connection.execute("SELECT %s::int + 1", (41,)).fetchone() == (42,)


def test_the_pool_is_seen_at_the_origin(proxy: ProxyServer, postgres: PostgresServer) -> None:
    with psycopg.connect(proxy.dsn()) as connection:
        connection.execute("SELECT 1")
        rows = postgres.execute(
            "SELECT DISTINCT usename, application_name FROM pg_stat_activity "
            "WHERE application_name = 'Cloudflare Hyperdrive'"
        )
    assert rows == [("app", "Cloudflare Hyperdrive")]


def test_many_clients_share_few_connections(proxy: ProxyServer, postgres: PostgresServer) -> None:
    """200 clients, 10,000 queries, a pool of five: no error, and never a sixth origin connection."""
    errors: list[BaseException] = []
    most = 0
    done = threading.Event()

    def work(number: int) -> None:
        try:
            with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
                for i in range(50):
                    assert connection.execute("SELECT %s::int * 2", (number * 50 + i,)).fetchone() == (
                        (number * 50 + i) * 2,
                    )
        except BaseException as error:
            errors.append(error)

    def watch() -> None:
        nonlocal most
        with postgres.connect(user=postgres.superuser, autocommit=True) as connection:
            while not done.is_set():
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'Cloudflare Hyperdrive'"
                ).fetchone()
                assert row is not None
                most = max(most, row[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert not errors
    assert 1 <= most <= 5


ASK_ZONE = "SELECT current_setting('TimeZone')"
UNNAMED = parse("", ASK_ZONE) + bind() + describe("P") + execute() + SYNC
NAMED = bind("", "zone") + execute() + SYNC


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("asked", [query(ASK_ZONE), UNNAMED, NAMED], ids=["simple", "unnamed", "named"])
@pytest.mark.parametrize("behind", [b"", query(ASK_ZONE), NAMED + UNNAMED], ids=["alone", "simple", "extended"])
@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "elsewhere"])
def test_queries_that_wait_for_a_connection_are_answered_in_order(
    start_proxy: Callable[..., ProxyServer], asked: bytes, behind: bytes, zone: str, prepared: bool
) -> None:
    proxy = start_proxy(config={"connection_limit": 1}, max_prepared_statements=1)

    def connect(zone: str) -> RawClient:
        return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, settings={"TimeZone": zone})

    with connect("UTC") as holder, connect(zone) as client:
        client.ask(parse("zone", ASK_ZONE), SYNC)
        for known in (query(ASK_ZONE), UNNAMED, NAMED):
            client.ask(known)
        if not prepared:
            holder.ask(parse("other", "SELECT 2"), SYNC)
        holder.ask(query("BEGIN"))
        client.send(asked)
        wait_until(lambda: any(waiting.waiting for waiting in proxy.proxy.clients))
        client.send(behind[:7])
        client.send(behind[7:])
        holder.ask(query("COMMIT"))
        count = 1 + (2 if behind.endswith(UNNAMED) else bool(behind))
        answers = client.until_ready(count)
        assert [a.values for a in answers if a.kind == "D"] == [[zone.encode()]] * count
        assert holder.rows(ASK_ZONE) == [[b"UTC"]]
        assert client.rows(ASK_ZONE) == [[zone.encode()]]


def test_start_up_settings_never_mix(proxy: ProxyServer) -> None:
    def show(connection: psycopg.Connection[tuple[str, ...]]) -> tuple[str, ...]:
        row = connection.execute("SELECT current_setting('search_path'), current_setting('TimeZone')").fetchone()
        assert row is not None
        return row

    wanted = [("pg_catalog", "Asia/Tokyo"), ("information_schema", "America/Lima"), ("public", "UTC")]
    connections = [
        psycopg.connect(proxy.dsn(), options=f"-c search_path={path} -c TimeZone={zone}", autocommit=True)
        for path, zone in wanted
    ]
    plain = psycopg.connect(proxy.dsn(), autocommit=True)
    default = show(plain)
    for _ in range(20):
        assert [show(connection) for connection in connections] == wanted
        assert show(plain) == default
    assert connections[0].info.parameter_status("TimeZone") == "Asia/Tokyo"
    for connection in (*connections, plain):
        connection.close()


def test_an_unknown_setting_gets_the_servers_error(proxy: ProxyServer) -> None:
    with pytest.raises(psycopg.OperationalError, match='unrecognized configuration parameter "no_such"'):
        psycopg.connect(proxy.dsn(), options="-c no_such=1")


def test_a_wrong_password_is_refused(proxy: ProxyServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(proxy.dsn(), password="wrong")


def test_session_set_is_undone(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        connection.execute("SET work_mem = '7MB'")
        row = connection.execute("SELECT current_setting('work_mem')").fetchone()
    assert row is not None
    assert row[0] != "7MB"
    assert any("SET outside a transaction" in notice for notice in proxy.notices)


def test_set_holds_within_a_transaction(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn()) as connection:
        connection.execute("SET work_mem = '7MB'")
        assert connection.execute("SELECT current_setting('work_mem')").fetchone() == ("7MB",)
    with psycopg.connect(proxy.dsn()) as connection:
        assert connection.execute("SELECT current_setting('work_mem')").fetchone() != ("7MB",)


def test_prepared_statements_work_over_any_connection(proxy: ProxyServer) -> None:
    clients = [psycopg.connect(proxy.dsn(), autocommit=True, prepare_threshold=0) for _ in range(8)]
    for turn in range(10):
        for number, client in enumerate(clients):
            assert client.execute("SELECT %s::text || 'x'", (f"{number}.{turn}",)).fetchone() == (
                f"{number}.{turn}x",
            )
    for client in clients:
        client.close()


def test_pipeline_mode(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", (i,), prepare=i % 2 == 0) for i in range(100)]
        assert [cursor.fetchone() for cursor in cursors] == [(i,) for i in range(100)]


def test_copy_both_ways(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn()) as connection:
        connection.execute("CREATE TEMP TABLE copied (id int, name text)")
        with connection.cursor() as cursor:
            with cursor.copy("COPY copied FROM STDIN") as copy:
                for i in range(10_000):
                    copy.write_row((i, f"name {i}"))
            with cursor.copy("COPY copied TO STDOUT") as copy:
                rows = sum(1 for _ in copy.rows())
        assert rows == 10_000


def test_a_failed_transaction_rolls_back(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn()) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_cancel(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        timer = threading.Timer(0.2, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(30)")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_open_transaction_ends_with_its_client(proxy: ProxyServer, postgres: PostgresServer) -> None:
    def open_transactions() -> int:
        [(count,)] = postgres.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'Cloudflare Hyperdrive' AND state LIKE 'idle in%'"
        )
        return int(count)

    connection = psycopg.connect(proxy.dsn())
    connection.execute("SELECT 1")
    wait_until(lambda: open_transactions() == 1)
    connection.close()
    wait_until(lambda: open_transactions() == 0)


def test_deallocate_reaches_no_origin(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True, prepare_threshold=0) as connection:
        connection.prepared_max = 2
        for i in range(10):
            assert connection.execute(f"SELECT {i}, %s::int", (i,)).fetchone() == (i, i)
        connection.execute("DEALLOCATE ALL")
        connection.execute("DISCARD ALL")
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "feature"),
    [
        ("LISTEN channel", "LISTEN"),
        ("NOTIFY channel", "NOTIFY"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("SELECT pg_advisory_lock(1)", "advisory lock"),
        ("CREATE TEMP TABLE t (a int)", "temporary table"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "WITH HOLD"),
    ],
)
def test_features_that_pooling_cannot_support_are_refused(proxy: ProxyServer, sql: str, feature: str) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match=feature) as caught:
            connection.execute(sql)
        assert caught.value.diag.message_hint
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute(sql, prepare=True)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_lock_for_one_transaction_works_and_is_warned_of(proxy: ProxyServer) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        for function in ("pg_advisory_xact_lock", "pg_try_advisory_xact_lock"):
            connection.execute(f"SELECT {function}(1)")
    (notice,) = [notice for notice in proxy.notices if "lock" in notice]
    assert notice.startswith("A transaction-level advisory lock works here")


def test_a_request_takes_its_connections_with_it(proxy: ProxyServer) -> None:
    connection = psycopg.connect(proxy.dsn("7-1"), autocommit=True)
    connection.execute("SELECT 1")
    connection.execute("SELECT 2")
    counts = proxy.call(lambda: proxy.proxy.end_request("7-1"))
    assert (counts.total, counts.by_status) == (2, {"disabled": 2})
    with pytest.raises(psycopg.errors.AdminShutdown, match="request that has ended") as caught:
        connection.execute("SELECT 3")
    assert "inside the handler" in (caught.value.diag.message_hint or "")
    with pytest.raises(psycopg.OperationalError, match="request that has ended"):
        psycopg.connect(proxy.dsn("7-1"))


def test_more_than_six_connections_in_a_request_are_reported(proxy: ProxyServer) -> None:
    proxy.call(lambda: proxy.proxy.name_request("8-1", "GET /many"))
    connections = [psycopg.connect(proxy.dsn("8-1")) for _ in range(7)]
    assert any("GET /many has more than six connections" in notice for notice in proxy.notices)
    for connection in connections:
        connection.close()


@needs_source
@pytest.mark.skipif(sys.platform != "linux", reason="nothing to be done elsewhere")
def test_a_query_sent_in_pieces_is_acknowledged_at_once(
    start_proxy: Callable[..., ProxyServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """node-postgres under workerd sends a piece only when the one before is acknowledged."""
    acknowledged: list[object] = []

    def acknowledge(transport: asyncio.BaseTransport) -> None:
        acknowledge_now(transport)
        acknowledged.append(transport)

    monkeypatch.setattr(client_module, "acknowledge_now", acknowledge)
    proxy = start_proxy()
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as raw:
        pieces = [parse("", "SELECT 1"), bind(), execute(), SYNC]
        raw.ask(*pieces)
        assert not acknowledged
        for number, piece in enumerate(pieces[:-1], start=1):
            raw.send(piece)
            wait_until(lambda number=number: len(acknowledged) == number)  # type: ignore[misc]
        raw.send(pieces[-1])
        assert [answer.values for answer in raw.until_ready() if answer.kind == "D"] == [[b"1"]]
