"""What a client is told of a statement's columns under settings of its own holds for no other client."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of
from support.raw_client import FLUSH, SYNC, Message, RawClient, bind, describe, execute, parse, query

from wrangler_py.hyperdrive.config import Caching

DATABASE = "described_elsewhere"
SQL = "SELECT * FROM things"
SCHEMA = """
    CREATE TABLE things AS SELECT 1 AS own;
    CREATE SCHEMA theirs;
    CREATE TABLE theirs.things AS SELECT 'theirs' AS secret, 2 AS number;
    CREATE FUNCTION go_there() RETURNS void LANGUAGE sql AS $$SELECT set_config('search_path', 'theirs', true)$$;
    GRANT ALL ON ALL TABLES IN SCHEMA public, theirs TO PUBLIC;
    GRANT USAGE ON SCHEMA theirs TO PUBLIC;
"""
THERE = "SET search_path = theirs"
DESCRIBED = parse("", SQL) + describe("S") + bind() + execute() + SYNC
PORTAL_DESCRIBED = parse("", SQL) + bind() + describe("P") + execute() + SYNC
LOCALLY = parse("", "SELECT set_config('search_path', 'theirs', true)") + bind() + execute()

WAYS: dict[str, list[tuple[bytes, int]]] = {
    "behind SET, in a pipeline": [(query(THERE) + DESCRIBED, 2)],
    "a portal behind SET, in a pipeline": [(query(THERE) + PORTAL_DESCRIBED, 2)],
    "behind set_config, in one group": [(LOCALLY + DESCRIBED, 1)],
    "a portal behind set_config, in one group": [(LOCALLY + PORTAL_DESCRIBED, 1)],
    "in two parts of a group": [(LOCALLY + FLUSH + DESCRIBED, 1)],
    "in a transaction": [(query("BEGIN"), 1), (query("SET LOCAL search_path = theirs"), 1), (DESCRIBED, 1)],
    "a portal in a transaction": [(query(f"BEGIN; {THERE}"), 1), (PORTAL_DESCRIBED, 1)],
    "behind a function": [(query("BEGIN"), 1), (query("SELECT go_there()"), 1), (DESCRIBED, 1)],
    "prepared before": [
        (parse("s", SQL) + SYNC, 1),
        (query(THERE) + describe("S", "s") + bind("", "s") + describe("P") + execute() + SYNC, 2),
    ],
    "prepared before, then in a transaction": [
        (parse("s", SQL) + SYNC, 1),
        (query("BEGIN") + query("SET LOCAL search_path = theirs"), 2),
        (bind("", "s") + describe("P") + execute() + SYNC, 1),
    ],
}
CACHING = {"uncached": Caching(disabled=True), "cached": Caching()}


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    with postgres.own_database(DATABASE, SCHEMA):
        yield DATABASE


@pytest.fixture(params=list(CACHING))
def proxy(
    postgres: PostgresServer,
    database: str,
    start_proxy: Callable[..., ProxyServer],
    request: pytest.FixtureRequest,
) -> ProxyServer:
    origin = origin_of(postgres, database=database)
    return start_proxy(origin, config={"connection_limit": 2, "caching": CACHING[request.param]})


def connect(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE)


def columns(answers: list[Message]) -> list[bytes]:
    return [answer.body[2 : answer.body.index(0, 2)] for answer in answers if answer.kind == "T"]


def rows(answers: list[Message]) -> list[list[bytes | None]]:
    assert not [answer.fields for answer in answers if answer.kind == "E"]
    return [answer.values for answer in answers if answer.kind == "D"]


@pytest.mark.parametrize("way", WAYS)
def test_another_client_gets_the_columns_that_it_sees(proxy: ProxyServer, way: str) -> None:
    with connect(proxy) as client, connect(proxy) as other, connect(proxy) as holder:
        assert other.rows(SQL) == [[b"1"]]
        other.ask(parse("mine", SQL), SYNC)
        holder.ask(query("BEGIN"))  # so that the statement may have to be prepared on the other connection
        for data, groups in WAYS[way]:
            client.send(data)
            client.until_ready(groups)
        client.ask(query("ROLLBACK"))
        holder.ask(query("ROLLBACK"))
        assert rows(other.ask(bind("", "mine"), execute(), SYNC)) == [[b"1"]]
        described = other.ask(parse("anew", SQL), describe("S", "anew"), SYNC)
        assert columns(described) == [b"own"]
        assert rows(other.ask(bind("", "anew"), execute(), SYNC)) == [[b"1"]]
        assert columns(client.ask(parse("anew", SQL), describe("S", "anew"), SYNC)) == [b"own"]
        assert rows(client.ask(bind("", "anew"), describe("P"), execute(), SYNC)) == [[b"1"]]


def test_the_client_itself_keeps_the_columns_that_it_was_told(proxy: ProxyServer) -> None:
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("s", SQL), SYNC)
        client.ask(query("BEGIN"))
        client.ask(query("SELECT 1"))
        assert columns(client.ask(describe("S", "s"), SYNC)) == [b"own"]
        client.ask(query("COMMIT"))
        for data in (bind("", "s") + execute() + SYNC, bind("", "s") + describe("P") + execute() + SYNC):
            assert rows(client.ask(data)) == rows(other.ask(PORTAL_DESCRIBED)) == [[b"1"]]
