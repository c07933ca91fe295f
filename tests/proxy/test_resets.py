"""RESET, DEFAULT and their like take a client back to what it asked for at start-up, as a server does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.isolation_database import TENANT
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import SYNC, RawClient, bind, execute, parse, query
from support.ways_to_ask import ask

from wrangler_py.hyperdrive.config import Caching

DATABASE = "resets"
STATE = (
    "SELECT current_user::text, current_setting('role'), current_setting('TimeZone'), "
    "current_setting('DateStyle'), current_setting('search_path'), current_setting('work_mem'), "
    "nullif(current_setting('some.tenant', true), ''), (SELECT count(*) FROM rows_of_tenants)"
)
STARTUPS: dict[str, dict[str, str]] = {
    "nothing": {},
    "a role": {"role": TENANT},
    "a time zone": {"TimeZone": "Asia/Tokyo"},
    "a search_path": {"search_path": "other, public"},
    "a custom setting": {"some.tenant": "a"},
    "options": {"options": f"-c role={TENANT} -c some.tenant=b -c work_mem=7MB"},
    "all": {
        "role": TENANT, "TimeZone": "Asia/Tokyo", "DateStyle": "SQL, DMY", "search_path": "other, public",
        "some.tenant": "a", "work_mem": "5MB",
    },
}  # fmt: skip
CHANGE = (
    "SELECT set_config('TimeZone', 'America/Lima', true), set_config('DateStyle', 'German', true), "
    "set_config('search_path', 'public', true), set_config('some.tenant', 'c', true), "
    "set_config('work_mem', '9MB', true), set_config('role', 'app', true)"
)
RESETS = [
    "RESET ROLE",
    "RESET ALL",
    "RESET SESSION AUTHORIZATION",
    "RESET TimeZone",
    "RESET search_path",
    "RESET some.tenant",
    "RESET DateStyle",
    "SET ROLE TO DEFAULT",
    "SET ROLE NONE",
    "SET LOCAL role TO DEFAULT",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET LOCAL SESSION AUTHORIZATION DEFAULT",
    "SET TimeZone TO DEFAULT",
    "SET LOCAL TIME ZONE LOCAL",
    "SET search_path TO DEFAULT",
    "SET LOCAL some.tenant TO DEFAULT",
    "DO $$BEGIN RESET ALL; END$$",
    "DO $$BEGIN EXECUTE 'RESET ROLE'; END$$",
    "SELECT public.reset_all()",
    "SELECT public.reset_role()",
    "CALL public.reset_by_procedure()",
    "SELECT set_config('TimeZone', NULL, true)",
    "SELECT set_config('role', 'none', true)",
    "UPDATE pg_settings SET setting = reset_val WHERE name = 'TimeZone'",
]


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    postgres.execute(
        f"DO $$BEGIN CREATE ROLE {TENANT}; EXCEPTION WHEN duplicate_object THEN NULL; END$$; GRANT {TENANT} TO app"
    )
    postgres.execute(f"CREATE DATABASE {DATABASE} OWNER app")
    postgres.execute(
        """
        CREATE SCHEMA other;
        CREATE TABLE rows_of_tenants (tenant text);
        INSERT INTO rows_of_tenants VALUES ('a'), ('a'), ('b');
        ALTER TABLE rows_of_tenants ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON rows_of_tenants TO isolation_tenant
            USING (tenant = current_setting('some.tenant', true));
        CREATE POLICY all_of_them ON rows_of_tenants TO app USING (true);
        GRANT USAGE ON SCHEMA other TO PUBLIC;
        GRANT SELECT ON rows_of_tenants TO PUBLIC;
        CREATE FUNCTION reset_all() RETURNS text LANGUAGE plpgsql AS $$BEGIN RESET ALL; RETURN 'x'; END$$;
        CREATE FUNCTION reset_role() RETURNS text LANGUAGE plpgsql AS $$BEGIN RESET ROLE; RETURN 'x'; END$$;
        CREATE PROCEDURE reset_by_procedure() LANGUAGE plpgsql AS $$BEGIN RESET ALL; RESET ROLE; END$$;
        """,
        database=DATABASE,
    )
    yield DATABASE
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture(scope="module", params=[False, True], ids=["uncached", "cached"])
def proxy(request: pytest.FixtureRequest, postgres: PostgresServer, database: str) -> Iterator[ProxyServer]:
    config = pool_config(
        origin_of(postgres, database=database), caching=Caching(disabled=not request.param), connection_limit=2
    )
    server = ProxyServer(config)
    yield server
    server.close()


def one(sql: str) -> bytes:
    return parse("", sql) + bind() + execute()


def conversation(reset: str) -> list[list[bytes]]:
    """In a transaction, in pipelines of both protocols, behind a change and without one; at last outside of one."""
    return [
        [query("BEGIN")],
        [query(reset)],
        [query(STATE)],
        [query("ROLLBACK")],
        [query("BEGIN"), query(CHANGE), query(reset), query(STATE), query("ROLLBACK"), query(STATE)],
        [one("BEGIN") + one(CHANGE) + one(reset) + one(STATE) + SYNC, one("ROLLBACK") + SYNC],
        [query("BEGIN; " + CHANGE), query(f"{reset}; {STATE}"), query("ROLLBACK")],
        [query(f"BEGIN; {reset}; SAVEPOINT s; {CHANGE}; {reset}; {STATE}"), query("ROLLBACK TO s; " + STATE)],
        [query("ROLLBACK"), parse("state", STATE) + SYNC],
        [one(reset) + bind("", "state") + execute() + SYNC],
    ]


def shown(client: RawClient, reset: str) -> list[object]:
    heard: list[object] = []
    for sent in conversation(reset):
        for answer in ask(client, *sent):
            if answer.kind == "D":
                heard.append(answer.values)
            elif answer.kind == "E":
                heard.append((answer.sqlstate, answer.fields["M"]))
            elif answer.kind in "CZ":
                heard.append(answer.body)
    return heard


@pytest.mark.parametrize("startup", STARTUPS)
def test_a_reset_gives_what_the_client_asked_for_at_start_up(
    startup: str, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    """Compared with a direct connection, while another client with other settings uses the pool."""
    settings = STARTUPS[startup]
    with (
        RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE, settings=settings) as ours,
        RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE) as other,
    ):
        neutral = other.rows(STATE)
        for reset in RESETS:
            with RawClient(
                postgres.port,
                user=postgres.user,
                password=postgres.user_password,
                database=DATABASE,
                settings=settings,
            ) as direct:
                expected = shown(direct, reset)
            assert shown(ours, reset) == expected, reset
            ours.ask(query("DEALLOCATE ALL"))
            assert other.rows(STATE) == neutral
