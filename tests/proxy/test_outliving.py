"""Several statements in one text: what a later query would miss is said once, with the way out."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from support.proxy_server import ProxyServer

StartProxy = Callable[..., ProxyServer]

TABLE = "A temporary table made outside a transaction is gone after that query"
CURSOR = "A WITH HOLD cursor declared outside a transaction is gone after that query"
SET = "SET outside a transaction holds for that query only"

LOST = {
    "CREATE TEMPORARY TABLE w (i int); INSERT INTO w VALUES (1)": [TABLE],
    "SELECT 1; CREATE TEMP TABLE w AS SELECT 1": [TABLE],
    "SELECT 1; SELECT 1 AS a INTO TEMP w": [TABLE],
    "SELECT 1; CREATE TEMP VIEW w AS SELECT 1": [TABLE],
    "SELECT 1; CREATE TEMP SEQUENCE w": [TABLE],
    "SELECT 1; CREATE TABLE pg_temp.w (i int)": [TABLE],
    "BEGIN; CREATE TEMP TABLE w (i int); COMMIT": [TABLE],
    "CREATE TEMP TABLE w (i int); CREATE TEMP TABLE v (i int); DROP TABLE v": [TABLE],
    "CREATE TEMP TABLE w (i int); COMMIT; BEGIN; DROP TABLE w; ROLLBACK": [TABLE],
    "SELECT 1; DECLARE c CURSOR WITH HOLD FOR SELECT 1": [CURSOR],
    "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT": [CURSOR],
    "SELECT 1; SET work_mem = '5MB'": [SET],
    "BEGIN; SET work_mem = '5MB'; COMMIT": [SET],
    "SELECT 1; SELECT set_config('work_mem', '5MB', false)": [SET],
    "SET work_mem = '5MB'; SET timezone = 'UTC'; RESET timezone": [SET],
    "SET work_mem = '5MB'; CREATE TEMP TABLE w (i int)": [TABLE, SET],
}
KEPT = [
    "CREATE TEMP TABLE w (i int) ON COMMIT DROP; INSERT INTO w VALUES (1)",
    "CREATE TEMP TABLE w (i int); INSERT INTO w VALUES (1); DROP TABLE w",
    "BEGIN; CREATE TEMP TABLE w (i int); ROLLBACK",
    "CREATE TEMP TABLE w (i int); ROLLBACK",
    "CREATE TEMP TABLE w (i int); BEGIN; SELECT 1; ROLLBACK",
    "BEGIN; CREATE TEMP TABLE w (i int)",
    "BEGIN; SET work_mem = '5MB'",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1; FETCH c; CLOSE c",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1; FETCH c; CLOSE ALL",
    "SET work_mem = '5MB'; SELECT 1; RESET work_mem",
    "SET work_mem = '5MB'; SELECT 1; SET work_mem TO DEFAULT",
    "SET work_mem = '5MB'; SELECT 1; RESET ALL",
    "BEGIN; SET LOCAL work_mem = '5MB'; COMMIT",
    "RESET ALL; CLOSE ALL",
    "SELECT 1; SELECT 2",
]


def said(proxy: ProxyServer) -> list[str]:
    return [notice.partition(":")[0] for notice in proxy.notices]


@pytest.mark.parametrize("text", LOST)
def test_state_that_ends_with_its_text_is_reported_once(start_proxy: StartProxy, text: str) -> None:
    proxy = start_proxy()
    for _ in range(2):
        with psycopg.connect(proxy.dsn(), autocommit=True) as client:
            client.execute(text.encode())
    assert said(proxy) == LOST[text]
    assert all("inside" in notice and "transaction" in notice for notice in proxy.notices)


@pytest.mark.parametrize("text", KEPT)
def test_state_that_is_kept_causes_no_notice(start_proxy: StartProxy, text: str) -> None:
    proxy = start_proxy()
    with psycopg.connect(proxy.dsn(), autocommit=True) as client:
        client.execute(text.encode())
        client.execute(b"ROLLBACK")
    assert said(proxy) == []


def test_state_within_a_transaction_causes_no_notice(start_proxy: StartProxy) -> None:
    proxy = start_proxy()
    with psycopg.connect(proxy.dsn()) as client:
        client.execute(b"SELECT 1; CREATE TEMP TABLE w (i int); SET work_mem = '5MB'")
        assert client.execute("SELECT * FROM w").fetchall() == []
    assert said(proxy) == []


def test_allowed_state_causes_no_notice(start_proxy: StartProxy) -> None:
    proxy = start_proxy(allow_unsupported=True)
    with psycopg.connect(proxy.dsn(), autocommit=True) as client:
        client.execute(b"SELECT 1; CREATE TEMP TABLE w (i int)")
        assert client.execute("SELECT * FROM w").fetchall() == []
    assert TABLE not in said(proxy)
