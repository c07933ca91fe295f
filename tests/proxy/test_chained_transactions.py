"""COMMIT AND CHAIN and ROLLBACK AND CHAIN: the next transaction begins at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer
from support.raw_client import RawClient, query
from support.ways_to_ask import FORMS, ask, values

from wrangler_py.hyperdrive.config import Caching

StartProxy = Callable[..., ProxyServer]
CHAINS = ["COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "END AND CHAIN", "ABORT AND CHAIN"]


@pytest.fixture
def table(postgres: PostgresServer) -> Iterator[str]:
    name = f"chained_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {name} (i int)")
        connection.execute(f"GRANT ALL ON {name} TO PUBLIC")
        yield name
        connection.execute(f"DROP TABLE {name}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chain", CHAINS)
def test_what_is_pipelined_behind_it_is_in_a_transaction(
    proxy: ProxyServer, chain: str, form: Callable[[str], bytes]
) -> None:
    """A temporary table and a WITH HOLD cursor are refused outside of one."""
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
        texts = [
            "BEGIN",
            chain,
            "CREATE TEMP TABLE kept (i int)",
            "INSERT INTO kept VALUES (7)",
            "SELECT i FROM kept",
        ]
        assert values(ask(client, *map(form, texts))) == [b"7"]
        texts = [f"ROLLBACK; BEGIN; {chain}; SELECT 1", "DECLARE c CURSOR WITH HOLD FOR SELECT 8", "FETCH c"]
        assert values(ask(client, query(texts[0]), *map(form, texts[1:]))) == [b"1", b"8"]


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", "leave"])
@pytest.mark.parametrize(("chain", "is_written"), [("COMMIT AND CHAIN", True), ("ROLLBACK AND CHAIN", False)])
def test_what_it_commits_is_written_whatever_comes_behind_it(
    start_proxy: StartProxy, table: str, chain: str, is_written: bool, end: str
) -> None:
    proxy = start_proxy(config={"caching": Caching()})
    sql = f"SELECT count(*) FROM {table}"
    with psycopg.connect(proxy.dsn(), autocommit=True) as reader:
        reader.execute(sql)
        with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
            for text in ["BEGIN", f"INSERT INTO {table} VALUES (1)", chain, "SELECT 1"]:
                client.ask(query(text))
            if end != "leave":
                client.ask(query(end))
        with psycopg.connect(proxy.dsn(), autocommit=True) as other:
            other.execute("SELECT now()")
        reader.execute(sql)
    assert [notice for notice in proxy.notices if "rolled back" in notice] == []
    assert len([notice for notice in proxy.notices if "stale read" in notice]) == is_written
