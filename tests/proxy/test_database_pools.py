"""Clients that may ask for any database of the server: a pool for each, on demand, within one limit."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, wait_until
from support.raw_client import RawClient, RefusedError, query

from wrangler_py.hyperdrive.config import Caching

StartProxy = Callable[..., ProxyServer]
NAMES = ("any_one", "any_two", "any_three")
OURS = "application_name = 'Cloudflare Hyperdrive'"


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The user may create databases."""
    postgres.execute(f"ALTER ROLE {postgres.user} CREATEDB")
    yield postgres
    for name in (*NAMES, "any_copy", "any_renamed"):
        postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    postgres.execute(f"ALTER ROLE {postgres.user} NOCREATEDB")


@pytest.fixture
def databases(server: PostgresServer) -> tuple[str, ...]:
    """Three databases, each with a table that holds its name."""
    for name in ("any_copy", "any_renamed"):
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    there = {name for (name,) in server.execute("SELECT datname FROM pg_database")}
    for name in NAMES:
        if name not in there:
            server.execute(f"CREATE DATABASE {name}")
        server.execute(f"ALTER DATABASE {name} OWNER TO {server.user}")
        server.execute("DROP TABLE IF EXISTS named", database=name)
        server.execute("CREATE TABLE named AS SELECT current_database() AS name", database=name)
        server.execute("GRANT ALL ON named TO PUBLIC", database=name)
    return NAMES


@pytest.fixture
def start(start_proxy: StartProxy, databases: tuple[str, ...]) -> StartProxy:
    def start(limit: int = 5, caching: bool = False, **options: Any) -> ProxyServer:
        config = {"connection_limit": limit, "caching": Caching(disabled=not caching)}
        return start_proxy(config=config, any_database=True, **options)

    return start


def connect(proxy: ProxyServer, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(proxy.dsn(), dbname=database, autocommit=True)


def named(client: psycopg.Connection[Any]) -> str:
    [(name,)] = client.execute("SELECT name FROM named").fetchall()
    return str(name)


def connections(postgres: PostgresServer, database: str) -> int:
    [(count,)] = postgres.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND datname = '{database}'")
    return int(count)


@pytest.mark.parametrize("caching", [False, True])
def test_each_client_is_in_the_database_that_it_asks_for(start: StartProxy, caching: bool) -> None:
    proxy = start(caching=caching)
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(connect(proxy, name)) for name in NAMES}
        for prepare in (False, True, None):
            for name, client in clients.items():
                for _ in range(3):
                    rows = client.execute("SELECT name FROM named", prepare=prepare).fetchall()
                    assert rows == [(name,)]
        own = stack.enter_context(connect(proxy, proxy.config.origin.database))
        assert own.execute("SELECT current_database()").fetchone() == (proxy.config.origin.database,)


def test_without_the_option_there_is_the_configs_database_only(
    start_proxy: StartProxy, databases: tuple[str, ...]
) -> None:
    proxy = start_proxy()
    with pytest.raises(psycopg.OperationalError, match='database "any_one" does not exist'):
        connect(proxy, "any_one")


def test_no_database_asked_for_is_the_configs(start: StartProxy) -> None:
    proxy = start()
    client = RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, start=False)
    with client:
        client.start({"user": BINDING}, PASSWORD)
        assert client.rows("SELECT current_database()") == [[proxy.config.origin.database.encode()]]


def test_a_database_that_does_not_exist_gets_the_servers_own_error(
    start: StartProxy, postgres: PostgresServer
) -> None:
    proxy = start()
    login: dict[str, Any] = {"database": "any_missing"}
    with pytest.raises(RefusedError) as theirs:
        RawClient(postgres.port, user=postgres.user, password=postgres.user_password, **login)
    with pytest.raises(RefusedError) as ours:
        RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, **login)
    assert ours.value.answer == theirs.value.answer
    assert ours.value.answer.sqlstate == "3D000"
    assert proxy.failures == []
    with connect(proxy, "any_one") as client:
        client.execute("CREATE DATABASE any_copy")
        with connect(proxy, "any_copy") as copy:
            assert copy.execute("SELECT current_database()").fetchone() == ("any_copy",)


def test_the_last_client_takes_the_connections_with_it(start: StartProxy, postgres: PostgresServer) -> None:
    """Also in the middle of a transaction, and of a statement."""
    proxy = start()
    with connect(proxy, "any_one") as one, connect(proxy, "any_one") as other:
        named(one)
        one.execute("BEGIN")
        other.execute("SELECT 1")
        assert connections(postgres, "any_one") == 2
        other.close()
        assert named(one) == "any_one"
        one.close()
        wait_until(lambda: not connections(postgres, "any_one"))
    client = RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database="any_one")
    client.send(query("SELECT pg_sleep(100)"))
    wait_until(lambda: connections(postgres, "any_one"))
    client.kill()
    wait_until(lambda: not connections(postgres, "any_one"))
    with connect(proxy, "any_one") as again:
        assert named(again) == "any_one"


@pytest.mark.parametrize("directly", [True, False], ids=["directly", "through the proxy"])
def test_an_unused_database_can_be_dropped_copied_and_renamed(
    start: StartProxy, postgres: PostgresServer, directly: bool
) -> None:
    proxy = start()
    with connect(proxy, "postgres") as client:

        def run(sql: str) -> None:
            if directly:
                postgres.execute(sql, database="postgres")
            else:
                client.execute(sql)

        for sql in (
            "CREATE DATABASE any_copy TEMPLATE any_one",
            "ALTER DATABASE any_one RENAME TO any_renamed",
            "DROP DATABASE any_renamed",
        ):
            for name in ("any_one", "any_copy", "any_renamed"):
                with contextlib.suppress(psycopg.OperationalError), connect(proxy, name) as user:
                    named(user)
            run(sql)
        with pytest.raises(psycopg.OperationalError, match='"any_one" does not exist'):
            connect(proxy, "any_one")
        run("CREATE DATABASE any_one")


def test_the_configs_own_database_can_be_copied_when_nobody_uses_it(
    start_proxy: StartProxy, postgres: PostgresServer, databases: tuple[str, ...]
) -> None:
    origin = dataclasses.replace(origin_of(postgres), database="any_one")
    proxy = start_proxy(origin, any_database=True)
    with connect(proxy, "any_one") as client:
        named(client)
    assert connections(postgres, "any_one") == 1
    with connect(proxy, "postgres") as client:
        for prepare in (False, True):
            client.execute("CREATE DATABASE any_copy TEMPLATE any_one", prepare=prepare)
            client.execute("DROP DATABASE any_copy", prepare=prepare)
            with connect(proxy, "any_one") as user:
                named(user)
        client.execute("DROP DATABASE any_one")


def test_a_database_in_use_is_not_dropped(start: StartProxy) -> None:
    proxy = start()
    with connect(proxy, "any_one") as user, connect(proxy, "postgres") as client:
        named(user)
        with pytest.raises(psycopg.errors.ObjectInUse):
            client.execute("DROP DATABASE any_one")
        assert named(user) == "any_one"


@pytest.mark.parametrize("caching", [False, True])
def test_a_recreated_database_is_another_one(start: StartProxy, postgres: PostgresServer, caching: bool) -> None:
    """Whoever was connected to the old one, and what was stored of it, is gone."""
    proxy = start(caching=caching)
    with connect(proxy, "postgres") as client:
        for force in ("", "WITH (FORCE)", ""):
            with connect(proxy, "any_two") as user:
                assert named(user) == named(user) == "any_two"
                if force:
                    client.execute(f"DROP DATABASE any_two {force}")
                    with pytest.raises(psycopg.OperationalError):
                        named(user)
            if not force:
                client.execute("DROP DATABASE any_two")
            client.execute("CREATE DATABASE any_two")
            with connect(proxy, "any_two") as fresh:
                with pytest.raises(psycopg.errors.UndefinedTable):
                    named(fresh)
                fresh.execute("CREATE TABLE named AS SELECT 'any_two' AS name")


@pytest.mark.parametrize("limit", [1, 2])
def test_the_limit_holds_over_all_databases(start: StartProxy, postgres: PostgresServer, limit: int) -> None:
    """Everyone is served all the same, whether connections are idle elsewhere or always busy there."""
    proxy = start(limit=limit)
    rounds = 10
    most = 0
    ended = threading.Event()
    failures: list[BaseException] = []

    def use(name: str) -> None:
        try:
            with connect(proxy, name) as client:
                for _ in range(rounds):
                    with client.transaction():
                        assert named(client) == name
        except BaseException as error:
            failures.append(error)

    pools = proxy.proxy._on_demand[BINDING]  # noqa: SLF001 - a snapshot leaves out pools that are ending

    def count() -> None:
        nonlocal most
        while not ended.is_set():
            most = max(most, proxy.call(lambda: pools.connections + sum(pool.opening for pool in pools)))

    counter = threading.Thread(target=count)
    counter.start()
    users = [threading.Thread(target=use, args=(name,)) for name in NAMES for _ in range(3)]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
    ended.set()
    counter.join(60)
    assert failures == []
    assert most == limit


def test_an_idle_connection_makes_room_for_another_database(start: StartProxy, postgres: PostgresServer) -> None:
    proxy = start(limit=2)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(proxy, name)) for name in NAMES]
        for _ in range(2):
            for client, name in zip(clients, NAMES, strict=True):
                assert named(client) == name
        clients[0].execute("BEGIN")
        clients[1].execute("BEGIN")
        with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=NAMES[2]) as waiting:
            waiting.send(query("SELECT name FROM named"))
            wait_until(lambda: any(pool.waiting_clients for pool in proxy.call(proxy.proxy.snapshot)))
            clients[0].execute("COMMIT")
            assert [answer.values for answer in waiting.until_ready() if answer.kind == "D"] == [[b"any_three"]]


def test_stale_reads_are_those_of_the_same_database(start: StartProxy) -> None:
    proxy = start(caching=True)
    with connect(proxy, "any_one") as one, connect(proxy, "any_two") as two:
        for client in (one, two):
            named(client)
        one.execute("INSERT INTO named VALUES ('more')")
        two.execute("SELECT name FROM named")
        assert not proxy.notices
        one.execute("SELECT name FROM named")
        assert [notice.partition(" was")[0] for notice in proxy.notices] == ["stale read: named"]
        assert proxy.proxy.pools[BINDING].caching.counts.stale_reads == 1


def test_clearing_and_updating_reach_every_database(start: StartProxy) -> None:
    proxy = start(caching=True)
    with connect(proxy, "any_one") as client:
        named(client)
        assert proxy.call(proxy.proxy.clear_cache) >= 1
        uncached = dataclasses.replace(proxy.config, caching=Caching(disabled=True))
        proxy.call(lambda: proxy.proxy.update_pool(BINDING, uncached))
        proxy.events.clear()
        assert named(client) == "any_one"
        assert [event.status for event in proxy.events] == ["disabled"]
