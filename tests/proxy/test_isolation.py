"""What one client does to its session changes nothing for another: neither plans, nor stored answers, nor state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from support.isolation_database import CHANGES, SETTINGS, Setting, create_database, want
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import SYNC, RawClient, bind, execute, parse, query
from support.ways_to_ask import FORMS, ask, named, named_in_turns, simple, unnamed, values

from wrangler_py.hyperdrive.config import Caching

DATABASE = "isolation"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    create_database(postgres, DATABASE)
    yield DATABASE
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture(scope="module")
def proxies(postgres: PostgresServer, database: str) -> Iterator[dict[bool, ProxyServer]]:
    """One without caching, one with it, each with a single connection to the origin."""
    origin = origin_of(postgres, database=database)
    servers = {
        cached: ProxyServer(pool_config(origin, caching=Caching(disabled=not cached), connection_limit=1))
        for cached in (False, True)
    }
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(params=[False, True], ids=["uncached", "cached"])
def proxy(request: pytest.FixtureRequest, proxies: dict[bool, ProxyServer]) -> ProxyServer:
    return proxies[request.param]


def connect(proxy: ProxyServer, **settings: str) -> RawClient:
    database = proxy.config.origin.database
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=database, settings=settings)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_is_read_under_changed_settings_is_for_nobody_else(
    setting: Setting, change: str, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    want(postgres, DATABASE, setting)
    changing = changed_by(setting, change)
    with connect(proxy) as client, connect(proxy) as other:
        for form in FORMS:
            text = f"{setting.read} /* {next(_numbers)} */"
            heard = values(ask(client, query("BEGIN"), query(changing), form(text), query("COMMIT")))
            assert heard[-1] == setting.other_answer
            assert values(ask(other, named_in_turns(text), simple(text))) == [setting.answer] * 2
            text = f"{setting.read} /* {next(_numbers)} */"
            ask(client, query("BEGIN"))
            ask(client, query(changing))
            heard = values(ask(client, form(text)))
            assert heard == [setting.other_answer]
            ask(client, query("COMMIT"))
            assert values(ask(other, unnamed(text), named(text))) == [setting.answer] * 2


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_others_have_prepared_is_prepared_again_under_changed_settings(
    setting: Setting, change: str, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    want(postgres, DATABASE, setting)
    changing = changed_by(setting, change)
    with connect(proxy) as client, connect(proxy) as other:
        for form in FORMS:
            text = f"{setting.read} /* {next(_numbers)} */"
            assert values(ask(other, *(other_form(text) for other_form in FORMS))) == [setting.answer] * 4
            ask(client, query("BEGIN"))
            assert values(ask(client, query(changing), form(text)))[-1] == setting.other_answer
            assert values(ask(client, form(text))) == [setting.other_answer]
            ask(client, query("COMMIT"))
            for who in (client, other):
                assert values(ask(who, form(text))) == [setting.answer]


@pytest.mark.parametrize("doing", ["CALL public.do_nothing()", "DO $$BEGIN END$$", "SELECT public.do_little()"])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_settings_of_the_connection_string_hold_for_their_clients_only(
    setting: Setting, doing: str, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    postgres.execute(
        "CREATE OR REPLACE PROCEDURE public.do_nothing() LANGUAGE plpgsql AS $$BEGIN END$$;"
        "CREATE OR REPLACE FUNCTION public.do_little() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'x'; END$$",
        database=DATABASE,
    )
    with connect(proxy, **{setting.name: setting.changed}) as special, connect(proxy) as other:
        for form in FORMS:
            text = f"{setting.read} /* {next(_numbers)} */"
            sent = [query("BEGIN"), query(doing), form(text), query("COMMIT")]
            assert values(ask(special, *sent))[-1] == setting.other_answer
            assert values(ask(other, *sent))[-1] == setting.answer
            again = [other_form(text) for other_form in FORMS]
            assert values(ask(special, *again)) == [setting.other_answer] * 4
            assert values(ask(other, *again)) == [setting.answer] * 4


def changed_by(setting: Setting, change: str) -> str:
    quoted = f"'{setting.changed}'"
    if change == "SELECT change()":
        return change
    return (
        CHANGES[change]
        .replace("{name}", setting.name)
        .replace("{changed}", setting.changed)
        .replace("{quoted}", quoted)
    )


TENANTS = """
    CREATE TABLE tenant_rows (tenant text, value text);
    INSERT INTO tenant_rows VALUES ('a', 'of a'), ('b', 'of b');
    CREATE FUNCTION be(text) RETURNS text LANGUAGE plpgsql
        AS $$BEGIN RETURN set_config('some.tenant', $1, false); END$$;
    CREATE FUNCTION be_by_trigger() RETURNS trigger LANGUAGE plpgsql
        AS $$BEGIN PERFORM set_config('some.tenant', NEW.tenant, false); RETURN NEW; END$$;
    CREATE TABLE acts (tenant text);
    CREATE TRIGGER be BEFORE INSERT ON acts FOR EACH ROW EXECUTE FUNCTION be_by_trigger();
    CREATE TABLE acts_by_default (a text, b text DEFAULT be('a'));
    CREATE TABLE acts_by_policy AS SELECT 1 AS a;
    ALTER TABLE acts_by_policy ENABLE ROW LEVEL SECURITY;
    CREATE POLICY be ON acts_by_policy USING (be('a') IS NOT NULL);
    CREATE VIEW acts_by_view AS SELECT be('a');
    CREATE PROCEDURE be_by_procedure() LANGUAGE plpgsql AS $$BEGIN PERFORM be('a'); END$$;
    CREATE VIEW mine AS SELECT value FROM tenant_rows WHERE tenant = current_setting('some.tenant', true);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
"""
BECOME_A = {
    "a trigger": "INSERT INTO acts VALUES ('a')",
    "a default": "INSERT INTO acts_by_default DEFAULT VALUES",
    "a policy": "SELECT * FROM acts_by_policy",
    "a view": "SELECT * FROM acts_by_view",
    "a function": "SELECT be('a')",
    "CALL": "CALL be_by_procedure()",
    "DO": "DO $$BEGIN PERFORM be('a'); END$$",
    "SET": "SET some.tenant = 'a'",
    "set_config": "SELECT set_config('some.tenant', 'a', false)",
}


@pytest.fixture(scope="module")
def tenants(postgres: PostgresServer, database: str) -> None:
    postgres.execute(TENANTS, database=database)


def in_one_group(*texts: str) -> bytes:
    return b"".join(parse("", text) + bind() + execute() for text in texts) + SYNC


@pytest.mark.parametrize("behind", [False, True], ids=["autocommit", "behind a COMMIT"])
@pytest.mark.parametrize("become", BECOME_A)
def test_no_answer_is_stored_that_was_given_behind_a_change(
    become: str, behind: bool, tenants: None, proxies: dict[bool, ProxyServer]
) -> None:
    """All that is sent in one go, such that the answer comes over a connection whose settings have been changed."""
    proxy = proxies[True]
    change = BECOME_A[become]
    with connect(proxy) as client, connect(proxy) as other:
        for form, changing in itertools.product(FORMS, (simple(change), unnamed(change))):
            text = f"SELECT value FROM mine /* {next(_numbers)} */"
            ahead = [query("BEGIN"), changing, query("COMMIT")] if behind else [changing]
            ask(client, *ahead, form(text), query("SELECT 'end'"))
            assert values(ask(other, simple(text), unnamed(text))) == []
        text = f"SELECT value FROM mine /* {next(_numbers)} */"
        ask(client, in_one_group(change, text))
        for other_form in FORMS:
            assert values(ask(other, other_form(text))) == []
