"""A custom setting that one client names is NULL for the next, and not the empty string that a reset leaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PASSWORDS, SUPERUSER, PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import RawClient, function_call, query
from support.ways_to_ask import FORMS, ask, unnamed, values

DATABASE = "custom_settings"
LO_OPEN, LO_WRITE, LO_UNLINK = 952, 955, 964
"""OIDs of functions."""
_numbers = itertools.count()

NAMED = [
    "SET {} = 'x'",
    "SET LOCAL {} = 'x'",
    "RESET {}",
    "SET {} TO DEFAULT",
    "SET LOCAL {} TO DEFAULT",
    "SELECT set_config('{}', 'x', true)",
    "SELECT set_config('{}', NULL, true)",
    "SELECT set_config('{}' || '', 'x', true)",
    "SELECT set_config(name, 'x', false) FROM (VALUES ('{}')) AS names (name)",
    "EXPLAIN ANALYZE SELECT set_config(concat('{}'), 'x', true)",
    "ALTER ROLE app SET {} = 'x'",
    "ALTER ROLE app IN DATABASE custom_settings SET {} = 'x'",
    "ALTER ROLE app RESET {}",
    "ALTER DATABASE custom_settings SET {} TO DEFAULT",
    "CREATE OR REPLACE FUNCTION own() RETURNS int LANGUAGE sql SET {} = 'x' AS 'SELECT 1'",
    "CREATE OR REPLACE PROCEDURE own_one() LANGUAGE sql SET {} TO DEFAULT AS 'SELECT 1'",
    "ALTER FUNCTION owned() SET {} = 'x'",
    "ALTER ROUTINE owned() RESET {}",
]


@pytest.fixture(scope="module")
def proxy(postgres: PostgresServer) -> Iterator[ProxyServer]:
    """One connection to the origin, of a superuser, who may give roles any setting."""
    postgres.execute(f"CREATE DATABASE {DATABASE}")
    postgres.execute("CREATE FUNCTION owned() RETURNS int LANGUAGE sql AS 'SELECT 1'", database=DATABASE)
    origin = origin_of(postgres, database=DATABASE, user=SUPERUSER, password=PASSWORDS[SUPERUSER])
    server = ProxyServer(pool_config(origin, connection_limit=1))
    yield server
    server.close()
    postgres.execute("ALTER ROLE app RESET ALL")
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def connect(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE)


@pytest.mark.parametrize("sql", NAMED)
@pytest.mark.parametrize("form", FORMS)
def test_a_setting_that_someone_named_is_unset_for_others(
    proxy: ProxyServer, form: Callable[[str], bytes], sql: str
) -> None:
    name = f"own.setting_{next(_numbers)}"
    with connect(proxy) as client, connect(proxy) as other:
        assert not [answer.fields for answer in ask(client, form(sql.format(name))) if answer.kind == "E"]
        if sql.startswith("ALTER ROLE"):
            client.rows(f"ALTER ROLE app RESET {name}")
        assert values(ask(other, form(f"SELECT current_setting('{name}', true)"))) == [None]


def set_config_by_function_call(client: RawClient, name: str) -> None:
    [(oid,)] = client.rows("SELECT 'set_config(text,text,bool)'::regprocedure::oid::int")
    assert oid is not None
    answers = client.ask(function_call(int(oid), [name.encode(), b"x", b"t"]))
    assert [answer.kind for answer in answers] == ["V", "Z"]


def set_in_a_long_text(client: RawClient, name: str) -> None:
    """In two pieces, the second of which has the name."""
    sent = query(f"SELECT '{300_000 * 'x'}' IS NULL; SET LOCAL {name} = 'x'; SELECT 1")
    cut = sent.index(b"setting_")
    client.send(sent[:20_000])
    client.send(sent[20_000:cut])
    client.send(sent[cut:])
    assert not [answer.fields for answer in client.until_ready() if answer.kind == "E"]


def set_in_a_very_long_statement(client: RawClient, name: str) -> None:
    sql = f"SELECT '{1_100_000 * 'x'}' IS NULL, set_config('{name}', 'x', true)"
    assert not [answer.fields for answer in ask(client, unnamed(sql)) if answer.kind == "E"]


@pytest.mark.parametrize("set_it", [set_config_by_function_call, set_in_a_long_text, set_in_a_very_long_statement])
def test_it_is_unset_however_it_was_set(proxy: ProxyServer, set_it: Callable[[RawClient, str], None]) -> None:
    name = f"own.setting_{next(_numbers)}"
    with connect(proxy) as client, connect(proxy) as other:
        set_it(client, name)
        assert other.rows(f"SELECT current_setting('{name}', true)") == [[None]]


def test_a_connection_outlives_long_texts_and_large_objects(proxy: ProxyServer) -> None:
    with connect(proxy) as client:
        before = client.rows("SELECT pg_backend_pid()")
        client.rows(f"SELECT '{300_000 * 'x'} reset ' IS NULL; UPDATE pg_class SET relname = '' WHERE false")
        [(oid,)] = client.rows("SELECT lo_create(0)")
        assert oid is not None
        client.ask(query("BEGIN"))
        client.ask(function_call(LO_OPEN, [oid, b"131072"]))
        client.ask(function_call(LO_WRITE, [b"0", b"contents"]))
        client.ask(query("COMMIT"))
        assert client.rows(f"SELECT lo_get({oid.decode()})") == [[b"\\x636f6e74656e7473"]]
        client.ask(function_call(LO_UNLINK, [oid]))
        assert client.rows("SELECT pg_backend_pid()") == before


def test_a_name_may_be_a_parameter(proxy: ProxyServer) -> None:
    name = f"own.setting_{next(_numbers)}"
    with psycopg.connect(proxy.dsn()) as client:
        client.execute("SELECT set_config(%s, 'x', true)", [name])
    with psycopg.connect(proxy.dsn()) as other:
        assert other.execute("SELECT current_setting(%s, true)", [name]).fetchone() == (None,)
