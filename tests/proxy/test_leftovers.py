"""What a client leaves behind in its session is gone before anyone else uses the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.isolation_database import TENANT
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import RawClient, RefusedError
from support.ways_to_ask import FORMS, ask, values

from wrangler_py.hyperdrive.config import Caching

DATABASE = "leftovers"
Make = Callable[[str], None]

LEAK = "CREATE FUNCTION {} RETURNS {} LANGUAGE plpgsql {} AS $$BEGIN PERFORM set_config('work_mem', '7MB', false);"
STATE = "SELECT current_setting('work_mem')"
CLEAN: list[bytes | None] = [b"4MB"]


def leaking(signature: str, returns: str = "text", options: str = "", value: str = "'x'") -> str:
    return LEAK.format(signature, returns, options) + f" RETURN {value}; END$$;"


TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');"

SURVIVORS: dict[str, tuple[str, str]] = {
    "a function called by": (leaking("by(text)"), "SELECT by('x')"),
    "a function called filter": (leaking("filter(text)"), "SELECT filter('x')"),
    "a function called over": (leaking("over(text)"), "SELECT over('x')"),
    "a function called within": (leaking("within(text)"), "SELECT within('x')"),
    "a function called ordinality": (leaking("ordinality(text)"), "SELECT ordinality('x')"),
    "a function called as a reserved word": (leaking('one."exists"(text)'), "SELECT one . exists('x')"),
    "a function called cast": (leaking('one."cast"(text)'), "SELECT one . cast('x')"),
    "a function called coalesce": (leaking('one."coalesce"(text)'), "SELECT one/**/./**/coalesce('x')"),
    "an overloaded now": (leaking("now(text)"), "SELECT now('x')"),
    "an overloaded lower": (leaking("lower(int)"), "SELECT lower(1)"),
    "an aggregate called sum": (
        "CREATE TYPE pair AS (a int);"
        + leaking("add(text, pair)")
        + "CREATE AGGREGATE sum(pair) (sfunc = add, stype = text, initcond = '');",
        "SELECT sum(row(1)::pair)",
    ),
    "the final function of an aggregate": (
        leaking("final(int)") + "CREATE AGGREGATE max(t_like) (sfunc = skip, stype = int, finalfunc = final);",
        "SELECT max(row(1)::t_like)",
    ),
    "a column that is a function": (TABLE + leaking("comp(t)"), "SELECT t.comp FROM t"),
    "a column that is a function of a record": (TABLE + leaking("comp(record)"), "SELECT t.comp FROM t"),
    "a column that is a function of anything": (TABLE + leaking("comp(anyelement)"), "SELECT t.comp FROM t"),
    "a column that is a function with a default": (
        TABLE + leaking("comp(t, text DEFAULT 'x')"),
        "SELECT t.comp FROM t",
    ),
    "a column that is a variadic function": (
        TABLE + leaking("comp(t, VARIADIC text[] DEFAULT '{}')"),
        "SELECT t.comp FROM t",
    ),
    "a column that is a function of a domain": (
        TABLE + "CREATE DOMAIN td AS t;" + leaking("comp(td)"),
        "SELECT (x).comp FROM (SELECT row(1, 'a')::t::td AS x) s",
    ),
    "a column that is a function of an array": (TABLE + leaking("comp(t[])"), "SELECT (array[t]).comp FROM t"),
    "the predicate of an index": (
        TABLE + leaking("pure(int)", "boolean", "IMMUTABLE", "true") + "CREATE INDEX ON t (v) WHERE pure(1);",
        "SELECT * FROM t WHERE v = 'a'",
    ),
    "an immutable function at planning": (leaking("pure()", "text", "IMMUTABLE"), "EXPLAIN SELECT pure()"),
    "the constraint of a partition": (
        leaking("part(int)", "int", "IMMUTABLE", "$1")
        + "CREATE TABLE p (a int) PARTITION BY LIST (part(a)); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
        "SELECT * FROM p WHERE a = 1",
    ),
    "a generated column": (
        leaking("gen(int)", "text", "IMMUTABLE")
        + "CREATE TABLE g (a int, b text GENERATED ALWAYS AS (gen(a)) STORED);",
        "INSERT INTO g (a) VALUES (1)",
    ),
    "an assignment cast": (
        TABLE
        + "CREATE TYPE pair AS (a int);"
        + leaking("as_text(pair)")
        + "CREATE CAST (pair AS text) WITH FUNCTION as_text(pair) AS ASSIGNMENT;",
        "INSERT INTO t VALUES (2, row(1)::pair)",
    ),
    "a deferred trigger": (
        TABLE
        + leaking("late()", "trigger", value="NULL")
        + "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION late();",
        "INSERT INTO t VALUES (3, 'c')",
    ),
    "a trigger of TRUNCATE": (
        TABLE
        + leaking("emptied()", "trigger", value="NULL")
        + "CREATE TRIGGER emptied BEFORE TRUNCATE ON t EXECUTE FUNCTION emptied();",
        "TRUNCATE t",
    ),
    "a materialized view": (
        leaking("leak()") + "CREATE MATERIALIZED VIEW m AS SELECT leak(); ALTER MATERIALIZED VIEW m OWNER TO app;",
        "REFRESH MATERIALIZED VIEW m",
    ),
    "SQL in an argument": (leaking("leak()"), "SELECT query_to_xml('SELECT leak()', true, true, '')"),
}
SURVIVORS["the final function of an aggregate"] = (
    "CREATE TYPE t_like AS (a int);"
    "CREATE FUNCTION skip(int, t_like) RETURNS int LANGUAGE sql AS $$SELECT 1$$;"
    + SURVIVORS["the final function of an aggregate"][0],
    SURVIVORS["the final function of an aggregate"][1],
)

OTHER_STATE: dict[str, tuple[str, str, str, list[bytes | None] | str]] = {
    "nextval": ("CREATE SEQUENCE s;", "SELECT nextval('s')", "SELECT lastval()", "55000"),
    "currval": ("CREATE SEQUENCE s;", "SELECT nextval('s')", "SELECT currval('s')", "55000"),
    "setval": ("CREATE SEQUENCE s;", "SELECT setval('s', 5)", "SELECT currval('s')", "55000"),
    "serial": ("CREATE TABLE r (id serial, x int);", "INSERT INTO r (x) VALUES (1)", "SELECT lastval()", "55000"),
    "identity": (
        "CREATE TABLE r (id int GENERATED ALWAYS AS IDENTITY, x int);",
        "INSERT INTO r (x) VALUES (1)",
        "SELECT lastval()",
        "55000",
    ),
    "a sequence in a trigger": (
        TABLE + "CREATE SEQUENCE s; CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql "
        "AS $$BEGIN NEW.id := nextval('s'); RETURN NEW; END$$;"
        "CREATE TRIGGER number BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION number();",
        "INSERT INTO t (v) VALUES ('x')",
        "SELECT lastval()",
        "55000",
    ),
    "a sequence in a view": (
        "CREATE SEQUENCE s; CREATE VIEW w AS SELECT nextval('s');",
        "SELECT * FROM w",
        "SELECT lastval()",
        "55000",
    ),
    "setseed": ("", "SELECT setseed(0.42)", "SELECT random() = {seeded}", [b"f"]),
    "SET seed": ("", "SET seed = 0.42", "SELECT random() = {seeded}", [b"f"]),
    "setseed in a view": (
        "CREATE VIEW w AS SELECT setseed(0.42) IS NULL;",
        "SELECT * FROM w",
        "SELECT random() = {seeded}",
        [b"f"],
    ),
    "PREPARE in a function": (
        "CREATE FUNCTION make() RETURNS int LANGUAGE plpgsql "
        "AS $$BEGIN EXECUTE 'PREPARE left_behind AS SELECT 42'; RETURN 1; END$$;",
        "SELECT make()",
        "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'",
        [b"0"],
    ),
    "PREPARE in a DO": (
        "",
        "DO $$BEGIN EXECUTE 'PREPARE left_behind AS SELECT 42'; END$$",
        "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'",
        [b"0"],
    ),
    "PREPARE in a trigger": (
        TABLE + "CREATE FUNCTION make() RETURNS trigger LANGUAGE plpgsql "
        "AS $$BEGIN EXECUTE 'PREPARE left_behind AS SELECT 42'; RETURN NEW; END$$;"
        "CREATE TRIGGER make BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION make();",
        "INSERT INTO t VALUES (7, 'x')",
        "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'",
        [b"0"],
    ),
    "DEALLOCATE in a function": (
        "CREATE FUNCTION drop_all() RETURNS int LANGUAGE plpgsql "
        "AS $$BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 1; END$$;",
        "SELECT drop_all()",
        "SELECT 'fine'",
        [b"fine"],
    ),
    "a temporary table in a function": (
        "CREATE FUNCTION make() RETURNS int LANGUAGE plpgsql "
        "AS $$BEGIN CREATE TEMP TABLE left_behind (a int); RETURN 1; END$$;",
        "SELECT make()",
        "SELECT count(*) FROM pg_class WHERE relname = 'left_behind'",
        [b"0"],
    ),
    "an advisory lock in a view": (
        "CREATE VIEW w AS SELECT pg_advisory_lock(77) IS NULL;",
        "SELECT * FROM w",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77",
        [b"0"],
    ),
    "a cursor WITH HOLD in a DO": (
        "",
        "DO $$BEGIN EXECUTE 'DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1'; END$$",
        "SELECT count(*) FROM pg_cursors WHERE name = 'left_behind'",
        [b"0"],
    ),
    "LISTEN in a DO": (
        "",
        "DO $$BEGIN EXECUTE 'LISTEN left_behind'; END$$",
        "SELECT count(*) FROM pg_listening_channels()",
        [b"0"],
    ),
    "a temporary view in a DO": (
        "",
        "DO $$BEGIN EXECUTE 'CREATE TEMP VIEW pg_class AS SELECT 7 AS relname'; END$$",
        "SELECT to_regclass('pg_temp.pg_class') IS NULL",
        [b"t"],
    ),
    "a temporary function": (
        "",
        "CREATE FUNCTION pg_temp.left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT count(*) FROM pg_proc WHERE proname = 'left_behind'",
        [b"0"],
    ),
    "SET SESSION CHARACTERISTICS": (
        "",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SHOW default_transaction_read_only",
        [b"off"],
    ),
    "SET SCHEMA": ("", "SET SCHEMA 'pg_catalog'", "SHOW search_path", [b"one, public"]),
    "SET NAMES": ("", "SET NAMES 'LATIN1'", "SHOW client_encoding", [b"UTF8"]),
    "SET XML OPTION": ("", "SET XML OPTION DOCUMENT", "SHOW xmloption", [b"content"]),
    "SET TIME ZONE": (
        "",
        "SET TIME ZONE INTERVAL '+07:00' HOUR TO MINUTE",
        "SELECT extract(timezone FROM now())::int",
        [b"0"],
    ),
    "SET ROLE": ("", "SET ROLE isolation_tenant", "SELECT current_user::text", [b"app"]),
    "UPDATE of pg_settings": (
        "",
        "UPDATE pg_settings SET setting = '7MB' WHERE name = 'work_mem'",
        "SHOW work_mem",
        [b"4MB"],
    ),
    "a procedure that commits": (
        "CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$BEGIN SET work_mem = '7MB'; COMMIT; END$$;",
        "CALL commits()",
        "SHOW work_mem",
        [b"4MB"],
    ),
    "several statements": (
        "",
        "CREATE TEMP TABLE left_behind (a int); SET work_mem = '7MB'; SELECT 1",
        "SELECT current_setting('work_mem'), count(*) FROM pg_class WHERE relname = 'left_behind'",
        [b"4MB"],
    ),
    "SET in a function's own settings": (
        "CREATE FUNCTION own() RETURNS text LANGUAGE plpgsql SET TimeZone = 'Asia/Tokyo' "
        "AS $$BEGIN PERFORM set_config('work_mem', '7MB', false); RETURN 'x'; END$$;",
        "SELECT own()",
        "SHOW work_mem",
        [b"4MB"],
    ),
    "a custom setting": (
        "",
        "SELECT set_config('some.new', 'x', true)",
        "SELECT current_setting('some.new', true)",
        [None],
    ),
    "a role in a function": (
        "CREATE FUNCTION be() RETURNS text LANGUAGE sql "
        "AS $$SELECT set_config('role', 'isolation_tenant', false)$$;",
        "SELECT be()",
        "SELECT current_user::text",
        [b"app"],
    ),
}


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    """One with nothing in it for which connections would be reset anyway."""
    postgres.execute(
        f"DO $$BEGIN CREATE ROLE {TENANT}; EXCEPTION WHEN duplicate_object THEN NULL; END$$; GRANT {TENANT} TO app"
    )
    postgres.execute(f"CREATE DATABASE {DATABASE} OWNER app")
    postgres.execute(f"ALTER DATABASE {DATABASE} SET search_path = one, public")
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


@pytest.fixture
def proxy(proxies: dict[bool, ProxyServer]) -> ProxyServer:
    return proxies[False]


@pytest.fixture
def make(postgres: PostgresServer, database: str) -> Iterator[Make]:
    """Makes things in a schema that every session looks in first."""

    def run(sql: str) -> None:
        postgres.execute(
            "DROP SCHEMA IF EXISTS one CASCADE; CREATE SCHEMA one; ALTER SCHEMA one OWNER TO app;"
            f"{sql} GRANT ALL ON ALL TABLES IN SCHEMA one TO PUBLIC;"
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA one TO PUBLIC",
            database=database,
        )

    run("")
    yield run
    postgres.execute("DROP SCHEMA IF EXISTS one CASCADE", database=database)


def connect(proxy: ProxyServer) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=DATABASE)


def knows_stored_code(proxy: ProxyServer, client: RawClient) -> None:
    """Has the proxy ask the catalog, and waits until it trusts the answer."""
    pool = proxy.proxy.pools[BINDING]
    proxy.call(pool.schema_changed)
    client.rows("SELECT clock_timestamp()")
    wait_until(lambda: not pool.stored_code.wanted and all(c.idle for c in pool.connections))


@pytest.mark.parametrize("kind", SURVIVORS)
def test_no_setting_survives(kind: str, make: Make, proxy: ProxyServer) -> None:
    setup, action = SURVIVORS[kind]
    make(setup)
    with connect(proxy) as client, connect(proxy) as other:
        knows_stored_code(proxy, other)
        for form in FORMS:
            ask(client, form(action))
            assert values(ask(other, form(STATE))) == CLEAN, form.__name__


@pytest.mark.parametrize("kind", OTHER_STATE)
def test_no_state_survives(kind: str, make: Make, proxy: ProxyServer, seeded: str) -> None:
    setup, action, state, expected = OTHER_STATE[kind]
    make(setup)
    with connect(proxy) as client, connect(proxy) as other:
        knows_stored_code(proxy, other)
        for form in FORMS:
            ask(client, form(action))
            answers = ask(other, form(state.format(seeded=seeded)))
            if isinstance(expected, str):
                assert [answer.sqlstate for answer in answers if answer.kind == "E"] == [expected]
            else:
                assert values(answers) == expected


@pytest.fixture(scope="module")
def seeded(postgres: PostgresServer) -> str:
    """The first random() behind setseed(0.42)."""
    with postgres.connect(autocommit=True) as connection:
        connection.execute("SELECT setseed(0.42)")
        row = connection.execute("SELECT random()::text").fetchone()
        assert row is not None
        return f"{row[0]}::float8"


MADE_ELSEWHERE = {
    "a view": (leaking("leak()") + "CREATE VIEW w AS SELECT leak();", "SELECT * FROM w"),
    "a view of set_config": (
        "CREATE VIEW w AS SELECT set_config('work_mem', '7MB', false);",
        "SELECT * FROM w",
    ),
    "a trigger": (
        leaking("leak()", "trigger", value="NEW")
        + "CREATE TRIGGER leak BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION leak();",
        "INSERT INTO t VALUES (2, 'b') ON CONFLICT DO NOTHING",
    ),
    "a policy": (
        leaking("leak()")
        + "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY leak ON t USING (leak() IS NOT NULL);",
        "SELECT * FROM t",
    ),
    "a default": (leaking("leak()") + "ALTER TABLE t ALTER v SET DEFAULT leak();", "INSERT INTO t (id) VALUES (9)"),
    "a check": (
        leaking("leak()") + "ALTER TABLE t ADD CHECK (leak() IS NOT NULL);",
        "INSERT INTO t VALUES (8, 'x')",
    ),
    "an index": (
        leaking("pure(text)", "text", "IMMUTABLE") + "CREATE INDEX ON t (pure(v));",
        "INSERT INTO t VALUES (7, 'x')",
    ),
    "a function replaced": (
        leaking("harmless()").replace("CREATE", "CREATE OR REPLACE"),
        "SELECT * FROM with_harmless",
    ),
    "a rule": (
        leaking("leak()") + "CREATE RULE leak AS ON INSERT TO t DO ALSO SELECT leak();",
        "INSERT INTO t VALUES (6)",
    ),
    "a column": (leaking("comp(t)"), "SELECT t.comp FROM t"),
    "an overloaded lower": (leaking("lower(int)"), "SELECT lower(1)"),
}


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
@pytest.mark.parametrize("kind", MADE_ELSEWHERE)
def test_nothing_survives_of_code_that_was_made_elsewhere_meanwhile(
    kind: str, cached: bool, make: Make, proxies: dict[bool, ProxyServer], postgres: PostgresServer
) -> None:
    setup, action = MADE_ELSEWHERE[kind]
    proxy = proxies[cached]
    state = f"{STATE} WHERE clock_timestamp() IS NOT NULL"
    for form in FORMS:
        make(
            TABLE + "CREATE FUNCTION harmless() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'x'; END$$;"
            "CREATE VIEW with_harmless AS SELECT harmless();"
        )
        with connect(proxy) as client, connect(proxy) as other:
            knows_stored_code(proxy, other)
            postgres.execute(
                f"SET search_path = one; {setup} GRANT ALL ON ALL TABLES IN SCHEMA one TO PUBLIC", database=DATABASE
            )
            ask(client, form(action))
            assert values(ask(other, form(state))) == CLEAN, form.__name__


@pytest.mark.parametrize("kind", MADE_ELSEWHERE)
def test_no_answer_is_stored_behind_code_that_was_made_elsewhere_meanwhile(
    kind: str, make: Make, proxies: dict[bool, ProxyServer], postgres: PostgresServer
) -> None:
    """The proxy takes the session for clean, and stores what the view says: but over a new or reset one only."""
    setup, action = MADE_ELSEWHERE[kind]
    proxy = proxies[True]
    for number, form in enumerate(FORMS):
        make(
            TABLE + "CREATE FUNCTION harmless() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'x'; END$$;"
            "CREATE VIEW with_harmless AS SELECT harmless();"
            "CREATE VIEW shown AS SELECT current_setting('work_mem') AS work_mem;"
        )
        texts = [f"SELECT work_mem FROM shown /* {kind} {number} {way} */" for way in ("at once", "in turns")]
        with connect(proxy) as client, connect(proxy) as other:
            knows_stored_code(proxy, other)
            postgres.execute(
                f"SET search_path = one; {setup} GRANT ALL ON ALL TABLES IN SCHEMA one TO PUBLIC", database=DATABASE
            )
            ask(client, form(action), form(texts[0]))
            ask(client, form(action))
            ask(client, form(texts[1]))
            for text in texts:
                assert values(ask(other, *(again(text) for again in FORMS))) == CLEAN * 4, text


def test_a_second_refusal_is_like_the_first(make: Make, proxy: ProxyServer) -> None:
    """Not an own state only because the client that made it goes on over the same connection."""
    make("CREATE SEQUENCE s;")
    with connect(proxy) as client:
        knows_stored_code(proxy, client)
        assert client.rows("SELECT nextval('s')") == [[b"1"]]
        with pytest.raises(RefusedError, match="55000"):
            client.rows("SELECT lastval()")
