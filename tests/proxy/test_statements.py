"""Prepared statements that clients share: eviction, changes of the schema, and what may leak between sessions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pg8000.dbapi
import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, wait_until
from support.raw_client import FLUSH, SYNC, Message, RawClient, bind, close, describe, execute, parse, query

from wrangler_py.hyperdrive.config import Caching


def connect(proxy: ProxyServer, **options: Any) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, **options)


OF_CLIENTS = "FROM pg_prepared_statements WHERE name NOT LIKE 'hyperdrive_reset%'"


def only(answers: list[Any]) -> list[bytes | None]:
    """The values of the one row in `answers`."""
    [values] = [answer.values for answer in answers if answer.kind == "D"]
    return list(values)


def test_an_origin_keeps_the_most_recent_and_closes_the_others(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(config={"connection_limit": 1}, max_prepared_statements=3)
    with connect(proxy) as client, connect(proxy) as other:
        for i in range(10):
            assert only(client.ask(parse(f"s{i}", f"SELECT {i}"), bind("", f"s{i}"), execute(), SYNC)) == [
                b"%d" % i
            ]
        assert other.rows(f"SELECT count(*) {OF_CLIENTS}") == [[b"3"]]
        for i in (0, 9, 5, 0, 9):
            assert only(client.ask(bind("", f"s{i}"), execute(), SYNC)) == [b"%d" % i]
        names = [values[0] for values in other.rows(f"SELECT statement {OF_CLIENTS}")]
        assert set(names) == {b"SELECT 0", b"SELECT 5", b"SELECT 9"}
        # In one group, and with an error before: the Close that was skipped is made up for.
        answers = client.ask(*(bind("", f"s{i}") + execute() for i in range(10)), SYNC)
        assert [a.values for a in answers if a.kind == "D"] == [[b"%d" % i] for i in range(10)]
        for i in range(10):
            client.ask(parse("", "SELECT nonsense"), bind("", f"s{i}"), execute(), SYNC)
            assert only(client.ask(bind("", f"s{i}"), execute(), SYNC)) == [b"%d" % i]
            assert only(client.ask(bind("", f"s{9 - i}"), describe("P"), execute(), SYNC)) == [b"%d" % (9 - i)]
        assert other.rows(f"SELECT count(*) <= 3 {OF_CLIENTS}") == [[b"t"]]


def test_clients_share_one_statement_at_the_origin(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(proxy)) for _ in range(10)]
        for number, client in enumerate(clients):
            client.ask(
                parse(f"mine{number}", "SELECT $1::int + 1"), bind("", f"mine{number}", [b"1"]), execute(), SYNC
            )
        assert clients[0].rows(f"SELECT count(*) {OF_CLIENTS}") == [[b"1"]]


@pytest.mark.parametrize(
    "between",
    [b"", query("ROLLBACK"), parse("", "ROLLBACK") + bind() + execute() + SYNC],
    ids=["in it", "query", "extended"],
)
@pytest.mark.parametrize(
    "use",
    [bind("", "a") + execute() + SYNC, describe("S", "a") + SYNC, bind("p", "a") + describe("P", "p") + SYNC],
    ids=["execute", "describe", "portal"],
)
def test_what_a_failed_transaction_keeps_from_being_prepared_is_there_behind_it(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, use: bytes, between: bytes
) -> None:
    """The client's statement is on another connection, and nothing is waited for."""

    def heard(client: RawClient) -> list[tuple[str, str]]:
        for message in (query("BEGIN"), query("SELECT 1/0")):
            client.ask(message)
        client.send(bind("", "a") + execute() + SYNC, between, use, use)
        answers = client.until_ready(4 if between else 3)
        client.ask(query("ROLLBACK"))
        return [(answer.kind, answer.sqlstate if answer.kind == "E" else "") for answer in answers]

    proxy = start_proxy(config={"connection_limit": 2})
    with (
        RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct,
        connect(proxy) as client,
        connect(proxy) as other,
    ):
        for who in (direct, client):
            who.ask(parse("a", "SELECT 1") + SYNC)
        connection = next(iter(proxy.proxy.pools[BINDING].connections))
        other.ask(query("BEGIN"))
        if connection.idle:  # the other one is that which has no statement
            with connect(proxy) as third:
                third.ask(query("BEGIN"))
                other.ask(query("ROLLBACK"))
                assert heard(client) == heard(direct)
        else:
            assert heard(client) == heard(direct)


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT", "ROLLBACK TO never", "SELECT 1"])
def test_what_ends_a_failed_transaction_is_parsed_there_by_whoever_comes(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, end: str
) -> None:
    """The connection has the statement from another client."""

    def heard(client: RawClient) -> list[tuple[str, str]]:
        client.send(query("BEGIN"), query("ROLLBACK TO never"), parse("a", end) + SYNC)
        answers = client.until_ready(3)
        client.ask(query("ROLLBACK"))
        return [(answer.kind, answer.sqlstate if answer.kind == "E" else "") for answer in answers]

    def heard_in_turns(client: RawClient) -> list[str]:
        kinds = [client.ask(sent)[0].kind for sent in (query("BEGIN"), query("ROLLBACK TO never"))]
        return [*kinds, client.ask(parse("b", end) + SYNC)[0].kind, client.ask(query("ROLLBACK"))[0].kind]

    proxy = start_proxy(config={"connection_limit": 1})
    with RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct:
        expected, expected_in_turns = heard(direct), heard_in_turns(direct)
    for _ in range(3):
        with connect(proxy) as client:
            assert heard(client) == expected
        with connect(proxy) as client:
            assert heard_in_turns(client) == expected_in_turns


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_statements_skipped_by_an_error_are_not_recorded(
    start_proxy: Callable[..., ProxyServer], limit: int
) -> None:
    """Nothing of it is waited for: the next group is under way when the error comes."""
    proxy = start_proxy(config={"connection_limit": 1}, max_prepared_statements=limit)
    names = ["a", "b", "c"]
    with connect(proxy) as client, connect(proxy) as other:
        for name in names:
            client.ask(parse(name, f"SELECT '{name}'"), bind("", name), execute(), SYNC)
        for first, second in itertools.product(names, names):
            client.send(execute("never"), bind("", first), bind("", second), bind("", first), SYNC)
            client.send(bind("", second), execute(), SYNC, bind("", first), execute(), SYNC)
            answers = client.until_ready(3)
            assert [answer.sqlstate for answer in answers if answer.kind == "E"] == ["34000"]
            assert [a.values for a in answers if a.kind == "D"] == [[second.encode()], [first.encode()]]
            for name in names:
                assert only(other.ask(parse(name, f"SELECT '{name}'"), bind("", name), execute(), SYNC)) == [
                    name.encode()
                ]
            other.ask(query("DEALLOCATE ALL"))


@pytest.mark.parametrize("skipped", [bind(), parse("", "SELECT 'mine'")])
def test_an_unnamed_statement_is_not_shared(start_proxy: Callable[..., ProxyServer], skipped: bytes) -> None:
    """Not either when the message that would have brought it here was skipped."""
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("", "SELECT 'mine'"), SYNC)
        other.ask(parse("", "SELECT 'not yours'"), bind(), execute(), SYNC)
        client.send(execute("never"), skipped, SYNC, bind(), execute(), SYNC)
        assert only(client.until_ready(2)) == [b"mine"]


def test_an_unnamed_statement_outlives_simple_queries_of_others(start_proxy: Callable[..., ProxyServer]) -> None:
    """A server drops it at one, and the proxy's own when settings change are such, too."""
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as client, connect(proxy) as other, connect(proxy, settings={"work_mem": "3MB"}) as third:
        client.ask(parse("", "SELECT 'mine'"), SYNC)
        other.ask(query("SELECT 1"))
        assert only(client.ask(bind(), execute(), SYNC)) == [b"mine"]
        other.ask(query("BEGIN; SET LOCAL work_mem = '2MB'; COMMIT"))
        assert only(client.ask(bind(), execute(), SYNC)) == [b"mine"]
        third.ask(parse("s", "SELECT 1"), bind("", "s"), execute(), SYNC)
        assert only(client.ask(bind(), execute(), SYNC)) == [b"mine"]


def test_a_literal_is_read_under_the_settings_of_whoever_prepared_it(
    start_proxy: Callable[..., ProxyServer],
) -> None:
    """What is prepared behind a SET LOCAL is nobody else's."""
    proxy = start_proxy(config={"connection_limit": 1})
    sql = "SELECT extract(month FROM date '02/03/2026')"
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(query("BEGIN; SET LOCAL DateStyle = 'SQL, DMY'"))
        client.ask(query("SET LOCAL DateStyle = 'SQL, DMY'"))
        assert only(client.ask(parse("s", sql), bind("", "s"), execute(), SYNC)) == [b"3"]
        client.ask(query("COMMIT"))
        assert only(other.ask(parse("t", sql), bind("", "t"), execute(), SYNC)) == [b"2"]


@pytest.mark.parametrize("by_query", [True, False], ids=["simple query", "extended"])
def test_a_literal_is_read_when_it_is_prepared(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, by_query: bool
) -> None:
    """As directly, though the origin has the same statement already, read under other settings."""
    sql = "SELECT extract(month FROM date '02/03/2026')"

    def run(client: RawClient, sql: str) -> None:
        client.ask(
            query(sql) if by_query else parse("run", sql) + bind("", "run") + execute() + close("S", "run") + SYNC
        )

    def months(client: RawClient) -> list[Any]:
        def month(*messages: bytes) -> Any:
            return only(client.ask(*messages, execute(), SYNC))

        found = [month(parse("before", sql), bind("", "before"))]
        run(client, "BEGIN")
        found += [month(parse("early", sql), bind("", "early")), month(parse("", sql), bind())]
        run(client, "SET LOCAL DateStyle = 'SQL, DMY'")
        found += [month(bind("", name)) for name in ("before", "early", *([] if by_query else [""]))]
        found += [month(parse(name, sql), bind("", name)) for name in ("late", "")]
        found += [month(bind("", name)) for name in ("before", "early", "late", "")]
        run(client, "SET LOCAL DateStyle = 'SQL, MDY'")
        found += [month(parse("later", sql), bind("", "later"))]
        found += [month(bind("", name)) for name in ("before", "early", "late", "later")]
        run(client, "COMMIT")
        found += [month(bind("", name)) for name in ("before", "early", "later")]
        return [*found, month(parse("after", sql), bind("", "after")), month(parse("", sql), bind())]

    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as other:
        other.ask(parse("theirs", sql), bind("", "theirs"), execute(), SYNC)
        with RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct:
            theirs = months(direct)
        with connect(proxy) as client:
            assert months(client) == theirs
        assert only(other.ask(bind("", "theirs"), execute(), SYNC)) == [b"2"]
        other.ask(query("SET LOCAL DateStyle = 'SQL, DMY'"))
        assert only(other.ask(bind("", "theirs"), execute(), SYNC)) == [b"2"]


def test_a_setting_that_is_refused_later_is_an_error_of_the_origin(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    postgres.execute("CREATE ROLE short_lived; GRANT short_lived TO app")
    with connect(proxy, settings={"role": "short_lived"}) as client, connect(proxy) as other:
        assert client.rows("SELECT current_user") == [[b"short_lived"]]
        assert other.rows("SELECT current_user") == [[b"app"]]
        postgres.execute("DROP ROLE short_lived")
        for _ in range(2):
            answers = client.ask(query("SELECT current_user"))
            assert [a.sqlstate for a in answers if a.kind == "E"] == ["22023"]
        assert other.rows("SELECT current_user") == [[b"app"]]


# --- changes of the schema: drivers fare as they do directly -----------------------------------------------

CHANGES = {
    "add a column": "ALTER TABLE {name} ADD COLUMN extra text DEFAULT 'x'",
    "change a type": "ALTER TABLE {name} ALTER COLUMN value TYPE bigint",
    "drop a column": "ALTER TABLE {name} DROP COLUMN value",
    "make the table again": "DROP TABLE {name}; CREATE TABLE {name} AS SELECT 1 AS id, 'new'::text AS value",
    "make the enum again": "ALTER TABLE {name} ALTER COLUMN mood TYPE text; DROP TYPE {name}_mood; "
    "CREATE TYPE {name}_mood AS ENUM ('fine', 'bad'); "
    "ALTER TABLE {name} ALTER COLUMN mood TYPE {name}_mood USING mood::{name}_mood",
}
NUMBERS = itertools.count()
Run = Callable[[str, str, Callable[[], None]], list[Any]]


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except psycopg.Error as error:
        return error.sqlstate
    except pg8000.dbapi.DatabaseError as error:
        return error.args[0]["C"]


def with_psycopg(dsn: str, sql: str, change: Callable[[], None]) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as connection:
        answers = [outcome(lambda: connection.execute(sql).fetchall()) for _ in range(2)]
        change()
        answers += [outcome(lambda: connection.execute(sql).fetchall()) for _ in range(3)]
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as connection:
        answers += [outcome(lambda: connection.execute(sql).fetchall()) for _ in range(2)]
    return answers


def with_pg8000(dsn: str, sql: str, change: Callable[[], None]) -> list[Any]:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    connection = pg8000.dbapi.connect(
        str(parts["user"]),
        host=str(parts["host"]),
        port=int(parts["port"] or 0),
        password=str(parts["password"]),
        database=str(parts["dbname"]),
    )
    connection.autocommit = True
    cursor = connection.cursor()

    def run() -> Any:
        cursor.execute(sql)
        return [list(row) for row in cursor.fetchall()]

    answers = [outcome(run) for _ in range(2)]
    change()
    answers += [outcome(run) for _ in range(3)]
    connection.close()
    return answers


def with_asyncpg(dsn: str, sql: str, change: Callable[[], None]) -> list[Any]:
    async def programme() -> list[Any]:
        answers: list[Any] = []

        async def run(connection: Any) -> None:
            try:
                answers.append([tuple(row) for row in await connection.fetch(sql)])
            except asyncpg.PostgresError as error:
                answers.append(error.sqlstate)

        connection = await asyncpg.connect(dsn)
        for _ in range(2):
            await run(connection)
        await asyncio.to_thread(change)
        for _ in range(3):
            await run(connection)
        async with connection.transaction():
            await run(connection)
        other = await asyncpg.connect(dsn)
        await run(other)
        await other.close()
        await connection.close()
        return answers

    return asyncio.run(programme())


@pytest.mark.parametrize("elsewhere", [True, False], ids=["changed directly", "changed through the proxy"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("programme", [with_psycopg, with_pg8000, with_asyncpg])
def test_drivers_recover_as_they_do_directly(
    start_proxy: Callable[..., ProxyServer],
    postgres: PostgresServer,
    programme: Run,
    change: str,
    elsewhere: bool,
) -> None:
    """One connection, as there is directly: on another one psycopg would recover earlier."""
    proxy = start_proxy(config={"connection_limit": 1})

    def run(dsn: str, name: str, dsn_of_change: str) -> list[Any]:
        def make() -> None:
            with psycopg.connect(dsn_of_change, autocommit=True) as connection:
                connection.execute(CHANGES[change].format(name=name))

        try:
            with psycopg.connect(direct, autocommit=True) as connection:
                connection.execute(f"CREATE TYPE {name}_mood AS ENUM ('fine', 'bad')")
                connection.execute(f"CREATE TABLE {name} (id int, value int, mood {name}_mood)")
                connection.execute(f"INSERT INTO {name} VALUES (1, 2, 'fine')")
            return programme(dsn, f"SELECT * FROM {name}", make)
        finally:
            with psycopg.connect(direct, autocommit=True) as connection:
                connection.execute(f"DROP TABLE IF EXISTS {name}; DROP TYPE IF EXISTS {name}_mood")

    direct = postgres.dsn(sslmode="disable")
    number = next(NUMBERS)
    theirs = run(direct, f"direct_{number}", direct)
    ours = run(proxy.dsn(), f"through_{number}", direct if elsewhere else proxy.dsn())
    assert ours == theirs


STALE = "SELECT * FROM stale_plan"
FRESH: dict[str, list[bytes]] = {
    "at once": [parse("s", STALE) + bind("", "s") + describe("P") + execute() + SYNC],
    "without a description": [parse("s", STALE) + bind("", "s") + execute() + SYNC],
    "one by one": [parse("s", STALE) + SYNC, bind("", "s") + describe("P") + execute() + SYNC],
    "described first": [parse("s", STALE) + describe("S", "s") + SYNC, bind("", "s") + execute() + SYNC],
}


@pytest.fixture
def stale_plan(postgres: PostgresServer) -> Iterator[Callable[[], object]]:
    """A table; what it gives changes its columns, and not through a proxy."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE stale_plan (a int)")
        connection.execute("INSERT INTO stale_plan VALUES (1)")
        connection.execute("GRANT SELECT ON stale_plan TO PUBLIC")
        yield lambda: connection.execute("ALTER TABLE stale_plan ADD COLUMN b int DEFAULT 2")
        connection.execute("DROP TABLE stale_plan")


@pytest.mark.parametrize("way", FRESH)
@pytest.mark.parametrize(
    "ran",
    [b"", query("SELECT 1"), query("SET LOCAL TimeZone = 'Asia/Tokyo'")],
    ids=["nothing ran", "a query ran", "a setting was set"],
)
@pytest.mark.parametrize("caching", [Caching(disabled=True), Caching()], ids=["", "cached"])
def test_a_new_client_has_the_new_plan_after_ddl_elsewhere(
    start_proxy: Callable[..., ProxyServer],
    postgres: PostgresServer,
    stale_plan: Callable[[], None],
    way: str,
    caching: Caching,
    ran: bytes,
) -> None:
    """And whoever may know the old columns gets no others. If something `ran`, the new client is behind a reset."""
    proxy = start_proxy(config={"connection_limit": 1, "caching": caching})
    with connect(proxy) as told, connect(proxy) as fresh, connect(proxy) as fresher:
        told.ask(FRESH["described first"][0])
        if ran:
            told.ask(ran)
        stale_plan()
        with RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct:
            theirs = [[answer.kind for answer in direct.ask(data)] for data in FRESH[way]]
        for client in (fresh, fresher):
            answers = [client.ask(data) for data in FRESH[way]]
            assert [[answer.kind for answer in part] for part in answers] == theirs
            assert only(answers[-1]) == [b"1", b"2"]
            assert only(client.ask(bind("", "s"), execute(), SYNC)) == [b"1", b"2"]
        for data in (bind("", "s") + execute(), bind("", "s") + describe("P") + execute()):
            assert [a.sqlstate for a in told.ask(data, SYNC) if a.kind == "E"] == ["0A000"]


@pytest.mark.parametrize("noticed", [True, False], ids=["cache cleared", "connections gone"])
@pytest.mark.parametrize("caching", [Caching(disabled=True), Caching()], ids=["", "cached"])
def test_columns_and_rows_agree_after_ddl_elsewhere(
    start_proxy: Callable[..., ProxyServer],
    postgres: PostgresServer,
    stale_plan: Callable[[], None],
    caching: Caching,
    noticed: bool,
) -> None:
    """Whoever has described the statement before, and wherever it was prepared."""
    proxy = start_proxy(config={"connection_limit": 5, "caching": caching})
    describes = parse("s", STALE) + describe("S", "s") + SYNC
    fetches = bind("", "s") + execute() + SYNC

    def columns(answers: list[Message]) -> int:
        [described] = [answer.body for answer in answers if answer.kind == "T"]
        return int.from_bytes(described[:2], "big")

    with connect(proxy) as old:
        assert columns(old.ask(describes)) == len(only(old.ask(fetches))) == 1
        stale_plan()
        if noticed:
            proxy.call(proxy.proxy.clear_cache)
        else:
            proxy.call(proxy.proxy.store.clear)
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'Cloudflare Hyperdrive'"
            )
            wait_until(lambda: not proxy.proxy.pools[BINDING].connections)
        with connect(proxy) as busy, connect(proxy) as fresh, connect(proxy) as fresher:
            busy.ask(query("BEGIN"))
            for client in (fresh, fresher, fresh):
                if client is fresh:
                    client.ask(close("S", "s"), SYNC)
                assert columns(client.ask(describes)) == 2
                assert [only(client.ask(fetches)) for _ in range(2)] == [[b"1", b"2"]] * 2
        assert [answer.sqlstate for answer in old.ask(fetches) if answer.kind == "E"] == ["0A000"]


@pytest.mark.parametrize("programme", [with_psycopg, with_pg8000])
def test_a_drivers_new_connection_has_the_new_plan(
    start_proxy: Callable[..., ProxyServer], stale_plan: Callable[[], None], programme: Run
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as old:
        old.ask(*FRESH["described first"])
        with psycopg.connect(proxy.dsn(), autocommit=True, prepare_threshold=0) as connection:
            connection.execute(STALE)
        stale_plan()
        answers = programme(proxy.dsn(), STALE, lambda: None)
        assert {tuple(row) for rows in answers for row in rows} == {(1, 2)}


def test_a_stale_plan_is_counted_once(
    start_proxy: Callable[..., ProxyServer], stale_plan: Callable[[], None]
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as old, connect(proxy) as fresh:
        old.ask(*FRESH["at once"])
        stale_plan()
        fresh.ask(*FRESH["at once"])
    assert [event.sql for event in proxy.events] == [STALE, STALE]


def test_a_dropped_table_is_noticed_as_on_a_direct_connection(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    prepare = parse("s", "SELECT * FROM short_lived_table") + SYNC
    with connect(proxy) as old, connect(proxy) as fresh:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE short_lived_table (a int)")
            old.ask(prepare)
            connection.execute("DROP TABLE short_lived_table")
        assert [a.sqlstate for a in fresh.ask(prepare) if a.kind != "Z"] == ["42P01"]
        assert [a.sqlstate for a in fresh.ask(bind("", "s"), SYNC) if a.kind != "Z"] == ["26000"]


def test_a_stale_plan_fails_a_transaction(
    start_proxy: Callable[..., ProxyServer], stale_plan: Callable[[], None]
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as old, connect(proxy) as fresh:
        old.ask(*FRESH["at once"])
        stale_plan()
        fresh.ask(query("BEGIN"))
        answers = fresh.ask(*FRESH["at once"])
        assert [a.sqlstate for a in answers if a.kind == "E"] == ["0A000"]
        assert answers[-1].body == b"E"
        fresh.ask(query("ROLLBACK"))
        assert only(fresh.ask(parse("t", STALE), bind("", "t"), execute(), SYNC)) == [b"1", b"2"]


def test_columns_that_changed_fail_a_transaction_as_at_a_server(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(config={"connection_limit": 2})
    with connect(proxy) as client, connect(proxy) as holder:
        client.ask(query("CREATE TABLE told (a int)"))
        client.ask(parse("closed", "SELECT 1"), SYNC)
        client.ask(parse("told", "SELECT * FROM told"), describe("S", "told"), SYNC)
        holder.ask(query("BEGIN"))  # has the connection on which that is prepared
        client.ask(query("BEGIN"))
        client.ask(query("ALTER TABLE told ADD b int"))
        # What the second group means depends on how the first one ends.
        first = parse("", "SELECT 1") + close("S", "closed") + bind() + execute() + SYNC
        answers = client.ask(first + bind("", "told") + execute() + SYNC) + client.until_ready()
        assert [a.sqlstate for a in answers if a.kind == "E"] == ["0A000"]
        assert [a.body for a in answers if a.kind == "Z"] == [b"T", b"E"]
        assert client.ask(query("SELECT 2"))[0].sqlstate == "25P02"
        client.ask(query("ROLLBACK; DROP TABLE told"))


def test_a_stale_plan_before_a_sync(
    start_proxy: Callable[..., ProxyServer], stale_plan: Callable[[], None]
) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as old, connect(proxy) as fresh:
        old.ask(*FRESH["at once"])
        stale_plan()
        answers = fresh.ask_until(parse("s", STALE) + describe("S", "s") + FLUSH, "E")
        assert answers[-1].sqlstate == "0A000"
        fresh.ask(SYNC)
        assert only(fresh.ask(parse("t", STALE), bind("", "t"), execute(), SYNC)) == [b"1", b"2"]


def test_a_stale_plan_with_more_messages_after_it(
    start_proxy: Callable[..., ProxyServer], stale_plan: Callable[[], None]
) -> None:
    """Each answer is in its place, whether it was sent again or not."""
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as old, connect(proxy) as fresh:
        old.ask(*FRESH["at once"])
        stale_plan()
        for behind in (parse("", "SELECT 'behind'") + bind() + execute() + SYNC, query("SELECT 'behind'")):
            fresh.send(*FRESH["at once"], behind)
            first = fresh.until_ready()
            refused = [a.sqlstate for a in first if a.kind == "E"]
            assert refused or only(first) == [b"1", b"2"]
            assert only(fresh.until_ready()) == [b"behind"]


def test_a_new_client_has_the_new_plan_after_ddl_in_a_transaction(proxy: ProxyServer) -> None:
    """One that prepares between the DDL and its commit must not make the old plan everybody's."""
    with connect(proxy) as author, connect(proxy) as reader, connect(proxy) as late:
        author.ask(query("CREATE TABLE shared_plan (a int); INSERT INTO shared_plan VALUES (1)"))
        select = "SELECT * FROM shared_plan"
        author.ask(query("BEGIN; ALTER TABLE shared_plan ADD COLUMN b int DEFAULT 2; SET LOCAL lock_timeout = 0"))
        author.ask(query("ROLLBACK"))
        assert only(reader.ask(parse("s", select), bind("", "s"), execute(), SYNC)) == [b"1"]
        author.ask(query("BEGIN; ALTER TABLE shared_plan ADD COLUMN b int DEFAULT 2"))
        author.ask(query("COMMIT"))
        assert only(late.ask(parse("s", select), bind("", "s"), describe("P"), execute(), SYNC)) == [b"1", b"2"]
        author.ask(query("DROP TABLE shared_plan"))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; DEALLOCATE ALL",
        "RESET ALL; DEALLOCATE ALL",
        "ROLLBACK; DEALLOCATE ALL",
        "BEGIN; DEALLOCATE ALL; COMMIT",
        "DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$",
    ],
)
def test_deallocate_among_others_is_its_clients_affair(start_proxy: Callable[..., ProxyServer], text: str) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as client, connect(proxy) as other:
        for one in (client, other):
            one.ask(parse("s", "SELECT 1"), SYNC)
        client.ask(query(text))
        assert only(other.ask(bind("", "s"), execute(), SYNC)) == [b"1"]
        if "DO" not in text:
            answers = client.ask(bind("", "s"), execute(), SYNC)
            assert [answer.sqlstate for answer in answers if answer.kind == "E"] == ["26000"]
        client.ask(close("S", "s"), parse("s", "SELECT 1"), SYNC)
        assert only(client.ask(bind("", "s"), execute(), SYNC)) == [b"1"]


def test_statements_dropped_behind_the_proxys_back_come_back(start_proxy: Callable[..., ProxyServer]) -> None:
    """Within a transaction the first use fails, as it may at the origin; nothing after that does."""
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as client, connect(proxy) as other:
        client.ask(parse("s", "SELECT 1"), SYNC)
        client.ask(query("BEGIN"))
        client.ask(query("DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$"))
        client.ask(bind("", "s"), execute(), SYNC)
        client.ask(query("ROLLBACK"))
        assert only(client.ask(bind("", "s"), execute(), SYNC)) == [b"1"]
        assert only(other.ask(parse("", "SELECT 1"), bind(), execute(), SYNC)) == [b"1"]


def test_what_a_do_block_prepares_is_gone_after_it(start_proxy: Callable[..., ProxyServer]) -> None:
    proxy = start_proxy(config={"connection_limit": 1})
    with connect(proxy) as client:
        for _ in range(2):
            answers = client.ask(query("DO $$BEGIN EXECUTE 'PREPARE left_over AS SELECT 1'; END$$"))
            assert not [answer.fields for answer in answers if answer.kind == "E"]


def test_a_failed_deallocate_fails_its_transaction(proxy: ProxyServer) -> None:
    with connect(proxy) as client:
        client.ask(query("BEGIN"))
        answers = client.ask(query("DEALLOCATE nobody_knows"))
        assert [(answer.kind, answer.body) for answer in answers if answer.kind == "Z"] == [("Z", b"E")]
        assert answers[0].sqlstate == "26000"


@pytest.mark.parametrize(
    "rest",
    [
        describe("S", "x") + SYNC,
        bind("", "x") + describe("P") + execute() + SYNC,
        describe("S", "x") + FLUSH + SYNC,
    ],
    ids=["described", "executed", "flushed"],
)
def test_a_name_is_free_when_its_statement_could_not_be_prepared(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, rest: bytes
) -> None:
    """The origin has the statement of another client, and is spared the Parse; it would have failed there."""
    proxy = start_proxy(config={"connection_limit": 1})
    make = "CREATE TABLE comes_and_goes (a int); GRANT ALL ON comes_and_goes TO app"
    postgres.execute(make)
    prepared = parse("x", "SELECT a FROM comes_and_goes") + rest
    with connect(proxy) as client, connect(proxy) as other:
        other.ask(prepared)
        postgres.execute("DROP TABLE comes_and_goes")
        assert [answer.sqlstate for answer in client.ask(prepared) if answer.kind == "E"] == ["42P01"]
        postgres.execute(make)
        assert not [answer for answer in client.ask(prepared) if answer.kind == "E"]
        assert [answer.sqlstate for answer in client.ask(prepared) if answer.kind == "E"] == ["42P05"]
    postgres.execute("DROP TABLE comes_and_goes")


@pytest.mark.parametrize("through_the_proxy", [True, False])
def test_the_same_columns_of_another_table_will_do(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, through_the_proxy: bool
) -> None:
    proxy = start_proxy(config={"connection_limit": 2})
    again = "DROP TABLE IF EXISTS made_again; CREATE TABLE made_again (a int); INSERT INTO made_again VALUES (7)"
    with connect(proxy) as client, connect(proxy) as other:
        other.ask(query(again))
        client.ask(parse("x", "SELECT * FROM made_again"), describe("S", "x"), SYNC)
        if through_the_proxy:
            other.ask(query(again))
        else:
            postgres.execute(again + "; GRANT ALL ON made_again TO app; ALTER TABLE made_again OWNER TO app")
        other.ask(query("BEGIN"))
        other.ask(query("SELECT 1"))  # so that the client gets the other connection
        assert only(client.ask(bind("", "x"), execute(), SYNC)) == [b"7"]
        other.ask(query("ROLLBACK"))
        other.ask(query("DROP TABLE made_again"))


def test_other_columns_are_noticed_within_a_transaction(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer
) -> None:
    proxy = start_proxy(config={"connection_limit": 2})
    with connect(proxy) as client, connect(proxy) as other:
        other.ask(query("CREATE TABLE grows (a int); INSERT INTO grows VALUES (1)"))
        client.ask(parse("x", "SELECT * FROM grows"), describe("S", "x"), SYNC)
        postgres.execute("ALTER TABLE grows ADD COLUMN b int")
        other.ask(query("BEGIN"))
        other.ask(query("SELECT 1"))
        client.ask(query("BEGIN"))
        answers = client.ask(bind("", "x"), execute(), SYNC)
        assert [answer.sqlstate for answer in answers if answer.kind == "E"] == ["0A000"]
        assert [answer.body for answer in answers if answer.kind == "Z"] == [b"E"]
        client.ask(query("ROLLBACK"))
        other.ask(query("ROLLBACK"))
        other.ask(query("DROP TABLE grows"))


# --- nothing leaks -------------------------------------------------------------------------------------------


def session_settings(proxy: ProxyServer, limit: int) -> list[tuple[bytes | None, ...]]:
    """What is set in the sessions of all origin connections, each of which is visited."""
    sql = "SELECT name, setting FROM pg_settings WHERE source = 'session'"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(proxy)) for _ in range(limit)]
        for client in clients:
            client.ask(query("BEGIN"))
        found = [tuple(row) for client in clients for row in client.rows(sql)]
        temporary = [
            row for client in clients for row in client.rows("SELECT 1 FROM pg_class WHERE relpersistence = 't'")
        ]
        assert not temporary
    return found


def test_a_failed_check_of_columns_tells_of_the_settings_that_end_with_it(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer
) -> None:
    """The statement is unknown to the second connection, which prepares it before it is used."""
    proxy = start_proxy(config={"connection_limit": 2})
    postgres.execute("CREATE TABLE checked (a int); ALTER TABLE checked OWNER TO app")
    turns = [
        query("SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL search_path = 'nowhere'"),
        bind("", "s") + execute() + SYNC,
        query("ROLLBACK"),
    ]
    try:
        heard = []
        for one in (connect(proxy), RawClient(postgres.port, user="app", password=postgres.user_password)):
            with one as client, connect(proxy) as other:
                client.ask(parse("s", "SELECT * FROM checked") + describe("S", "s") + SYNC)
                other.ask(query("BEGIN"))
                client.ask(query("BEGIN"))
                heard.append(
                    [sorted((answer.kind, answer.body[:13]) for answer in client.ask(turn)) for turn in turns]
                )
        assert heard[0] == heard[1]
        assert ("S", b"IntervalStyle") in heard[0][1]
    finally:
        postgres.execute("DROP TABLE checked")


SETTING = [
    "SET work_mem = '7MB'",
    "SELECT set_config('work_mem', '7MB', false)",
    "SELECT set_config/* a comment */('work_mem', '7MB', false)",
    "UPDATE pg_settings SET setting = '7168' WHERE name = 'work_mem'",
    "update pg_catalog.pg_settings set setting = '7168' where name = 'work_mem'",
    "DO $$BEGIN PERFORM set_config('work_mem', '7MB', false); END$$",
    "SELECT sets_work_mem()",
    "SELECT sets_work_mem/* a comment */()",
    "SELECT sets_work_mem -- a comment\n ()",
    "EXPLAIN SELECT sets_work_mem()",
    "SELECT query_to_xml('SELECT sets_work_mem()', false, false, '')",
    "SELECT * FROM ts_stat('SELECT to_tsvector(sets_work_mem())')",
    "EXPLAIN ANALYZE SELECT set_config('work_mem', '7MB', false)",
    "COPY (SELECT sets_work_mem()) TO STDOUT",
    "BEGIN; SET work_mem = '7MB'; COMMIT",
    "BEGIN; SAVEPOINT a; SET work_mem = '7MB'; RELEASE a; COMMIT",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET SESSION AUTHORIZATION app; SET work_mem = '7MB'",
]


@pytest.mark.parametrize("text", SETTING)
def test_each_way_to_set_something_ends_with_its_query(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer, text: str
) -> None:
    """One connection for both, and nothing else that would have it reset."""
    proxy = start_proxy(config={"connection_limit": 1})
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION sets_work_mem() RETURNS text IMMUTABLE LANGUAGE sql "
            "AS $$SELECT set_config('work_mem', '7MB', false)$$"
        )
    try:
        with connect(proxy) as client:
            errors = [answer for answer in client.ask(query(text)) if answer.kind == "E"]
            if "query_to_xml" in text and [error.sqlstate for error in errors] == ["0A000"]:
                pytest.skip("this PostgreSQL was built without XML")
            assert not [error.fields for error in errors]
            assert session_settings(proxy, 1) == []
            if ";" not in text:
                client.ask(parse("", text), bind(), execute(), SYNC)
                assert session_settings(proxy, 1) == []
    finally:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("DROP FUNCTION sets_work_mem()")


async def asyncpg_mix(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")
    await connection.fetch("SELECT ARRAY[ROW(1, 'x')]::text, '{}'::json")
    with contextlib.suppress(asyncpg.PostgresError):
        async with connection.transaction():
            await connection.execute("SET LOCAL work_mem = '3MB'; SET statement_timeout = 1234")
            await connection.execute("SELECT nonsense")
    await connection.execute("SELECT set_config('jit', 'off', false)")
    await connection.execute("SELECT set_config('jit', 'on', false)")
    await connection.close()


def test_no_setting_leaks_whatever_clients_do(start_proxy: Callable[..., ProxyServer]) -> None:
    limit = 3
    proxy = start_proxy(config={"connection_limit": limit})
    texts = [
        "SET work_mem = '7MB'",
        "SET TimeZone = 'Asia/Tokyo'; SELECT 1",
        "SELECT set_config('some.var', 'x', false)",
        "BEGIN; SET LOCAL work_mem = '9MB'; COMMIT",
        "BEGIN; SET work_mem = '9MB'; COMMIT",
        "BEGIN; SET work_mem = '9MB'; SELECT 1/0",
        "ROLLBACK",
        "RESET work_mem",
        "RESET ALL",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET search_path = pg_catalog",
        "DO $$BEGIN PERFORM set_config('lock_timeout', '5s', false); END$$",
        "BEGIN; CREATE TEMP TABLE leak (a int); COMMIT",
        "BEGIN; DECLARE leak CURSOR WITH HOLD FOR SELECT 1; COMMIT",
        "SET ROLE NONE",
        "SELECT setseed(0.5)",
    ]
    with contextlib.ExitStack() as stack:
        settings: list[dict[str, str]] = [{}, {"TimeZone": "America/Lima"}, {"options": "-c work_mem=2MB"}]
        clients = [stack.enter_context(connect(proxy, settings=chosen)) for chosen in settings * 2]
        for turn, text in enumerate(texts * 3):
            clients[turn % len(clients)].ask(query(text))
            clients[(turn + 1) % len(clients)].ask(parse("", text.split(";")[0]), bind(), execute(), SYNC)
        for client in clients:
            client.ask(query("ROLLBACK"))
    for _ in range(3):
        asyncio.run(asyncpg_mix(proxy.dsn()))
    assert session_settings(proxy, limit) == []
    with connect(proxy, settings={"TimeZone": "America/Lima"}) as client:
        sql = "SELECT name, setting FROM pg_settings WHERE source = 'session' OR name = 'TimeZone'"
        assert client.rows(sql) == [[b"TimeZone", b"America/Lima"]]


def test_a_dropped_table_affects_no_other_statements(
    start_proxy: Callable[..., ProxyServer], postgres: PostgresServer
) -> None:
    """Also not those that were to make room for the client's own."""
    postgres.execute("CREATE TABLE gone (a int); CREATE TABLE kept (a int); GRANT ALL ON gone, kept TO app")
    proxy = start_proxy(config={"connection_limit": 1}, max_prepared_statements=2)
    with connect(proxy) as client, connect(proxy) as other:
        for name, table in (("p1", "gone"), ("p2", "kept")):
            client.ask(parse(name, f"SELECT * FROM {table}"), describe("S", name), SYNC)
        for name in ("o0", "o1"):
            other.ask(parse(name, f"SELECT '{name}'"), SYNC)
        postgres.execute("DROP TABLE gone; DROP TABLE kept")
        client.ask(bind("", "p1"), execute(), bind("", "p2"), execute(), SYNC)
        for name in ("o0", "o1"):
            assert only(other.ask(bind("", name), execute(), SYNC)) == [name.encode()]


def test_a_deallocate_in_a_transaction_that_has_failed_drops_nothing(proxy: ProxyServer) -> None:
    with connect(proxy) as client:
        client.ask(parse("d", "DEALLOCATE ALL"), SYNC)
        client.ask(parse("k", "SELECT 'kept'"), SYNC)
        client.ask(query("BEGIN"))
        failing = parse("", "SELECT 1/0") + bind() + execute() + SYNC
        client.send(failing + bind("", "d") + execute() + SYNC)
        assert [a.sqlstate for a in client.until_ready(2) if a.kind == "E"] == ["22012", "25P02"]
        client.ask(query("ROLLBACK"))
        assert only(client.ask(bind("", "k"), execute(), SYNC)) == [b"kept"]
