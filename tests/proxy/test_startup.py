"""Start-up: versions of the protocol, settings, what is told of them, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.builds import needs_source
from support.postgres_server import PostgresServer
from support.proxy_process import ProxyProcess
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, wait_until
from support.raw_client import RawClient, RefusedError, query

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.scram import MECHANISM, ScramClient
from wrangler_py.proxy.client.login import Login
from wrangler_py.proxy.origin.connection import OriginConnection

SETTINGS = {
    "client_encoding": "latin1",
    "DateStyle": "German, DMY",
    "TimeZone": "Asia/Tokyo",
    "IntervalStyle": "iso_8601",
    "search_path": '"$user", pg_catalog',
    "statement_timeout": "12s",
    "idle_in_transaction_session_timeout": "34000",
    "some.var": "it's \\ custom",
    "extra_float_digits": "2",
    "standard_conforming_strings": "off",
    "client_min_messages": "warning",
    "work_mem": "5MB",
    "default_transaction_isolation": "serializable",
}


def connect(proxy: ProxyServer, **options: Any) -> RawClient:
    return RawClient(proxy.proxy.port, **{"user": BINDING, "password": PASSWORD, **options})


def show(client: RawClient, name: str) -> str | None:
    """The value of a setting; None for one of someone's own that this connection has not seen yet."""
    value = client.rows(f"SELECT current_setting('{name}', true)")[0][0]
    return value.decode() if value is not None else None


@pytest.mark.parametrize("minor", [0, 2])
def test_it_starts(proxy: ProxyServer, minor: int) -> None:
    with connect(proxy, minor=minor) as client:
        assert client.negotiated is None
        assert len(client.secret) == (32 if minor else 4)
        assert client.rows("SELECT 1") == [[b"1"]]


def test_a_newer_protocol_is_negotiated_down(proxy: ProxyServer) -> None:
    with connect(proxy, minor=7, settings={"_pq_.unheard_of": "1"}) as client:
        assert client.negotiated is not None
        assert client.negotiated.body == struct.pack("!II", messages.PROTOCOL_3_0 + 2, 1) + b"_pq_.unheard_of\0"
        assert client.rows("SELECT 1") == [[b"1"]]


@pytest.mark.parametrize("request_code", [messages.SSL_REQUEST, messages.GSSENC_REQUEST])
def test_encryption_is_declined(proxy: ProxyServer, request_code: int) -> None:
    with connect(proxy, start=False) as client:
        client.send(struct.pack("!II", 8, request_code))
        assert client.socket.recv(10) == b"N"
        client.start({"user": BINDING, "database": "app"}, PASSWORD)
        assert client.rows("SELECT 1") == [[b"1"]]


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_applies_and_is_reported_as_by_the_server(
    proxy: ProxyServer, postgres: PostgresServer, name: str
) -> None:
    """As packet parameter and as an option; then the two have the same name, or more clients do, at once."""
    value = SETTINGS[name]
    escaped = "".join(f"\\{c}" if c in "\\ " else c for c in value)
    with RawClient(
        postgres.port, user=postgres.user, password=postgres.user_password, settings={name: value}
    ) as direct:
        told, holds = direct.parameters, show(direct, name)
        told.pop("application_name")
    for settings in (
        {name: value},
        {"options": f"-c {name}={escaped}"},
        {"options": f"--{name.replace('_', '-')}={escaped}"},
    ):
        with connect(proxy, settings=settings) as client, connect(proxy) as plain:
            for _ in range(3):
                assert show(client, name) == holds
                assert show(plain, name) != holds
            ours = {key: value for key, value in client.parameters.items() if key != "application_name"}
            if name != "client_encoding":
                assert ours == told
            assert ours["client_encoding"] == told["client_encoding"]


def test_utf8_is_reported_as_by_the_server(proxy: ProxyServer) -> None:
    for spelling in ("utf8", "UTF-8", "Unicode", "utf_8"):
        with connect(proxy, settings={"client_encoding": spelling}) as client:
            assert client.parameters["client_encoding"] == "UTF8"


def test_the_packet_wins_over_its_options(proxy: ProxyServer) -> None:
    with connect(proxy, settings={"TimeZone": "Asia/Tokyo", "options": "-cTimeZone=America/Lima"}) as client:
        assert show(client, "TimeZone") == client.parameters["TimeZone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("settings", "sqlstate"),
    [
        ({"no_such_setting": "1"}, "42704"),
        ({"options": "-c no_such_setting=1"}, "42704"),
        ({"TimeZone": "Nowhere/At_All"}, "22023"),
        ({"work_mem": "lots"}, "22023"),
        ({"shared_buffers": "1GB"}, "55P02"),
        ({"session_preload_libraries": "x"}, "42501"),
        ({"options": "--work-mem"}, "42601"),
        ({"options": "-X yes"}, "42601"),
        ({"database": "another"}, "3D000"),
        ({"replication": "database"}, "0A000"),
        ({"user": "NOBODY"}, "28000"),
        ({"user": ""}, "28000"),
    ],
)
def test_what_is_refused_is_refused_with_the_servers_code(
    proxy: ProxyServer, settings: dict[str, str], sqlstate: str
) -> None:
    with connect(proxy, start=False) as client:
        with pytest.raises(RefusedError) as caught:
            client.start({"user": BINDING, "database": "app", **settings}, PASSWORD)
        assert (caught.value.answer.sqlstate, caught.value.answer.fields["V"]) == (sqlstate, "FATAL")
        assert client.at_end()
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]


def test_a_wrong_password_is_refused(proxy: ProxyServer) -> None:
    with pytest.raises(RefusedError, match="28P01 password authentication failed") as caught:
        connect(proxy, password="wrong")
    assert "env.BINDING.connectionString" in caught.value.answer.fields["H"]


def test_a_name_in_another_encoding_means_the_same(proxy: ProxyServer) -> None:
    """Two clients send the same octets under different encodings: they must not share a statement."""
    octets = "SELECT 'Ã©'".encode("latin1")
    with connect(proxy, settings={"client_encoding": "LATIN1"}) as latin, connect(proxy) as utf8:
        for client, length in ((latin, b"2"), (utf8, b"1")):
            text = octets.replace(b"SELECT ", b"SELECT length(") + b")"
            answers = client.ask(
                messages.parse(b"s", text + b"\0\0\0")
                + messages.bind(b"", b"s", bytes(6))
                + messages.execute(b"")
                + messages.SYNC
            )
            assert [a.values for a in answers if a.kind == "D"] == [[length]]


def test_a_date_in_a_statement_is_read_as_its_client_writes_dates(proxy: ProxyServer) -> None:
    with (
        connect(proxy, settings={"DateStyle": "SQL, DMY"}) as dmy,
        connect(proxy, settings={"DateStyle": "SQL, MDY"}) as mdy,
    ):
        for client in (dmy, mdy, dmy, mdy):
            answers = client.ask(
                messages.parse(b"", b"SELECT extract(month FROM date '02/03/2026')\0\0\0")
                + messages.bind(b"", b"", bytes(6))
                + messages.execute(b"")
                + messages.SYNC
            )
            assert [a.values for a in answers if a.kind == "D"] == [[b"3" if client is dmy else b"2"]]


def test_a_client_is_told_when_its_session_is_reset(proxy: ProxyServer) -> None:
    with connect(proxy) as client:
        default = client.parameters["TimeZone"]
        client.ask(query("SET TimeZone = 'Asia/Tokyo'"))
        assert show(client, "TimeZone") == default
        assert client.parameters["TimeZone"] == default


def test_a_client_is_told_when_the_origins_defaults_change(
    postgres_factory: Callable[..., PostgresServer], start_proxy: Callable[..., ProxyServer]
) -> None:
    """And the connection that told of it is still in the pool once: two clients never share it."""
    server = postgres_factory()
    proxy = start_proxy(origin_of(server), config={"connection_limit": 5})
    with connect(proxy) as one, connect(proxy) as other, connect(proxy, settings={"TimeZone": "UTC"}) as own:
        for client in (one, other):
            client.send(query("SELECT pg_sleep(0.05)"))
        for client in (one, other):
            client.until_ready()
        server.execute("ALTER SYSTEM SET TimeZone = 'Asia/Tokyo'")
        server.reload()
        with connect(proxy) as probe:
            wait_until(lambda: show(probe, "TimeZone") == "Asia/Tokyo")
        wait_until(lambda: show(one, "TimeZone") == one.parameters["TimeZone"] == "Asia/Tokyo")
        assert show(own, "TimeZone") == own.parameters["TimeZone"] == "UTC"
        with connect(proxy) as later:
            wait_until(lambda: show(later, "TimeZone") == later.parameters["TimeZone"] == "Asia/Tokyo")
        clients = [one, other, own]
        for client in clients:
            client.ask(query("BEGIN"))
        pids = [client.rows("SELECT pg_backend_pid()")[0][0] for client in clients]
        assert len(set(pids)) == len(clients)


def test_a_client_that_says_nothing_is_let_go(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(startup_timeout_s=0.5)
    silent = [connect(proxy, start=False) for _ in range(10)]
    silent[0].send(b"\0\0\0")
    silent[1].send(messages.startup_message({"user": BINDING}))
    silent[1].receive()
    for client in silent:
        assert client.at_end()
    with connect(proxy) as client:
        assert client.rows("SELECT 1") == [[b"1"]]


def test_a_connection_that_is_only_opened_and_closed_leaves_nothing(proxy: ProxyServer) -> None:
    before = len(proxy.proxy.clients)
    for _ in range(100):
        socket.create_connection(("127.0.0.1", proxy.proxy.port)).close()
    wait_until(lambda: len(proxy.proxy.clients) <= before)


def test_the_end_of_a_login_is_one_packet(postgres: PostgresServer) -> None:
    """Two would wait for one another wherever a relay in between acknowledges late."""
    proxy = ProxyProcess(origin_of(postgres))
    for _ in range(5):
        with RawClient(proxy.port, user=BINDING, password=PASSWORD, start=False) as client:
            scram = ScramClient(PASSWORD)
            client.send(messages.startup_message({"user": BINDING}))
            client.receive()
            client.send(messages.sasl_initial_response(MECHANISM, scram.first()))
            client.send(messages.password_message(scram.final(client.receive().body[4:])))
            assert client.socket.recv(65_536).endswith(messages.READY_IDLE)
    proxy.close()


@pytest.fixture
def held_up(start_proxy: Callable[..., ProxyServer]) -> tuple[ProxyServer, threading.Event]:
    """A proxy whose questions about settings are answered, and then nothing happens until the event."""
    proxy = start_proxy(config={"connection_limit": 1})
    pool = proxy.proxy.pools[BINDING]
    run, go_on = pool.run, threading.Event()

    async def run_slowly(connection: OriginConnection, sql: str) -> list[list[str | None]]:
        rows = await run(connection, sql)
        await asyncio.to_thread(go_on.wait)
        return rows

    pool.run = run_slowly  # type: ignore[method-assign]
    return proxy, go_on


@needs_source
def test_a_client_that_leaves_in_its_login_changes_nothing_for_others(
    held_up: tuple[ProxyServer, threading.Event],
) -> None:
    proxy, go_on = held_up
    go_on.set()
    with connect(proxy, settings={"search_path": "pg_catalog"}) as tenant:
        assert show(tenant, "search_path") == "pg_catalog"
        go_on.clear()
        other = connect(proxy, start=False)

        def begin() -> None:
            with contextlib.suppress(EOFError, OSError):
                other.start({"user": BINDING, "work_mem": "7MB"}, PASSWORD)

        starting = threading.Thread(target=begin)
        starting.start()
        wait_until(lambda: any(isinstance(c, Login) and c.origin is not None for c in proxy.proxy.clients))
        other.socket.shutdown(socket.SHUT_RDWR)
        starting.join()
        wait_until(lambda: len(proxy.proxy.clients) == 1)
        go_on.set()
        assert show(tenant, "search_path") == "pg_catalog"


@needs_source
def test_a_client_can_log_in_while_its_config_changes(
    held_up: tuple[ProxyServer, threading.Event], postgres: PostgresServer
) -> None:
    proxy, go_on = held_up
    client = connect(proxy, start=False)
    starting = threading.Thread(
        target=client.start, args=({"user": BINDING, "database": "app", "work_mem": "7MB"}, PASSWORD)
    )
    starting.start()
    wait_until(lambda: any(isinstance(c, Login) and c.origin is not None for c in proxy.proxy.clients))
    config = proxy.proxy.pools[BINDING].config
    elsewhere = dataclasses.replace(config, origin=dataclasses.replace(config.origin, database="postgres"))
    proxy.call(lambda: proxy.proxy.update_pool(BINDING, elsewhere))
    go_on.set()
    starting.join()
    assert client.rows("SELECT current_database(), current_setting('work_mem')") == [[b"postgres", b"7MB"]]
    client.close()
