"""A custom setting that one client names is NULL for the next, and not the empty string that a reset leaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from support.postgres_server import PASSWORDS, SUPERUSER, PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import RawClient
from support.ways_to_ask import FORMS, ask, values

DATABASE = "custom_settings"
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


def test_a_name_may_be_a_parameter(proxy: ProxyServer) -> None:
    name = f"own.setting_{next(_numbers)}"
    with psycopg.connect(proxy.dsn()) as client:
        client.execute("SELECT set_config(%s, 'x', true)", [name])
    with psycopg.connect(proxy.dsn()) as other:
        assert other.execute("SELECT current_setting(%s, true)", [name]).fetchone() == (None,)
