"""`--allow-unsupported`: what needs a session of its own gets one, and nobody else sees it afterwards."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, wait_until
from support.raw_client import SYNC, Message, RawClient, bind, execute, parse, query


@pytest.fixture
def pinning(start_proxy: Callable[..., ProxyServer]) -> ProxyServer:
    return start_proxy(config={"connection_limit": 5}, allow_unsupported=True)


def pinned(proxy: ProxyServer) -> int:
    return proxy.proxy.pools["HYPERDRIVE"].pinned


def run(sql: str) -> bytes:
    return parse("", sql) + bind() + execute()


def rows_and_errors(answers: list[Message]) -> list[bytes | str | None]:
    """The first value of each row and the code of each error."""
    assert all(answer.kind in "12DCETZ" for answer in answers)
    telling = (answer for answer in answers if answer.kind in "ED")
    return [answer.sqlstate if answer.kind == "E" else answer.values[0] for answer in telling]


@pytest.mark.parametrize("prepare", [False, True])
def test_a_temporary_table_stays_with_its_client(pinning: ProxyServer, prepare: bool) -> None:
    with (
        psycopg.connect(pinning.dsn(), autocommit=True) as owner,
        psycopg.connect(pinning.dsn(), autocommit=True) as other,
    ):
        owner.execute("CREATE TEMP TABLE mine (a int)", prepare=prepare)
        for i in range(5):
            owner.execute("INSERT INTO mine VALUES (%s)", (i,), prepare=prepare)
            with pytest.raises(psycopg.errors.UndefinedTable):
                other.execute("SELECT * FROM mine")
        assert owner.execute("SELECT count(*) FROM mine").fetchone() == (5,)
        assert pinned(pinning) == 1
        assert any("keeps its origin connection" in notice for notice in pinning.notices)
    wait_until(lambda: pinned(pinning) == 0)
    with psycopg.connect(pinning.dsn(), autocommit=True) as later, pytest.raises(psycopg.errors.UndefinedTable):
        later.execute("SELECT * FROM mine")


def test_notifications_reach_an_idle_listener(pinning: ProxyServer) -> None:
    with (
        psycopg.connect(pinning.dsn(), autocommit=True) as listener,
        psycopg.connect(pinning.dsn(), autocommit=True) as sender,
    ):
        listener.execute("LISTEN news")
        sender.execute("NOTIFY news, 'hello'")
        notification = next(listener.notifies(timeout=10, stop_after=1))
    assert (notification.channel, notification.payload) == ("news", "hello")


def test_session_state_is_kept_and_then_gone(pinning: ProxyServer) -> None:
    with psycopg.connect(pinning.dsn(), autocommit=True) as client:
        client.execute("SET work_mem = '9MB'")
        client.execute("PREPARE p AS SELECT 41 + 1")
        assert client.execute("SELECT pg_try_advisory_lock(77)").fetchone() == (True,)
        assert client.execute("EXECUTE p").fetchone() == (42,)
        assert client.execute("SHOW work_mem").fetchone() == ("9MB",)
        client.execute("DEALLOCATE p")
        client.execute("DISCARD ALL")
        assert pinned(pinning) == 0
    with psycopg.connect(pinning.dsn(), autocommit=True) as other:
        for _ in range(6):
            assert other.execute("SHOW work_mem").fetchone() != ("9MB",)
        assert other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
        assert other.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'p'").fetchone() == (0,)


def test_a_deallocate_of_the_extended_protocol_reaches_origin_and_books(pinning: ProxyServer) -> None:
    def outcome(*data: bytes) -> list[bytes | str | None]:
        return rows_and_errors(client.ask(*data))

    with RawClient(pinning.proxy.port, user=BINDING, password=PASSWORD) as client:
        client.ask(query("PREPARE p AS SELECT 'p'"))
        client.ask(parse("s", "SELECT 's'"), SYNC)
        assert outcome(execute("never"), run("DEALLOCATE ALL"), SYNC) == ["34000"]
        assert outcome(bind("", "s"), execute(), SYNC) == [b"s"]
        assert outcome(run("EXECUTE p"), SYNC) == [b"p"]
        assert outcome(run("DEALLOCATE ALL"), parse("s", "SELECT 's'"), bind("", "s"), execute(), SYNC) == [b"s"]
        assert outcome(run("EXECUTE p"), SYNC) == ["26000"]
        assert outcome(run("DEALLOCATE ALL"), SYNC) == []
        assert outcome(bind("", "s"), execute(), SYNC) == ["26000"]
        client.ask(query("PREPARE p AS SELECT 'p'; PREPARE q AS SELECT 'q'"))
        client.ask(parse("s", "SELECT 's'"), SYNC)
        assert outcome(run("DEALLOCATE p"), run("DEALLOCATE s"), run("EXECUTE q"), SYNC) == [b"q"]
        assert outcome(run("EXECUTE p"), SYNC) == ["26000"]
        assert outcome(bind("", "s"), SYNC) == ["26000"]
        assert outcome(run("DEALLOCATE never"), SYNC) == ["26000"]
        client.ask(parse("a", "DEALLOCATE ALL"), parse("s", "SELECT 's'"), SYNC)
        assert outcome(bind("portal", "a"), bind("", "s"), execute("portal"), execute(), SYNC) == [b"s"]
        assert outcome(bind("", "s"), SYNC) == ["26000"]
        assert pinned(pinning) == 1
        client.ask(query("BEGIN"))
        assert outcome(run("DISCARD ALL"), SYNC) == ["25001"]
        client.ask(query("ROLLBACK"))
        assert outcome(run("EXECUTE q"), SYNC) == ["26000"]
        assert pinned(pinning) == 1
        assert outcome(run("DISCARD ALL"), SYNC) == []
        assert pinned(pinning) == 0


def test_what_pins_behind_a_discard_all_keeps_the_connection(pinning: ProxyServer) -> None:
    def outcome(*data: bytes) -> list[bytes | str | None]:
        return rows_and_errors(client.ask(*data))

    with (
        RawClient(pinning.proxy.port, user=BINDING, password=PASSWORD) as client,
        psycopg.connect(pinning.dsn(), autocommit=True) as other,
    ):
        client.ask(query("CREATE TEMP TABLE mine AS SELECT 1 AS a"))
        assert outcome(run("DISCARD ALL"), run("LISTEN news"), SYNC) == []
        assert pinned(pinning) == 1
        other.execute("SELECT 1")
        assert outcome(query("SELECT pg_listening_channels()")) == [b"news"]
        assert outcome(query("SELECT a FROM mine")) == ["42P01"]
        client.ask(parse("s", "SELECT 's'"), query("CREATE TEMP TABLE mine AS SELECT 1 AS a"))
        for skipped in (run("DISCARD ALL"), query("DISCARD ALL")):
            assert outcome(bind("", "never"), skipped, SYNC) == ["26000"]
            assert pinned(pinning) == 1
            assert outcome(query("SELECT a FROM mine")) == [b"1"]
            assert outcome(bind("", "s"), execute(), SYNC) == [b"s"]


def test_a_simple_deallocate_all_behind_extended_messages_reaches_the_origin(pinning: ProxyServer) -> None:
    with RawClient(pinning.proxy.port, user=BINDING, password=PASSWORD) as client:
        client.ask(query("PREPARE p AS SELECT 'p'"))
        client.ask(parse("s", "SELECT 's'"), SYNC)
        assert rows_and_errors(client.ask(bind("", "never"), query("DEALLOCATE ALL"), SYNC)) == ["26000"]
        assert rows_and_errors(client.ask(query("EXECUTE p"))) == [b"p"]
        assert rows_and_errors(client.ask(bind("", "s"), execute(), query("DEALLOCATE ALL"))) == [b"s"]
        assert rows_and_errors(client.ask(query("EXECUTE p"))) == ["26000"]
        assert rows_and_errors(client.ask(bind("", "s"), execute(), SYNC)) == ["26000"]
        assert rows_and_errors(client.ask(parse("s", "SELECT 's'"), bind("", "s"), execute(), SYNC)) == [b"s"]


def test_a_held_cursor(pinning: ProxyServer, postgres: PostgresServer) -> None:
    with psycopg.connect(pinning.dsn(), autocommit=True) as client:
        client.execute("DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 10)")
        assert client.execute("FETCH 3 FROM c").fetchall() == [(1,), (2,), (3,)]
        assert client.execute("FETCH 1 FROM c").fetchall() == [(4,)]


@pytest.mark.parametrize(
    "discards",
    [
        run("DISCARD ALL") + parse("b", "SELECT 1") + SYNC,
        bind("", "never") + query("DISCARD ALL") + SYNC,
    ],
    ids=["with a Parse behind it", "skipped"],
)
def test_a_discard_all_in_a_pipeline_spoils_nothing_for_others(
    start_proxy: Callable[..., ProxyServer], discards: bytes
) -> None:
    proxy = start_proxy(config={"connection_limit": 1}, allow_unsupported=True)

    def client() -> RawClient:
        return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD)

    with client() as first:
        first.ask(parse("s", "SELECT 1"), SYNC)
    with client() as owner:
        owner.ask(query("LISTEN news"))
        owner.ask(discards)
    with client() as other:
        for name in ("s", "t"):
            answers = other.ask(parse(name, "SELECT 1"), bind("", name), execute(), SYNC)
            assert [answer.kind for answer in answers] == ["1", "2", "D", "C", "Z"]
