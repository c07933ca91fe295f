"""Clients share prepared statements, but nothing in a plan that comes from another client's time or settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import SYNC, RawClient, bind, execute, parse, query
from support.ways_to_ask import ask, named, named_in_turns, values

from wrangler_py.hyperdrive.config import Caching

StartProxy = Callable[..., ProxyServer]

FOLDED = {
    "SELECT '\\x01de'::bytea::text": ("bytea_output", "escape"),
    "SELECT (1.1::float8 * 3)::text": ("extra_float_digits", "-10"),
}
"""What a planner computes once, and the setting that its result depends on."""
CHANGES = ["SET LOCAL {0} = '{1}'", "SET {0} = '{1}'", "SELECT set_config('{0}', '{1}', true)"]
CHANGES += ["SELECT set_config(name, '{1}', true) FROM pg_settings WHERE name ILIKE '{0}'"]
CLOCKS = ["'now'::timestamptz", "timestamp 'NOW'", "'{now,today}'::timestamp[]", "$$now$$::timestamptz"]


def connect(proxy: ProxyServer, database: str = "app") -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=database)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("sql", FOLDED)
@pytest.mark.parametrize("caching", [Caching(disabled=True), Caching()], ids=["uncached", "cached"])
def test_what_is_planned_under_changed_settings_is_for_nobody_else(
    start_proxy: StartProxy, postgres: PostgresServer, sql: str, change: str, caching: Caching
) -> None:
    proxy = start_proxy(config={"connection_limit": 1, "caching": caching})
    [(expected,)] = postgres.execute(sql)
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("s", sql), SYNC)  # before the change, so that others can have it, too
        client.ask(query("BEGIN"))
        client.ask(query(change.format(*FOLDED[sql])))
        assert values(client.ask(bind("", "s"), execute(), SYNC)) != [expected.encode()]
        client.ask(query("COMMIT"))
        for form in (named, named_in_turns):
            assert values(ask(other, form(sql))) == [expected.encode()]


READ_BY_IMMUTABLE = {
    "a custom setting": ("whose", "SET LOCAL app.tenant = 'theirs'", "ours"),
    "a custom setting, by set_config": ("whose", "SELECT set_config('app.tenant', 'theirs', true)", "ours"),
    "a role": ("who", "SET LOCAL ROLE pg_monitor", "app"),
}
"""A view over a function that is declared IMMUTABLE and is not, a change, and what others see."""


@pytest.mark.parametrize("case", READ_BY_IMMUTABLE)
def test_what_a_function_declared_immutable_has_read_is_for_nobody_else(
    start_proxy: StartProxy, postgres: PostgresServer, case: str
) -> None:
    """PostgreSQL calls it once, when it plans. Many who write multi-tenant policies declare theirs so."""
    view, change, expected = READ_BY_IMMUTABLE[case]
    postgres.execute(
        """
        GRANT pg_monitor TO app;
        CREATE FUNCTION whose_it_is() RETURNS text IMMUTABLE LANGUAGE plpgsql
            AS $$BEGIN RETURN current_setting('app.tenant', true); END$$;
        CREATE FUNCTION who_it_is() RETURNS text IMMUTABLE LANGUAGE plpgsql
            AS $$BEGIN RETURN current_user; END$$;
        CREATE VIEW whose AS SELECT whose_it_is() AS tenant;
        CREATE VIEW who AS SELECT who_it_is() AS tenant;
        GRANT SELECT ON who, whose TO PUBLIC;
        """
    )
    try:
        proxy = start_proxy(config={"connection_limit": 1})
        options = {"options": "-c app.tenant=ours"}
        clients = [RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, settings=options) for _ in range(2)]
        sql = f"SELECT tenant FROM {view}"
        for client in clients:
            client.ask(parse("s", sql), SYNC)
        client, other = clients
        client.ask(query("BEGIN"))
        client.ask(query(change))
        client.ask(bind("", "s"), execute(), SYNC)
        client.ask(query("COMMIT"))
        assert values(other.ask(bind("", "s"), execute(), SYNC)) == [expected.encode()]
    finally:
        postgres.execute(
            "DROP FUNCTION whose_it_is, who_it_is CASCADE; REVOKE pg_monitor FROM app",
        )


KEPT = {
    "a function": ("SELECT instant()", "SELECT instant()"),
    "a trigger": (
        "INSERT INTO stamped VALUES (1)",
        "INSERT INTO stamped VALUES (2) RETURNING extract(epoch FROM at)::int",
    ),
    "a trigger that changes it": (
        "INSERT INTO changing VALUES (1)",
        "INSERT INTO stamped VALUES (2) RETURNING extract(epoch FROM at)::int",
    ),
}


@pytest.fixture
def keeping(postgres: PostgresServer) -> Iterator[ProxyServer]:
    """In front of a database whose functions and triggers have constants that the time zone decides about."""
    constant = "'2024-01-01 00:00'::timestamptz"
    postgres.execute("CREATE DATABASE keeping OWNER app")
    postgres.execute(
        f"""
        SET ROLE app;
        CREATE FUNCTION instant() RETURNS text LANGUAGE plpgsql
            AS $$BEGIN RETURN extract(epoch FROM {constant})::int; END$$;
        CREATE TABLE stamped (a int, at timestamptz);
        CREATE TABLE clocked (a int, at timestamptz);
        CREATE TABLE changing (a int);
        CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.at := {constant}; RETURN NEW; END$$;
        CREATE FUNCTION clock() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN NEW.at := 'now'::timestamptz; RETURN NEW; END$$;
        CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM set_config('timezone', 'Asia/Tokyo', true);
                INSERT INTO stamped VALUES (1);
                RETURN NEW;
            END$$;
        CREATE TRIGGER stamp BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
        CREATE TRIGGER clock BEFORE INSERT ON clocked FOR EACH ROW EXECUTE FUNCTION clock();
        CREATE TRIGGER change BEFORE INSERT ON changing FOR EACH ROW EXECUTE FUNCTION change();
        """,
        database="keeping",
    )
    server = ProxyServer(pool_config(origin_of(postgres, database="keeping"), connection_limit=1))
    with RawClient(server.proxy.port, user=BINDING, password=PASSWORD, database="keeping") as client:
        client.rows("SELECT now()")
        pool = server.proxy.pools[BINDING]
        wait_until(lambda: not pool.stored_code.on_read)
    yield server
    server.close()
    postgres.execute("DROP DATABASE keeping WITH (FORCE)")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KEPT)
def test_what_functions_and_triggers_have_planned_is_for_nobody_else(
    keeping: ProxyServer, kind: str, change: str
) -> None:
    use, see = KEPT[kind]
    with connect(keeping, "keeping") as client, connect(keeping, "keeping") as other:
        client.ask(query("BEGIN"))
        client.ask(query(change.format("TimeZone", "Asia/Tokyo")))
        client.ask(query(use))
        client.ask(query("COMMIT"))
        assert other.rows(see) == [[b"1704067200"]]


def test_time_constants_in_a_trigger_are_read_again(keeping: ProxyServer) -> None:
    told = []
    for _ in range(2):
        with connect(keeping, "keeping") as client:
            told += [client.rows("INSERT INTO clocked VALUES (1) RETURNING at") for _ in range(2)]
    assert told[0] != told[2]


def test_ordinary_settings_cost_no_prepared_statement(start_proxy: StartProxy) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    prepared = "SELECT prepare_time FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1234%'"
    with connect(proxy) as client:
        client.ask(parse("s", "SELECT 1234"), SYNC)
        before = client.rows(prepared)
        for setting in ("SET LOCAL statement_timeout = 9999", "SET client_encoding TO 'UTF8'"):
            ask(client, query(f"BEGIN; {setting}"), bind("", "s") + execute() + SYNC, query("COMMIT"))
            assert client.rows(prepared) == before != []


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("caching", [Caching(disabled=True), Caching()], ids=["uncached", "cached"])
def test_time_constants_are_read_again_for_each_client(
    start_proxy: StartProxy, clock: str, caching: Caching
) -> None:
    proxy = start_proxy(config={"connection_limit": 1, "caching": caching})
    told = []
    with connect(proxy) as one, connect(proxy) as other:
        one.rows("SELECT now()")
        pool = proxy.proxy.pools[BINDING]
        wait_until(lambda: not pool.stored_code.on_read)  # else statements are shared by nobody
        for client in (one, other):
            for form in (named, named_in_turns):
                told.append(values(ask(client, form(f"SELECT {clock}"))))
                proxy.call(proxy.proxy.store.clear)
    assert len(told) == len(set(map(tuple, told)))


def test_constants_that_tell_the_time_through_a_driver(start_proxy: StartProxy) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    told = []
    for _ in range(2):
        with psycopg.connect(proxy.dsn(), autocommit=True) as client:
            told += [client.execute("SELECT 'now'::timestamptz", prepare=True).fetchone() for _ in range(2)]
    assert told[0] == told[1] != told[2] == told[3]
