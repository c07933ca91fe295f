"""A reset in the transaction of the next client's query: nothing gets past it, whatever becomes of the query.

What leaves something behind here is code made outside of the proxy, which it has not noticed yet.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of
from support.raw_client import SYNC, Message, RawClient, bind, execute, parse, query
from support.ways_to_ask import FORMS, ask, unnamed, values

StartProxy = Callable[..., ProxyServer]
STATE = "SELECT current_setting('work_mem')"
CLEAN: list[bytes | None] = [b"4MB"]
ROLE = "of_resets_in_transactions"
_numbers = itertools.count()


@pytest.fixture
def proxy(postgres: PostgresServer, start_proxy: StartProxy) -> Iterator[ProxyServer]:
    """One connection to a database with an empty table, which looks harmless to the proxy."""
    name = f"resets_in_transactions_{next(_numbers)}"
    postgres.execute(f"CREATE DATABASE {name} OWNER app")
    postgres.execute("CREATE TABLE kept (a text); ALTER TABLE kept OWNER TO app", database=name)
    postgres.execute(f"CREATE ROLE {ROLE}; GRANT {ROLE} TO app")
    yield start_proxy(origin_of(postgres, database=name), config={"connection_limit": 1})
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
    postgres.execute(f"DROP ROLE {ROLE}")


def connect(proxy: ProxyServer) -> RawClient:
    database = proxy.config.origin.database
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=database)


def errors(answers: list[Message]) -> list[str]:
    return [answer.sqlstate for answer in answers if answer.kind == "E"]


def leak(postgres: PostgresServer, proxy: ProxyServer, client: RawClient, statement: str) -> None:
    """Has `client` run `statement` in a way that the proxy can't know of."""
    assert values(client.ask(query(STATE))) == CLEAN  # the proxy has looked at the database by now
    postgres.execute(
        f"CREATE FUNCTION run() RETURNS text LANGUAGE plpgsql AS $$BEGIN {statement}; RETURN 'x'; END$$;"
        "CREATE VIEW harmless AS SELECT run(); GRANT SELECT ON harmless TO app",
        database=proxy.config.origin.database,
    )
    assert values(client.ask(query("SELECT * FROM harmless"))) == [b"x"]
    postgres.execute("DROP VIEW harmless; DROP FUNCTION run()", database=proxy.config.origin.database)


def has_reset_statements(client: RawClient) -> bool:
    count = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'hyperdrive_reset%'"
    return values(client.ask(query(count))) == [b"8"]


LEFT_BEHIND: dict[str, tuple[str, str, bytes]] = {
    "a setting": ("SET work_mem = '7MB'", STATE, b"4MB"),
    "a role": (f"SET ROLE {ROLE}", "SELECT (current_user = session_user)::text", b"true"),
    "an advisory lock": (
        "PERFORM pg_advisory_lock(7)",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        b"0",
    ),
    "a temporary table": (
        "CREATE TEMP TABLE kept AS SELECT 'theirs' AS a",
        "SELECT coalesce(max(a), 'none') FROM kept",
        b"none",
    ),
    "a channel": ("LISTEN theirs", "SELECT count(*) FROM pg_listening_channels()", b"0"),
    "a cursor": (
        "EXECUTE 'DECLARE theirs CURSOR WITH HOLD FOR SELECT 1'",
        "SELECT count(*) FROM pg_cursors WHERE name = 'theirs'",
        b"0",
    ),
    "an isolation level": (
        "SET default_transaction_isolation = 'serializable'", "SELECT current_setting('transaction_isolation')",
        b"read committed",
    ),
    "read-only transactions": (
        "SET default_transaction_read_only = on", "SELECT current_setting('transaction_read_only')", b"off"
    ),
    "deferrable transactions": (
        "SET default_transaction_deferrable = on", "SELECT current_setting('transaction_deferrable')", b"off"
    ),
}  # fmt: skip


@pytest.mark.parametrize("left_behind", LEFT_BEHIND.values(), ids=LEFT_BEHIND.keys())
@pytest.mark.parametrize("form", FORMS)
def test_the_next_client_finds_nothing(
    postgres: PostgresServer, proxy: ProxyServer, form: Callable[[str], bytes], left_behind: tuple[str, str, bytes]
) -> None:
    statement, sql, clean = left_behind
    with connect(proxy) as client, connect(proxy) as other:
        for one in (client, other, client, other):
            assert values(ask(one, unnamed(STATE))) == CLEAN
        assert has_reset_statements(client)
        leak(postgres, proxy, client, statement)
        assert values(ask(other, form(sql))) == [clean]
        assert values(ask(client, form(sql))) == [clean]
    assert not proxy.notices


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_behind_a_reset_is_committed(
    postgres: PostgresServer, proxy: ProxyServer, form: Callable[[str], bytes]
) -> None:
    database = proxy.config.origin.database
    with connect(proxy) as client, connect(proxy) as other:
        for number, one in enumerate((client, other, client, other), 1):
            assert ask(one, form("INSERT INTO kept VALUES ('x')"))[-1].body == b"I"
            assert postgres.execute("SELECT count(*) FROM kept", database=database) == [(number,)]


@pytest.mark.parametrize("behind", ["afterwards", "in the same packet", "from another client"])
def test_what_comes_behind_a_query_that_fails_finds_nothing(
    postgres: PostgresServer, proxy: ProxyServer, behind: str
) -> None:
    failing = unnamed("SELECT 1 / (count(*) - 1) FROM (VALUES (1)) AS one")
    with connect(proxy) as client, connect(proxy) as other, connect(proxy) as third:
        assert values(other.ask(query(STATE))) == CLEAN
        leak(postgres, proxy, client, "SET work_mem = '7MB'")
        if behind == "in the same packet":
            other.send(failing + query(STATE))
            assert "22012" in errors(other.until_ready())
            assert values(other.until_ready()) == CLEAN
        else:
            assert "22012" in errors(other.ask(failing))
            assert values((third if behind == "from another client" else other).ask(query(STATE))) == CLEAN


def test_a_connection_that_has_lost_the_statements_of_the_reset_is_not_used(
    postgres: PostgresServer, proxy: ProxyServer
) -> None:
    with connect(proxy) as client, connect(proxy) as other:
        for one in (client, other, client, other):
            assert values(ask(one, unnamed(STATE))) == CLEAN
        leak(postgres, proxy, client, "EXECUTE 'DEALLOCATE ALL'; SET work_mem = '7MB'")
        process = values(client.ask(query("SELECT pg_backend_pid()")))
        assert values(ask(other, unnamed(STATE))) == CLEAN
        assert values(ask(other, unnamed("SELECT pg_backend_pid()"))) != process
        for one in (client, other):
            assert values(ask(one, unnamed(STATE))) == CLEAN
            assert not has_reset_statements(one)


def test_an_origin_that_refuses_a_part_of_the_reset_keeps_its_connection(
    postgres: PostgresServer, proxy: ProxyServer
) -> None:
    database = proxy.config.origin.database
    postgres.execute("REVOKE EXECUTE ON FUNCTION pg_advisory_unlock_all() FROM PUBLIC", database=database)
    processes = []
    for _ in range(12):
        with connect(proxy) as client, contextlib.suppress(EOFError):
            processes += values(client.ask(query("SELECT pg_backend_pid()")))
    assert len(set(processes[-6:])) == 1


def test_messages_behind_one_that_fails_are_skipped(postgres: PostgresServer, proxy: ProxyServer) -> None:
    group = parse("", "INSERT INTO kept VALUES ($1)") + bind("", "", [b"x"]) + execute() + SYNC
    with connect(proxy) as client, connect(proxy) as other:
        for _ in range(2):
            assert values(client.ask(query(STATE))) == CLEAN
            assert [answer.kind for answer in other.ask(group)] == ["1", "2", "C", "Z"]
        leak(postgres, proxy, client, "EXECUTE 'DEALLOCATE ALL'; SET work_mem = '7MB'")
        # The connection has lost the statements that reset it: the query runs once, over another.
        assert [answer.kind for answer in other.ask(group)] == ["1", "2", "C", "Z"]
        assert values(client.ask(query("SELECT count(*) FROM kept"))) == [b"3"]


def test_a_client_that_may_only_read_is_kept_apart_too(postgres: PostgresServer, proxy: ProxyServer) -> None:
    options = "-c default_transaction_read_only=on -c default_transaction_isolation=serializable"
    with (
        psycopg.connect(proxy.dsn(), options=options, autocommit=True) as client,
        psycopg.connect(proxy.dsn(), options=options, autocommit=True) as other,
    ):
        for one in (client, other, client, other):
            assert one.execute("SELECT current_setting('transaction_isolation')").fetchone() == ("serializable",)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                one.execute("INSERT INTO kept VALUES ('x')")
