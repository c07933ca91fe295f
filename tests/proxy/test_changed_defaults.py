"""The defaults of the origin change while clients are connected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import SYNC, RawClient, bind, execute, parse, query

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
            wait_until(
                lambda: _greeted_with(proxy, "DateStyle") == "German, DMY"
            )  # a reset comes behind that answer
            with connect_to(proxy) as other:
                assert other.rows("SELECT day FROM days") == [[b"31.12.2026"]]
                other.ask(constant)
                [late] = [answer.values for answer in other.ask(run) if answer.kind == "D"]
                assert early == [b"1767225600"]
                assert late == [b"1767193200"]
    finally:
        proxy.close()


def connect_to(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD)


def _greeted_with(proxy: ProxyServer, name: str) -> str:
    with connect_to(proxy) as client:
        return client.parameters[name]


def _told_anew(client: RawClient) -> dict[str, str]:
    """The settings of which the client has been told that they are the new ones."""
    client.rows("SELECT clock_timestamp()")
    return {name: value for name, value in client.parameters.items() if value in ("Asia/Tokyo", "German, DMY")}


CHANGED = {
    "search_path": f"{DATABASE}, public",
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "German, DMY",
}
WHOSE = [f"DATABASE {DATABASE}", "ROLE app", f"ROLE app IN DATABASE {DATABASE}"]


def fill(clients: list[RawClient]) -> None:
    """Each has a connection of its own for a moment."""
    for client in clients:
        client.ask(query("BEGIN"))
        client.ask(query("SELECT 1"))
    for client in clients:
        client.ask(query("COMMIT"))


def sees(client: RawClient, search_path: str) -> bool:
    return client.rows("SHOW search_path") == [[search_path.encode()]]


def told_and_seen(client: RawClient, name: str) -> tuple[str | None, list[list[bytes | None]]]:
    """The value of a setting that the client was told at last, if any, and the one that it sees."""
    seen = client.rows(f"SHOW {name}")
    return client.parameters.get(name), seen


@pytest.fixture
def wide(postgres: PostgresServer) -> Iterator[ProxyServer]:
    """Four connections, and caching."""
    postgres.execute(f"CREATE DATABASE {DATABASE} OWNER app")
    postgres.execute(f"CREATE SCHEMA {DATABASE}; GRANT USAGE ON SCHEMA {DATABASE} TO app", database=DATABASE)
    origin = origin_of(postgres, database=DATABASE)
    server = ProxyServer(pool_config(origin, connection_limit=4, caching=Caching()))
    yield server
    server.close()
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    postgres.execute("ALTER ROLE app RESET ALL")


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("whose", WHOSE)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_default_that_a_client_changes_holds_for_whoever_comes_later(
    wide: ProxyServer, whose: str, name: str, in_transaction: bool
) -> None:
    value = CHANGED[name]
    text = value if name == "search_path" else f"'{value}'"
    with connect(wide) as client, connect(wide) as other:
        fill([client, other])
        before = other.rows(f"SHOW {name}")
        if in_transaction:
            client.ask(query("BEGIN"))
            client.ask(query(f"ALTER {whose} SET {name} = {text}"))
            assert other.rows(f"SHOW {name}") == before
            client.ask(query("COMMIT"))
        else:
            client.ask(parse("", f"ALTER {whose} SET {name} = {text}"), bind(), execute(), SYNC)
        with connect(wide) as late:
            told, seen = told_and_seen(late, name)
            assert seen == [[value.encode()]]
            assert told in (None, value)


@pytest.mark.parametrize("whose", WHOSE)
def test_a_default_that_is_not_reported_and_was_changed_elsewhere_holds_after_the_next_look_at_the_catalog(
    wide: ProxyServer, postgres: PostgresServer, whose: str
) -> None:
    value = CHANGED["search_path"]
    pool = wide.proxy.pools[BINDING]
    with connect(wide) as one, connect(wide) as other:
        fill([one, other])
        wait_until(lambda: not pool.stored_code.wanted)
        postgres.execute(f"ALTER {whose} SET search_path = {value}")
        wide.call(pool.stored_code.forget)  # as after some seconds
        for client in (one, other):
            wait_until(partial(sees, client, value))
        connections = set(pool.connections)
        fill([one, other])
        assert connections <= set(pool.connections)


def test_no_answer_from_before_is_served_behind_it(wide: ProxyServer, postgres: PostgresServer) -> None:
    postgres.execute(
        f"CREATE TABLE public.things AS SELECT 1 AS a; CREATE TABLE {DATABASE}.things AS SELECT 2 AS b;"
        f"GRANT SELECT ON public.things, {DATABASE}.things TO app",
        database=DATABASE,
    )
    with connect(wide) as client:
        for _ in range(3):
            assert client.rows("SELECT * FROM things") == [[b"1"]]
        client.ask(query(f"ALTER DATABASE {DATABASE} SET search_path = {DATABASE}, public"))
        with connect(wide) as late:
            assert late.rows("SELECT * FROM things") == [[b"2"]]


@pytest.mark.parametrize("name", ["TimeZone", "DateStyle"])
def test_all_have_the_same_defaults_soon_after_they_were_changed_elsewhere(
    wide: ProxyServer, postgres: PostgresServer, name: str
) -> None:
    value = CHANGED[name]
    with connect(wide) as one, connect(wide) as other:
        fill([one, other])
        postgres.execute(f"ALTER ROLE app SET {name} = '{value}'")
        for client in (one, other):
            client.ask(query("BEGIN"))
        before = one.parameters[name]
        with connect(wide) as late:  # which gets a new connection
            assert told_and_seen(late, name) == (value, [[value.encode()]])
            assert told_and_seen(one, name) == (before, [[before.encode()]])
            for client in (one, other):
                client.ask(query("COMMIT"))
            for _ in range(2):
                for client in (one, other, late):
                    client.ask(query("SET work_mem = '5MB'"))
                    assert told_and_seen(client, name) == (value, [[value.encode()]])


@pytest.mark.parametrize("told_meanwhile", [False, True])
def test_a_reset_that_reports_new_defaults_tells_the_client_behind_it(
    postgres_factory: Callable[..., PostgresServer], told_meanwhile: bool
) -> None:
    """Also when another connection has told the other clients of them meanwhile."""
    server = postgres_factory()
    proxy = ProxyServer(pool_config(origin_of(server), connection_limit=2))
    try:
        with connect_to(proxy) as client, connect_to(proxy) as one, connect_to(proxy) as other:
            fill([one, other])
            fill([one, other])
            server.execute("ALTER SYSTEM SET TimeZone = 'Asia/Tokyo'")
            server.reload()
            wait_until(lambda: server.execute("SHOW TimeZone") == [("Asia/Tokyo",)])  # so all processes know
            client.ask(query("BEGIN"))
            assert told_and_seen(client, "TimeZone") == ("Asia/Tokyo", [[b"Asia/Tokyo"]])
            if told_meanwhile:
                wait_until(lambda: told_and_seen(other, "TimeZone") == ("Asia/Tokyo", [[b"Asia/Tokyo"]]))
            client.ask(query("COMMIT"))
            everyone = (client, one, other)
            after = ("Asia/Tokyo", [[b"Asia/Tokyo"]])
            wait_until(lambda: [told_and_seen(each, "TimeZone") for each in everyone] == [after] * 3)
    finally:
        proxy.close()
