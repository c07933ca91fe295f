"""What the test suites of drivers do, and pooling makes difficult."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from support.proxy_server import ProxyServer


@pytest.fixture
def pooling(start_proxy: Callable[..., ProxyServer]) -> ProxyServer:
    return start_proxy(config={"connection_limit": 5})


@pytest.fixture
def pinning(start_proxy: Callable[..., ProxyServer]) -> ProxyServer:
    return start_proxy(config={"connection_limit": 5}, allow_unsupported=True)


@pytest.mark.parametrize(
    ("setup", "query", "answer"),
    [
        ("CREATE TEMP TABLE kept AS SELECT 1 AS a", "SELECT a FROM kept", 1),
        ("SET work_mem = '9MB'", "SHOW work_mem", "9MB"),
        ("SELECT set_config('work_mem', '9MB', false)", "SHOW work_mem", "9MB"),
        ("DECLARE kept CURSOR WITH HOLD FOR SELECT 1", "FETCH kept", 1),
        ("SELECT 1; CREATE TEMP TABLE kept AS SELECT 1 AS a", "SELECT a FROM kept", 1),
    ],
)
def test_what_a_transaction_leaves_in_the_session_is_kept(
    pinning: ProxyServer, setup: str, query: str, answer: object
) -> None:
    with psycopg.connect(pinning.dsn()) as client, psycopg.connect(pinning.dsn()) as other:
        client.execute(setup)
        client.commit()
        other.execute("SELECT 1")
        assert client.execute(query).fetchone() == (answer,)


@pytest.mark.parametrize("setup", ["SET LOCAL work_mem = '9MB'", "CREATE TEMP TABLE gone (a int) ON COMMIT DROP"])
def test_what_ends_with_the_transaction_pins_nothing(pinning: ProxyServer, setup: str) -> None:
    with psycopg.connect(pinning.dsn()) as client:
        client.execute(setup)
        client.commit()
        assert pinning.proxy.pools["HYPERDRIVE"].pinned == 0


def test_a_listener_knows_its_own_notifications(pinning: ProxyServer) -> None:
    with (
        psycopg.connect(pinning.dsn(), autocommit=True) as listener,
        psycopg.connect(pinning.dsn(), autocommit=True) as sender,
    ):
        listener.execute("LISTEN news")
        listener.execute("NOTIFY news, 'mine'")
        sender.execute("SELECT pg_notify('news', 'another''s')")
        senders = {n.payload: n.pid for n in listener.notifies(timeout=10, stop_after=2)}
        assert senders == {"mine": listener.info.backend_pid, "another's": sender.info.backend_pid}


def test_after_a_client_that_left_its_transaction_open_the_connection_is_as_new(
    start_proxy: Callable[..., ProxyServer],
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with psycopg.connect(proxy.dsn(), autocommit=True) as client:
        client.execute("SELECT 1", prepare=True)
    careless = psycopg.connect(proxy.dsn())
    careless.execute("SET work_mem = '9MB'")
    careless.execute("SELECT 2", prepare=True)
    process_id = careless.execute("SELECT pg_backend_pid()").fetchone()
    careless.close()
    with psycopg.connect(proxy.dsn(), autocommit=True) as client:
        assert client.execute("SELECT pg_backend_pid()").fetchone() == process_id
        assert client.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        assert client.execute("SHOW work_mem").fetchone() != ("9MB",)


@pytest.mark.parametrize("allow_unsupported", [False, True])
def test_deallocate_all_in_a_transaction_reaches_the_connection(
    start_proxy: Callable[..., ProxyServer], allow_unsupported: bool
) -> None:
    proxy = start_proxy(config={"connection_limit": 1}, allow_unsupported=allow_unsupported)
    count = "SELECT count(*) FROM pg_prepared_statements"
    with psycopg.connect(proxy.dsn()) as client:
        client.execute("SELECT 1", prepare=True)
        assert client.execute(count).fetchone() == (1,)
        client.execute("DROP TABLE IF EXISTS nothing")  # psycopg sends DEALLOCATE ALL with the next query
        assert client.execute(count).fetchone() == (0,)
        assert client.execute("SELECT 1", prepare=True).fetchone() == (1,)
        assert client.execute("SELECT 1", prepare=True).fetchone() == (1,)


@pytest.mark.parametrize("extended", [False, True])
def test_deallocate_all_in_a_transaction_drops_what_code_has_prepared(
    start_proxy: Callable[..., ProxyServer], extended: bool
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with psycopg.connect(proxy.dsn()) as client:
        client.execute("DO $$BEGIN EXECUTE 'PREPARE p AS SELECT 1'; END$$")
        client.execute("DEALLOCATE ALL", binary=extended)
        assert client.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_deallocate_all_of_a_pinned_client_drops_what_it_prepared_in_sql(pinning: ProxyServer) -> None:
    with psycopg.connect(pinning.dsn(), autocommit=True) as client:
        for _ in range(2):
            client.execute("PREPARE p AS SELECT 1")
            client.execute("DEALLOCATE ALL")


def test_discard_all_that_fails_changes_nothing(pinning: ProxyServer) -> None:
    with psycopg.connect(pinning.dsn(), autocommit=True) as client:
        client.execute("SET work_mem = '9MB'")
        client.execute("SELECT 1", prepare=True)
        client.execute("BEGIN")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            client.execute("DISCARD ALL")
        client.execute("ROLLBACK")
        assert client.execute("SHOW work_mem").fetchone() == ("9MB",)
        assert client.execute("SELECT 1", prepare=True).fetchone() == (1,)


def test_a_transaction_in_one_text_does_not_hide_what_is_refused(pooling: ProxyServer) -> None:
    with (
        psycopg.connect(pooling.dsn(), autocommit=True) as client,
        pytest.raises(psycopg.errors.FeatureNotSupported, match="LISTEN"),
    ):
        client.execute("BEGIN; LISTEN news; COMMIT")
