"""A client that learns columns by Describe of a portal gets no others, as after Describe of the statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, wait_until
from support.raw_client import FLUSH, SYNC, Message, RawClient, bind, close, describe, execute, parse, query

from wrangler_py.hyperdrive.config import Caching

StartProxy = Callable[..., ProxyServer]
SQL = "SELECT * FROM portal_columns"
ALTER = "ALTER TABLE portal_columns ADD COLUMN b int DEFAULT 2"
AGAIN = bind("", "s") + execute() + SYNC
DESCRIBED_AGAIN = bind("", "s") + describe("P") + execute() + SYNC

ALL_AT_ONCE = [parse("s", SQL) + bind("", "s") + describe("P") + execute() + SYNC]
LEARN: dict[str, list[bytes]] = {
    "all at once": ALL_AT_ONCE,
    "prepared first": [parse("s", SQL) + SYNC, bind("", "s") + describe("P") + execute() + SYNC],
    "run first": [parse("s", SQL) + bind("", "s") + execute() + SYNC, bind("", "s") + describe("P") + SYNC],
    "described twice": [*ALL_AT_ONCE, bind("", "s") + describe("P") + execute() + SYNC],
    "in binary": [parse("s", SQL) + bind("", "s", result_formats=[1]) + describe("P") + execute() + SYNC],
    "not run": [parse("s", SQL) + bind("", "s") + describe("P") + SYNC],
    "a portal with a name": [parse("s", SQL) + bind("p", "s") + describe("P", "p") + execute("p") + SYNC],
    "a portal that another one replaces": [
        parse("s", SQL) + parse("t", "SELECT 'else'") + bind("p", "t") + close("P", "p") + bind("p", "s") + SYNC,
        bind("p", "t") + close("P", "p") + bind("p", "s") + describe("P", "p") + SYNC,
    ],
    "later in a transaction": [
        query("BEGIN"),
        parse("s", SQL) + bind("p", "s") + SYNC,
        query("SELECT 1"),
        describe("P", "p") + SYNC,
        query("COMMIT"),
    ],
    "in two parts": [parse("s", SQL) + bind("", "s") + FLUSH + describe("P") + execute() + SYNC],
}
WAYS = ["through the proxy", "directly"]
CACHING = {"": Caching(disabled=True), "cached": Caching()}


def connect(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD)


def errors(answers: list[Message]) -> list[str]:
    return [answer.sqlstate for answer in answers if answer.kind == "E"]


def rows(answers: list[Message]) -> list[list[bytes | None]]:
    return [answer.values for answer in answers if answer.kind == "D"]


@pytest.fixture
def table(postgres: PostgresServer) -> Iterator[None]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE portal_columns (a int)")
        connection.execute("INSERT INTO portal_columns VALUES (1)")
        connection.execute("GRANT ALL ON portal_columns TO PUBLIC")
        yield
        connection.execute("DROP TABLE portal_columns")


def change(client: RawClient, postgres: PostgresServer, way: str, sql: str = ALTER) -> None:
    if way == "directly":
        postgres.execute(sql)
    else:
        assert not errors(client.ask(query(sql)))


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("caching", CACHING.values(), ids=CACHING)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same connection", "another connection"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("learn", LEARN)
def test_a_client_that_described_a_portal_gets_an_error_instead_of_other_columns(
    start_proxy: StartProxy, postgres: PostgresServer, learn: str, way: str, elsewhere: bool, caching: Caching
) -> None:
    proxy = start_proxy(config={"connection_limit": 3, "caching": caching})
    with connect(proxy) as client, connect(proxy) as one, connect(proxy) as other:
        for data in LEARN[learn]:
            assert not errors(client.ask(data))
        change(client, postgres, way)
        proxy.call(proxy.proxy.store.clear)
        if elsewhere:  # these hold the connections that know the statement
            for holder in (one, other):
                holder.ask(query("BEGIN"))
        assert errors(client.ask(AGAIN)) == ["0A000"]
        client.ask(close("S", "s"), SYNC)
        assert rows(client.ask(*ALL_AT_ONCE[:1])) == [[b"1", b"2"]]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("way", WAYS)
def test_the_unnamed_statement_keeps_its_columns_too(
    start_proxy: StartProxy, postgres: PostgresServer, way: str
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as client, connect(proxy) as other:
        for _ in range(2):  # the second time goes the shorter way
            client.ask(parse("", SQL) + bind() + describe("P") + execute() + SYNC)
        change(other, postgres, way)
        assert errors(client.ask(bind() + execute() + SYNC)) == ["0A000"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("caching", CACHING.values(), ids=CACHING)
def test_a_client_that_describes_each_time_gets_what_the_statement_has_now(
    start_proxy: StartProxy, postgres: PostgresServer, caching: Caching
) -> None:
    """Its columns are those that it was told last, also when the table is changed back."""
    proxy = start_proxy(config={"connection_limit": 2, "caching": caching})
    with connect(proxy) as old, connect(proxy) as fresh, connect(proxy) as holder:
        old.ask(*ALL_AT_ONCE)
        change(holder, postgres, "directly")
        proxy.call(proxy.proxy.store.clear)
        holder.ask(query("BEGIN"))  # on the connection that knows the statement
        fresh.ask(parse("s", SQL), SYNC)
        assert rows(fresh.ask(bind("", "s") + describe("P") + execute() + SYNC)) == [[b"1", b"2"]]
        holder.ask(query("ROLLBACK"))
        change(holder, postgres, "directly", "ALTER TABLE portal_columns DROP COLUMN b")
        proxy.call(proxy.proxy.store.clear)
        holder.ask(query("BEGIN"))
        assert errors(fresh.ask(AGAIN)) == ["0A000"]
        holder.ask(query("ROLLBACK"))


@pytest.mark.usefixtures("table")
def test_columns_of_a_portal_from_the_cache_stay_valid(start_proxy: StartProxy, postgres: PostgresServer) -> None:
    proxy = start_proxy(config={"caching": Caching()})
    with connect(proxy) as first, connect(proxy) as client:
        first.ask(*ALL_AT_ONCE)
        client.ask(parse("s", SQL) + SYNC)
        for _ in range(3):
            assert rows(client.ask(bind("", "s") + describe("P") + execute() + SYNC)) == [[b"1"]]
        postgres.execute(ALTER)
        proxy.call(proxy.proxy.clear_cache)
        assert errors(client.ask(AGAIN)) == ["0A000"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("stored_by", ["a simple query", "a refresh"])
@pytest.mark.parametrize(
    "again", [AGAIN, bind("", "s") + describe("P") + execute() + SYNC], ids=["rows", "described"]
)
def test_an_answer_with_other_columns_is_not_for_a_client_that_knows_the_former_ones(
    start_proxy: StartProxy, postgres: PostgresServer, stored_by: str, again: bytes
) -> None:
    """It asks with the same octets as when it was answered from the cache before."""
    proxy = start_proxy(config={"caching": Caching(max_age=60, stale_while_revalidate=3600)})
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("s", SQL) + describe("S", "s") + SYNC)
        for _ in range(3):
            assert rows(client.ask(again)) == [[b"1"]]
        postgres.execute(ALTER)
        [(key, entry)] = proxy.call(proxy.proxy.store.entries)
        if stored_by == "a refresh":
            entry.stored_at -= 100  # as if so many seconds had passed
        else:
            proxy.call(lambda: proxy.proxy.store.remove(key))
        other.ask(query(SQL))
        wait_until(lambda: rows(other.ask(query(SQL))) == [[b"1", b"2"]])
        assert errors(client.ask(again)) == ["0A000"]
