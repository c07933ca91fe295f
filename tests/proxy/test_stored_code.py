"""Code that the database runs unasked, such as triggers: nothing of it leaks, and harmless code costs nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, wait_until
from support.raw_client import SYNC, RawClient, bind, copy_data, copy_done, execute, parse, query

from wrangler_py.session import stored_code

StartProxy = Callable[..., ProxyServer]
SET_IT = "set_config('work_mem', '7MB', false)"
_numbers = itertools.count()


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """One with a table, and functions that say what they do to the session."""
    name = f"stored_code_{next(_numbers)}"
    postgres.execute(f"CREATE DATABASE {name} OWNER app")
    postgres.execute(
        f"""
        CREATE TABLE runs_code (a int PRIMARY KEY, b text);
        CREATE TABLE plain (a int);
        CREATE FUNCTION own_function() RETURNS text LANGUAGE sql AS $$SELECT {SET_IT}$$;
        CREATE FUNCTION harmless_function() RETURNS text LANGUAGE sql AS $$SELECT upper('x')$$;
        CREATE FUNCTION own_trigger() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN PERFORM {SET_IT}; RETURN coalesce(NEW, OLD); END$$;
        CREATE FUNCTION other_trigger() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN IF NEW.a > 0 THEN SET work_mem = '7MB'; END IF; RETURN NEW; END$$;
        CREATE FUNCTION dynamic_trigger() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN EXECUTE format('SET %I = %L', 'work_mem', '7MB'); RETURN NEW; END$$;
        CREATE FUNCTION calling_trigger() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN NEW.b := own_function(); RETURN NEW; END$$;
        CREATE FUNCTION harmless_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM set_config('some.user', 'x', true);
                INSERT INTO plain (a) VALUES (NEW.a) ON CONFLICT DO NOTHING;
                UPDATE plain SET a = 2 WHERE (a = 1);
                NEW.b := lower(NEW.b);
                RETURN NEW;
            END$$;
        CREATE FUNCTION own_event() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM {SET_IT}; END$$;
        GRANT ALL ON runs_code, plain TO app;
        ALTER TABLE runs_code OWNER TO app;
        ALTER TABLE plain OWNER TO app;
        """,
        database=name,
    )
    yield name
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def connect(proxy: ProxyServer) -> RawClient:
    database = proxy.config.origin.database
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, database=database)


def errors(client: RawClient, *messages: bytes) -> list[dict[str, str]]:
    return [answer.fields for answer in client.ask(*messages) if answer.kind == "E"]


def trigger(function: str, when: str = "BEFORE INSERT") -> str:
    return f"CREATE TRIGGER own {when} ON runs_code FOR EACH ROW EXECUTE FUNCTION {function}()"


LEAKS = {
    "set_config in a trigger": trigger("own_trigger"),
    "SET in a trigger": trigger("other_trigger"),
    "dynamic SQL in a trigger": trigger("dynamic_trigger"),
    "a trigger that calls a function": trigger("calling_trigger"),
    "a trigger of another table": (
        "CREATE TABLE refers (a int REFERENCES runs_code ON DELETE CASCADE); ALTER TABLE refers OWNER TO app;"
        "CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql "
        "AS $$BEGIN INSERT INTO refers VALUES (NEW.a); RETURN NEW; END$$;"
        "CREATE TRIGGER outer_one AFTER INSERT ON runs_code FOR EACH ROW EXECUTE FUNCTION on_insert();"
        "CREATE TRIGGER own BEFORE INSERT ON refers FOR EACH ROW EXECUTE FUNCTION own_trigger()"
    ),
    "a default": f"ALTER TABLE runs_code ALTER b SET DEFAULT {SET_IT}",
    "a default with a function": "ALTER TABLE runs_code ALTER b SET DEFAULT own_function()",
    "a check": "ALTER TABLE runs_code ADD CHECK (own_function() IS NOT NULL)",
    "a rule": "CREATE RULE own AS ON INSERT TO runs_code DO ALSO SELECT own_function()",
    "an index": (
        "CREATE FUNCTION pure(int) RETURNS int IMMUTABLE LANGUAGE plpgsql "
        f"AS $$BEGIN PERFORM {SET_IT}; RETURN $1; END$$; CREATE INDEX ON runs_code (pure(a))"
    ),
}


@pytest.fixture
def start(start_proxy: StartProxy, postgres: PostgresServer, database: str) -> Callable[..., ProxyServer]:
    """Starts a proxy with one connection to `database`."""
    return lambda: start_proxy(origin_of(postgres, database=database), config={"connection_limit": 1})


def last_query(postgres: PostgresServer, database: str) -> str:
    """What the proxy's one connection has run last."""
    sql = "SELECT query FROM pg_stat_activity WHERE datname = '%s' AND application_name = 'Cloudflare Hyperdrive'"
    [(text,)] = postgres.execute(sql % database)
    return str(text)


def insert_simple(client: RawClient, number: int) -> None:
    assert not errors(client, query(f"INSERT INTO runs_code (a) VALUES ({number})"))


def insert_extended(client: RawClient, number: int) -> None:
    text = "INSERT INTO runs_code (a) VALUES ($1)"
    assert not errors(client, parse("", text, [23]), bind("", "", [b"%d" % number]), execute(), SYNC)


def insert_in_transaction(client: RawClient, number: int) -> None:
    for text in ("BEGIN", f"INSERT INTO runs_code (a) VALUES ({number})", "COMMIT"):
        assert not errors(client, query(text))


def copy(client: RawClient, number: int) -> None:
    client.ask_until(query("COPY runs_code (a) FROM STDIN"), "G")
    assert not errors(client, copy_data(b"%d\n" % number) + copy_done())


WRITES = [insert_simple, insert_extended, insert_in_transaction, copy]


@pytest.mark.parametrize(
    ("kind", "write"),
    [(kind, write) for kind in LEAKS for write in WRITES if (kind, write) != ("a rule", copy)],  # it follows none
)
def test_what_a_write_runs_unasked_is_undone(
    start: Callable[[], ProxyServer],
    postgres: PostgresServer,
    database: str,
    kind: str,
    write: Callable[[RawClient, int], None],
) -> None:
    postgres.execute(LEAKS[kind], database=database)
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        for number in (1, 2, 3):
            write(client, number)
            assert other.rows("SHOW work_mem") == [[b"4MB"]]


@pytest.mark.parametrize(
    "code",
    [
        "CREATE VIEW shown AS SELECT a, own_function() FROM runs_code",
        f"CREATE VIEW shown AS SELECT a, {SET_IT} FROM runs_code",
        "CREATE VIEW shown AS SELECT * FROM runs_code; ALTER TABLE runs_code ENABLE ROW LEVEL SECURITY; "
        "ALTER TABLE runs_code FORCE ROW LEVEL SECURITY; "
        "CREATE POLICY own ON runs_code USING (own_function() IS NOT NULL)",
        "CREATE DOMAIN own AS int CHECK (own_function() IS NOT NULL); CREATE VIEW shown AS SELECT 1::own",
        "CREATE FUNCTION sets(int, int) RETURNS text LANGUAGE sql AS $$SELECT own_function()$$; "
        "CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = sets); CREATE VIEW shown AS SELECT 1 ### 2",
        "CREATE TYPE own AS (a int); CREATE FUNCTION to_text(own) RETURNS text LANGUAGE sql "
        "AS $$SELECT own_function()$$; CREATE CAST (own AS text) WITH FUNCTION to_text(own); "
        "CREATE VIEW shown AS SELECT row(1)::own::text",
    ],
    ids=["a function in a view", "set_config in a view", "a policy", "a domain", "an operator", "a cast"],
)
def test_what_a_read_runs_unasked_is_undone(
    start: Callable[[], ProxyServer], postgres: PostgresServer, database: str, code: str
) -> None:
    postgres.execute(f"INSERT INTO runs_code VALUES (0); {code}; GRANT ALL ON shown TO app", database=database)
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        for _ in range(3):
            assert len(client.rows("SELECT * FROM shown")) == 1
            assert other.rows("SHOW work_mem") == [[b"4MB"]]


@pytest.mark.parametrize(
    ("function", "sql"),
    [("log(text)", "SELECT log('x'::text)"), ("own(runs_code)", "SELECT runs_code.own FROM runs_code")],
    ids=["named like PostgreSQL's", "written like a column"],
)
def test_a_function_that_does_not_look_like_ones_own_is_undone(
    start: Callable[[], ProxyServer], postgres: PostgresServer, database: str, function: str, sql: str
) -> None:
    postgres.execute(
        "INSERT INTO runs_code VALUES (0);"
        f"CREATE FUNCTION {function} RETURNS text LANGUAGE sql AS $$SELECT {SET_IT}$$",
        database=database,
    )
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        for _ in range(3):
            assert client.rows(sql) == [[b"7MB"]]
            assert other.rows("SHOW work_mem") == [[b"4MB"]]


def test_what_ddl_runs_unasked_is_undone(
    start: Callable[[], ProxyServer], postgres: PostgresServer, database: str
) -> None:
    postgres.execute("CREATE EVENT TRIGGER own ON ddl_command_end EXECUTE FUNCTION own_event()", database=database)
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        for number in range(3):
            for text in (
                f"ALTER TABLE plain ADD COLUMN more{number} int",
                f"COMMENT ON TABLE plain IS '{number}'",
                "GRANT SELECT ON plain TO PUBLIC",
            ):
                assert not errors(client, query(text))
                assert other.rows("SHOW work_mem") == [[b"4MB"]]


def test_a_trigger_made_through_the_proxy_is_known_at_once(start: Callable[[], ProxyServer], database: str) -> None:
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        insert_simple(client, 1)
        insert_simple(client, 2)
        assert not errors(client, query(trigger("own_trigger")))
        for number in (3, 4):
            insert_simple(client, number)
            assert other.rows("SHOW work_mem") == [[b"4MB"]]


@pytest.mark.parametrize(
    "make",
    [
        [query("BEGIN"), query(trigger("own_trigger")), query("COMMIT") + query("SELECT 1")],
        [query("DO $do$BEGIN EXECUTE '" + trigger("own_trigger") + "'; END$do$")],
    ],
    ids=["with its COMMIT in a pipeline", "in a DO block"],
)
def test_a_trigger_is_known_however_it_is_made(
    start: Callable[[], ProxyServer], database: str, make: list[bytes]
) -> None:
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        insert_simple(client, 1)
        for message in make:
            client.send(message)
            client.until_ready(message.count(b"Q\0\0"))
        insert_simple(client, 3)
        assert other.rows("SHOW work_mem") == [[b"4MB"]]


def test_a_pinned_client_makes_a_trigger(start_proxy: StartProxy, postgres: PostgresServer, database: str) -> None:
    proxy = start_proxy(
        origin_of(postgres, database=database), config={"connection_limit": 2}, allow_unsupported=True
    )
    with connect(proxy) as pinned, connect(proxy) as client, connect(proxy) as other:
        pinned.ask(query("SET application_name = 'pinned'"))
        pinned.ask(query("BEGIN"))
        pinned.ask(query(trigger("own_trigger")))
        other.rows("SELECT 1")  # the catalog is looked at before it is there
        pinned.ask(query("COMMIT"))
        insert_simple(client, 1)
        assert other.rows("SHOW work_mem") == [[b"4MB"]]


def test_a_trigger_made_elsewhere_is_known_after_a_while(
    start: Callable[[], ProxyServer], postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_code, "TRUSTED_FOR_S", 0.0)
    proxy = start()
    known = proxy.proxy.pools[BINDING].stored_code
    with connect(proxy) as client, connect(proxy) as other:
        insert_simple(client, 1)
        other.rows("SELECT 1")
        assert not known.on_write
        postgres.execute(trigger("own_trigger"), database=database)
        wait_until(lambda: known.on_write)
        insert_simple(client, 2)
        assert other.rows("SHOW work_mem") == [[b"4MB"]]


@pytest.mark.parametrize(
    "code",
    [
        "SELECT",
        trigger("harmless_trigger"),
        "ALTER TABLE runs_code ALTER b SET DEFAULT harmless_function()",
        "CREATE VIEW shown AS SELECT a, harmless_function() FROM runs_code",
    ],
    ids=["nothing", "a trigger", "a default", "a view"],
)
def test_harmless_code_costs_no_reset(
    start: Callable[[], ProxyServer], postgres: PostgresServer, database: str, code: str
) -> None:
    postgres.execute(code, database=database)
    proxy = start()
    with connect(proxy) as client:
        insert_simple(client, 1)
        wait_until(lambda: not proxy.proxy.pools[BINDING].stored_code.on_write)
        for number in (2, 3):
            insert_simple(client, number)
            assert last_query(postgres, database) == f"INSERT INTO runs_code (a) VALUES ({number})"


def test_a_role_that_may_not_read_the_catalog_has_its_writes_undone(
    start: Callable[[], ProxyServer], postgres: PostgresServer, database: str
) -> None:
    postgres.execute(f"REVOKE SELECT ON pg_policy FROM PUBLIC; {trigger('own_trigger')}", database=database)
    proxy = start()
    with connect(proxy) as client, connect(proxy) as other:
        for number in (1, 2, 3):
            insert_simple(client, number)
            assert other.rows("SHOW work_mem") == [[b"4MB"]]
