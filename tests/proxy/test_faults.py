"""What goes wrong in the world: each time later queries work, nothing is leaked, and no bystander is touched."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from support.postgres_server import PostgresServer, free_port, make_certificates, short_folder
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import (
    FLUSH,
    SYNC,
    RawClient,
    RefusedError,
    bind,
    copy_data,
    copy_done,
    copy_fail,
    execute,
    parse,
    query,
)

from wrangler_py.hyperdrive.config import Caching, TLSPolicy
from wrangler_py.pgwire import messages

LIMIT = 4


@pytest.fixture(scope="module")
def server(postgres_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server of this module's own: its connections are counted, and it is killed."""
    server = PostgresServer(short_folder(), make_certificates(tmp_path_factory.mktemp("certificates")))
    server.create(postgres_template)
    yield server.start()
    server.kill()


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[ProxyServer]:
    """Its limits are short, and a bystander with an open transaction must come through every test unharmed."""
    proxy = ProxyServer(
        pool_config(origin_of(server), connection_limit=LIMIT),
        connect_timeout_s=5.0,
        abandoned_grace_s=0.1,
    )
    yield proxy
    assert_sound(proxy, server)
    proxy.close()
    wait_until(lambda: server.connections() == 0)


def connect(proxy: ProxyServer, request: str | None = None, **options: Any) -> RawClient:
    user = f"{BINDING}.{request}" if request else BINDING
    return RawClient(proxy.proxy.port, user=user, password=PASSWORD, **options)


def assert_sound(proxy: ProxyServer, server: PostgresServer) -> None:
    """As many clients as there may be connections find one each, and the origin sees no more and nothing open."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(proxy)) for _ in range(LIMIT)]
        for client in clients:
            client.ask(query("BEGIN"))
        pids = {client.rows("SELECT pg_backend_pid()")[0][0] for client in clients}
        assert len(pids) == LIMIT
        for client in clients:
            client.ask(query("ROLLBACK"))
    assert open_transactions(server) == 0
    assert server.connections() == LIMIT
    pool = proxy.proxy.pools[BINDING]
    wait_until(lambda: not proxy.proxy.clients)
    snapshot = proxy.call(pool.snapshot)
    assert (snapshot.open_connections, snapshot.idle_connections) == (LIMIT, LIMIT)
    assert (snapshot.waiting_clients, snapshot.opening) == (0, 0)


def open_transactions(server: PostgresServer) -> int:
    sql = (
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'Cloudflare Hyperdrive' "
        "AND (state LIKE 'idle in%' OR xact_start IS NOT NULL)"
    )
    return len(server.execute(sql))


def backend(client: RawClient) -> int:
    return int(client.rows("SELECT pg_backend_pid()")[0][0] or 0)


# --- the origin ----------------------------------------------------------------------------------------------


def test_origin_killed_under_load_and_restarted(proxy: ProxyServer, server: PostgresServer) -> None:
    stop = threading.Event()
    answered = [0] * 8
    wrong: list[Any] = []

    def work(number: int) -> None:
        while not stop.is_set():
            try:
                with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
                    while not stop.is_set():
                        row = connection.execute("SELECT %s::int", (number,)).fetchone()
                        if row != (number,):
                            wrong.append(row)
                        answered[number] += 1
            except psycopg.OperationalError:
                continue  # lost with the origin: a driver connects again
            except psycopg.Error as error:
                if error.sqlstate not in ("58000", "57P01", "57P02", "57P03"):
                    wrong.append(error)

    def more_than(before: list[int]) -> bool:
        return all(a > b for a, b in zip(answered, before, strict=True))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        before = list(answered)
        wait_until(partial(more_than, before))
        server.kill()
        server.start()
    before = list(answered)
    wait_until(partial(more_than, before), seconds=20)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.fixture
def fake_origin() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Listens, and gives each connection to a function: for origins that a real server can't be made to be."""
    listeners: list[socket.socket] = []

    def start(serve: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def talk(connection: socket.socket) -> None:
            with connection:
                serve(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def refusal(proxy: ProxyServer) -> dict[str, str]:
    """What a query gets, or the start-up for it."""
    try:
        with connect(proxy) as client:
            answers = client.ask(query("SELECT 1"))
            assert answers[-1].kind == "Z"
            return answers[0].fields
    except RefusedError as error:
        return error.answer.fields


def assert_failed(proxy: ProxyServer, reason: str) -> None:
    fields = refusal(proxy)
    assert fields["C"] == "58000"
    assert fields["M"] == f"Server connection attempt failed: {reason}"
    assert fields["H"]


def test_origin_that_says_nothing(
    fake_origin: Callable[..., int], start_proxy: Callable[..., ProxyServer], server: PostgresServer
) -> None:
    port = fake_origin(lambda connection: connection.recv(65_536) and connection.recv(65_536))
    proxy = start_proxy(origin_of(server, port=port), connect_timeout_s=0.2)
    assert_failed(proxy, "timeout")
    config = dataclasses.replace(proxy.config, origin=origin_of(server))
    proxy.call(lambda: proxy.proxy.update_pool(BINDING, config))
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]


def test_an_origin_that_fails_after_another_took_its_place(
    fake_origin: Callable[..., int], start_proxy: Callable[..., ProxyServer], server: PostgresServer
) -> None:
    """Clients that come after the change neither wait for the old origin nor hear of its failure."""
    fails = threading.Event()

    def fail_later(connection: socket.socket) -> None:
        connection.recv(65_536)
        fails.wait(30)
        connection.close()

    port = fake_origin(fail_later)
    proxy = start_proxy(origin_of(server, port=port))
    leaving = connect(proxy, start=False)

    def log_in() -> None:
        with contextlib.suppress(Exception):
            leaving.start({"user": BINDING, "database": "app"}, PASSWORD)

    first = threading.Thread(target=log_in)
    first.start()
    wait_until(lambda: proxy.proxy.pools[BINDING].opening == 1)
    leaving.socket.shutdown(socket.SHUT_RDWR)
    first.join()
    wait_until(lambda: not proxy.proxy.clients)
    proxy.call(
        lambda: proxy.proxy.update_pool(BINDING, dataclasses.replace(proxy.config, origin=origin_of(server)))
    )
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]
        fails.set()
        wait_until(lambda: not proxy.crashes and client.rows("SELECT 2") == [[b"2"]])
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]


def test_origin_that_is_not_postgresql(
    fake_origin: Callable[..., int], start_proxy: Callable[..., ProxyServer], server: PostgresServer
) -> None:
    def web_server(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    proxy = start_proxy(origin_of(server, port=fake_origin(web_server)))
    assert_failed(proxy, "protocol_error")


def test_origin_that_closes_at_once(
    fake_origin: Callable[..., int], start_proxy: Callable[..., ProxyServer], server: PostgresServer
) -> None:
    proxy = start_proxy(origin_of(server, port=fake_origin(socket.socket.close)))
    assert_failed(proxy, "connection_lost")


@pytest.mark.parametrize(
    ("changes", "tls", "reason"),
    [
        ({"port": None}, None, "connection_refused"),
        ({"host": "/nowhere/at/all"}, None, "connection_refused"),
        ({"host": "no-such-host.invalid"}, None, "dns_failure"),
        ({"host": "db..example.com"}, None, "dns_failure"),
        ({"host": "a" * 64 + ".example.com"}, None, "dns_failure"),
        ({"password": "wrong"}, None, "authentication_failed"),
        ({"user": "nobody_known"}, None, "authentication_failed"),
        ({}, TLSPolicy(verify="ca", roots="stranger"), "certificate_invalid"),
    ],
)
def test_why_there_is_no_connection(
    start_proxy: Callable[..., ProxyServer],
    server: PostgresServer,
    stranger_ca_pem: Path,
    changes: dict[str, Any],
    tls: TLSPolicy | None,
    reason: str,
) -> None:
    if "port" in changes:
        changes = {"port": free_port()}
    if tls is not None:
        if not server.has_tls:
            pytest.skip("needs a PostgreSQL built with OpenSSL")
        tls = TLSPolicy(verify="ca", roots=stranger_ca_pem.read_text())
    proxy = start_proxy(origin_of(server, **changes), config={"tls": tls} if tls else None)
    for _ in range(2):
        assert_failed(proxy, reason)


def test_origin_without_such_a_database_says_so_itself(
    start_proxy: Callable[..., ProxyServer], server: PostgresServer
) -> None:
    proxy = start_proxy(origin_of(server, database="absent"))
    with pytest.raises(RefusedError, match='3D000 database "absent" does not exist'):
        connect(proxy, database="absent")


def test_origin_that_closes_in_the_middle_of_a_result(
    fake_origin: Callable[..., int], start_proxy: Callable[..., ProxyServer], server: PostgresServer
) -> None:
    """Passes on what a real server says, and stops after 300,000 octets of it."""

    def serve(connection: socket.socket) -> None:
        with socket.create_connection((server.host, server.port)) as upstream:
            threading.Thread(target=_pump, args=(connection, upstream, 1 << 40), daemon=True).start()
            _pump(upstream, connection, 300_000)
            connection.shutdown(socket.SHUT_RDWR)

    proxy = start_proxy(origin_of(server, port=fake_origin(serve)))
    for sql in ("SELECT repeat('x', 1000000)", "SELECT repeat('x', 100) FROM generate_series(1, 10000)"):
        with connect(proxy) as client:
            assert client.rows("SELECT 1") == [[b"1"]]
            client.send(query(sql))
            with pytest.raises((EOFError, ConnectionResetError)):
                client.until_ready()
        with connect(proxy) as client:
            assert client.rows("SELECT 2") == [[b"2"]]


def _pump(source: socket.socket, target: socket.socket, limit: int) -> None:
    with contextlib.suppress(OSError):
        while limit > 0 and (data := source.recv(min(65_536, limit))):
            target.sendall(data)
            limit -= len(data)


def test_an_idle_connection_that_was_terminated_is_noticed_before_use(
    proxy: ProxyServer, server: PostgresServer
) -> None:
    with connect(proxy) as client, psycopg.connect(proxy.dsn(), autocommit=True, prepare_threshold=0) as driver:
        for _ in range(5):
            pid = backend(client)
            server.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            assert client.rows("SELECT 1") == [[b"1"]]
            assert driver.execute("SELECT %s::int", (1,)).fetchone() == (1,)


def test_all_idle_connections_terminated_at_once(proxy: ProxyServer, server: PostgresServer) -> None:
    assert_sound(proxy, server)
    server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'Cloudflare Hyperdrive'"
    )
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(proxy)) for _ in range(LIMIT)]
        for client in clients:
            client.send(query("SELECT 1"))
        for client in clients:
            assert [a.kind for a in client.until_ready()] == ["T", "D", "C", "Z"]


def test_origin_restarted_while_all_is_idle(proxy: ProxyServer, server: PostgresServer) -> None:
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]
        server.restart()
        assert client.rows("SELECT 2") == [[b"2"]]


@pytest.mark.parametrize("extended", [False, True])
def test_a_backend_terminated_in_a_query(proxy: ProxyServer, server: PostgresServer, extended: bool) -> None:
    with connect(proxy) as client, connect(proxy) as bystander:
        bystander.ask(query("BEGIN"))
        client.ask(query("BEGIN"))
        pid = backend(client)
        sql = "SELECT pg_sleep(600)"
        client.send(parse("", sql) + bind() + execute() + SYNC if extended else query(sql))
        wait_until(lambda: server.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"))
        server.execute(f"SELECT pg_terminate_backend({pid})")
        assert client.until("E")[-1].sqlstate == "57P01"
        assert client.at_end()
        assert bystander.rows("SELECT 1") == [[b"1"]]


def test_a_backend_terminated_in_an_idle_transaction(proxy: ProxyServer, server: PostgresServer) -> None:
    with connect(proxy) as client:
        client.ask(query("BEGIN"))
        server.execute(f"SELECT pg_terminate_backend({backend(client)})")
        assert client.until("E")[-1].sqlstate == "57P01"
        assert client.at_end()


# --- clients -------------------------------------------------------------------------------------------------


def test_client_killed_in_a_transaction(proxy: ProxyServer, server: PostgresServer) -> None:
    for sql in ("SELECT 1", "SELECT 1/0"):
        client = connect(proxy)
        client.ask(query("BEGIN"))
        client.ask(query(sql))
        client.kill()
    wait_until(lambda: open_transactions(server) == 0)


def test_client_killed_in_a_query(proxy: ProxyServer, server: PostgresServer) -> None:
    """What it asked for is cancelled at the origin: nobody waits for it any more."""
    for extended in (False, True):
        client = connect(proxy)
        sql = "SELECT pg_sleep(600)"
        client.send(parse("", sql) + bind() + execute() + SYNC if extended else query(sql))
        wait_until(lambda: open_transactions(server) == 1)
        client.kill()
        wait_until(lambda: open_transactions(server) == 0)


def test_client_killed_between_extended_messages(proxy: ProxyServer, server: PostgresServer) -> None:
    for sent in (
        parse("s", "SELECT 1") + messages.FLUSH,
        parse("", "SELECT generate_series(1, 100000)") + bind("p") + execute("p", 1) + messages.FLUSH,
        parse("", "SELECT nonsense") + messages.FLUSH,
    ):
        client = connect(proxy)
        client.send(sent)
        client.receive()
        client.kill()
    wait_until(lambda: open_transactions(server) == 0)


def test_client_killed_that_owes_a_sync(proxy: ProxyServer, server: PostgresServer) -> None:
    """The query behind the failed message is skipped at the origin, which then waits for a Sync."""
    for _ in range(LIMIT + 1):
        client = connect(proxy)
        client.send(parse("", "SELECT nonsense") + query("SELECT 1"))
        client.kill()
    with connect(proxy) as client:
        client.send(parse("", "SELECT pg_sleep(0.1), nonsense") + query("SELECT 1"))
        client.kill()
    wait_until(lambda: not any(c.stream.queue for c in proxy.proxy.pools[BINDING].connections))


@pytest.mark.parametrize("extended", [False, True])
def test_client_killed_in_a_copy(proxy: ProxyServer, server: PostgresServer, extended: bool) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS copied (a int); GRANT ALL ON copied TO PUBLIC")
    client = connect(proxy)
    sql = "COPY copied FROM STDIN"
    client.ask_until(parse("", sql) + bind() + execute() + SYNC if extended else query(sql), "G")
    client.send(copy_data(b"1\n2\n") * 1000)
    client.kill()
    wait_until(lambda: open_transactions(server) == 0)
    assert server.execute("SELECT count(*) FROM copied") == [(0,)]


def test_client_killed_before_its_copy_began(proxy: ProxyServer, server: PostgresServer) -> None:
    """Whether the COPY has begun or failed already when it is ended, its answer is not the next one's."""
    with connect(proxy) as other:
        other.ask(query("CREATE TABLE IF NOT EXISTS copied (a int)"))
    for _ in range(100):
        client = connect(proxy)
        client.send(parse("", "COPY copied FROM STDIN") + bind() + execute() + FLUSH + copy_data(b"not a number\n"))
        client.kill()
        with connect(proxy) as other:
            assert other.rows("SELECT 'mine'") == [[b"mine"]]
    assert not [notice for notice in proxy.notices if "protocol error" in notice]
    assert_sound(proxy, server)


@pytest.mark.parametrize("killed", [True, False])
def test_answers_after_a_failed_copy_reach_no_other_client(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, killed: bool
) -> None:
    """Whether the origin skips it depends on a Sync among the data."""
    postgres.execute("CREATE TABLE IF NOT EXISTS copied (a int); GRANT ALL ON copied TO PUBLIC")
    proxy = start_proxy(config={"connection_limit": 1})
    copy = parse("", "COPY copied FROM STDIN") + bind() + execute()
    bad, secret = copy_data(b"not a number\n"), query("SELECT 'secret'")
    for sent in (
        copy + bad + SYNC + secret,
        copy + SYNC + bad + SYNC + secret,
        copy + bad + SYNC + parse("", "SELECT 'secret'") + bind() + execute() + SYNC,
        copy + bad + SYNC + copy_done() + secret,
        copy + SYNC + bad + copy_fail("no") + SYNC + secret,
        query("COPY copied FROM STDIN") + bad + SYNC + secret,
    ):
        for _ in range(5):
            client = connect(proxy)
            client.send(sent)
            if killed:
                client.kill()
            with connect(proxy) as other:
                for number in range(3):
                    assert other.rows(f"SELECT 'mine {number}'") == [[b"mine %d" % number]]
            client.close()


def test_client_killed_in_the_middle_of_a_message(proxy: ProxyServer, server: PostgresServer) -> None:
    for data in (copy_data(b"1\n" * 500_000), query("SELECT '" + "x" * 1_000_000 + "'")):
        client = connect(proxy)
        client.ask(query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"))
        if data[:1] == b"d":
            client.ask_until(query("COPY c FROM STDIN"), "G")
        client.send(data[:700_000])
        client.kill()
        wait_until(lambda: open_transactions(server) == 0)


def test_client_killed_in_a_result(proxy: ProxyServer, server: PostgresServer) -> None:
    for sql in ("SELECT generate_series(1, 10000000)", "SELECT repeat('x', 100000000)"):
        client = connect(proxy)
        client.send(query(sql))
        client.receive()
        client.kill()
    wait_until(lambda: open_transactions(server) == 0)


def test_client_killed_while_it_waits_for_a_connection(proxy: ProxyServer) -> None:
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(connect(proxy)) for _ in range(LIMIT)]
        for holder in holders:
            holder.ask(query("BEGIN"))
        waiting = connect(proxy)
        waiting.send(query("SELECT 1"))
        starting = connect(proxy, start=False)
        starting.send(messages.startup_message({"user": BINDING, "work_mem": "7MB"}))
        wait_until(lambda: proxy.call(proxy.proxy.pools[BINDING].snapshot).waiting_clients == 1)
        waiting.kill()
        starting.kill()
        wait_until(lambda: len(proxy.proxy.clients) == LIMIT)


def test_client_that_reads_nothing_loses_its_query(server: PostgresServer) -> None:
    """Its statement runs into the limit, and the connection it blocked is free again."""
    proxy = ProxyServer(
        pool_config(origin_of(server), connection_limit=1), statement_timeout_s=0.2, cancelled_grace_s=0.2
    )
    with connect(proxy) as client, connect(proxy) as other:
        client.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"))
        client.receive()
        assert other.rows("SELECT 1") == [[b"1"]]
    proxy.close()


def test_a_request_ends_with_its_connections_open(proxy: ProxyServer, server: PostgresServer) -> None:
    with contextlib.ExitStack() as stack:
        idle, busy, reads_nothing = (stack.enter_context(connect(proxy, "1-1")) for _ in range(3))
        bystander = stack.enter_context(connect(proxy, "1-2"))
        bystander.ask(query("BEGIN"))
        busy.ask(query("BEGIN"))
        busy.send(query("SELECT pg_sleep(600)"))
        reads_nothing.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"))
        reads_nothing.receive()
        wait_until(lambda: open_transactions(server) == 3)
        proxy.call(lambda: proxy.proxy.end_request("1-1"))
        for client in (idle, busy):
            assert client.until("E")[-1].sqlstate == "57P01"
            assert client.at_end()
        wait_until(lambda: open_transactions(server) == 1)
        assert bystander.rows("SELECT 1") == [[b"1"]]
        bystander.ask(query("COMMIT"))
        with pytest.raises(RefusedError, match="57P01"):
            connect(proxy, "1-1")


def test_two_thousand_clients_on_twenty_connections(server: PostgresServer) -> None:
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=20), pool_wait_timeout_s=60.0)

    async def client(number: int, gate: asyncio.Semaphore) -> int:
        async with gate:  # of logins at once: they are what takes the time
            connection = await asyncpg.connect(proxy.dsn(), timeout=60)
        async with connection.transaction():
            value: int = await connection.fetchval("SELECT $1::int", number)
        clients.append(connection)
        return value

    clients: list[Any] = []

    async def crowd() -> list[int]:
        gate = asyncio.Semaphore(200)
        values = await asyncio.gather(*(client(number, gate) for number in range(2_000)))
        at_once = await asyncio.gather(*(c.fetchval("SELECT count(*) FROM pg_stat_activity") for c in clients))
        assert len(at_once) == len(clients) == 2_000
        assert server.connections() <= 20
        for connection in clients:
            connection.terminate()
        return values

    assert asyncio.run(crowd()) == list(range(2_000))
    wait_until(lambda: not proxy.proxy.clients)
    assert server.connections() <= 20
    proxy.close()


# --- limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extended", [False, True])
def test_a_statement_runs_into_the_limit(server: PostgresServer, extended: bool) -> None:
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=1), statement_timeout_s=0.2)
    with connect(proxy) as client, connect(proxy) as other:
        sql = "SELECT pg_sleep(600)"
        client.send(parse("", sql) + bind() + execute() + SYNC if extended else query(sql))
        error = client.until("E")[-1]
        assert error.sqlstate == "57014"
        assert "Hyperdrive's limit of 0.2 s" in error.fields["M"]
        client.until_ready()
        assert client.rows("SELECT 1") == other.rows("SELECT 1") == [[b"1"]]
    assert any("ran longer than 0.2 s" in notice for notice in proxy.notices)
    proxy.close()


def test_a_wait_for_a_connection_runs_into_the_limit(server: PostgresServer) -> None:
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=1), pool_wait_timeout_s=0.2)
    with connect(proxy) as holder, connect(proxy) as client:
        holder.ask(query("BEGIN"))
        for sent in (query("SELECT 1"), parse("", "SELECT 1") + bind() + execute() + SYNC):
            error = client.ask(sent)[0]
            assert error.sqlstate == "58000"
            assert error.fields["M"] == "Failed to acquire a connection from the pool."
            assert error.fields["H"]
        holder.ask(query("COMMIT"))
        assert client.rows("SELECT 1") == [[b"1"]]
    proxy.close()


def test_an_origin_that_takes_no_more_connections_is_named(server: PostgresServer) -> None:
    """And not the pool's limit, which was never reached; it is asked again while somebody waits."""
    server.execute("ALTER ROLE app CONNECTION LIMIT 1")
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=5), pool_wait_timeout_s=0.2)
    with connect(proxy) as holder, connect(proxy) as client:
        holder.ask(query("BEGIN"))
        [error, _] = client.ask(query("SELECT 1"))
        assert error.sqlstate == "53300"
        client.send(query("SELECT 1"))
        server.execute("ALTER ROLE app CONNECTION LIMIT -1")
        answers = client.until_ready()
        if answers[0].kind == "E":  # it was too late for that one
            answers = client.ask(query("SELECT 1"))
        holder.ask(query("COMMIT"))
    proxy.close()


def test_a_request_that_has_ended_runs_nothing_more(server: PostgresServer) -> None:
    """Not what waited while its client was still reading a stored answer either."""
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=1, caching=Caching()))
    long = query("SELECT repeat('x', 8000000)")
    with connect(proxy) as other, connect(proxy, "7") as client:
        other.ask(query("CREATE TABLE too_late (a int)"))
        other.ask(long)
        client.send(long)
        wait_until(lambda: any(session.write_paused for session in proxy.proxy.clients))
        client.send(query("INSERT INTO too_late VALUES (1)"))
        wait_until(lambda: any(session.waiting for session in proxy.proxy.clients))
        proxy.call(lambda: proxy.proxy.end_request("7"))
        while client.socket.recv(1_000_000):
            pass
        assert other.rows("SELECT count(*) FROM too_late") == [[b"0"]]
        other.ask(query("DROP TABLE too_late"))
    proxy.close()


def test_an_idle_connection_is_closed_in_time(server: PostgresServer) -> None:
    proxy = ProxyServer(pool_config(origin_of(server)), idle_timeout_s=0.1)
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]
        wait_until(lambda: server.connections() == 0)
        assert client.rows("SELECT 1") == [[b"1"]]
    proxy.close()
