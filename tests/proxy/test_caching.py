"""Query caching through the proxy, with real drivers: what hits, what doesn't, what is told."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import asyncpg
import pg8000.dbapi
import psycopg
import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config, wait_until
from support.raw_client import FLUSH, SYNC, Message, RawClient, bind, close, describe, execute, parse, query

from wrangler_py.hyperdrive.config import Caching
from wrangler_py.pgwire import frontend_kinds, messages

StartProxy = Callable[..., ProxyServer]


@pytest.fixture
def caching(start_proxy: StartProxy) -> ProxyServer:
    return start_proxy(config={"caching": Caching()})


@pytest.fixture
def table(postgres: PostgresServer) -> Iterator[str]:
    name = f"articles_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, title text)")
        connection.execute(f"INSERT INTO {name} SELECT i, 'title ' || i FROM generate_series(1, 10) i")
        yield name
        connection.execute(f"DROP TABLE {name} CASCADE")


def statuses(proxy: ProxyServer) -> list[str]:
    return [event.status for event in proxy.events if "pg_catalog" not in event.sql]


def test_each_status_through_a_driver(caching: ProxyServer, table: str) -> None:
    with psycopg.connect(caching.dsn(), autocommit=True) as connection:

        def status(sql: str, *parameters: Any) -> str:
            del caching.events[:]
            try:
                connection.execute(sql, parameters or None)
            except psycopg.Error:
                connection.rollback()
            wait_until(lambda: caching.events)
            return caching.events[-1].status

        assert status(f"SELECT * FROM {table}") == "miss"
        assert status(f"SELECT * FROM {table}") == "hit"
        assert status(f"SELECT * FROM {table} WHERE id = %s", 1) == "miss"
        assert status(f"SELECT * FROM {table} WHERE id = %s", 1) == "hit"
        assert status(f"SELECT * FROM {table} WHERE id = %s", 2) == "miss"
        assert status("SELECT now()") == "volatile"
        assert status("SELECT 1 /* random() */") == "volatile"
        assert status("SELECT 1; SELECT 2") == "multiplestatements"
        assert status("SHOW work_mem") == "notaquery"
        assert status(f"UPDATE {table} SET title = 'x' WHERE id = 1") == "uncacheable"
        assert status(f"SELECT * FROM {table} FOR UPDATE") == "uncacheable"
        assert status("SELEKT 1") == "parseerror"
        assert status("SELECT '" + "x" * 1_100_000 + "'") == "oversizedquery"
        assert status("SELECT repeat('x', 51 * 1024 * 1024)") == "oversizedresult"
        assert status("SELECT repeat('x', 51 * 1024 * 1024)") == "oversizedresult"
        with connection.transaction():
            assert status(f"SELECT * FROM {table}") == "transaction"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1.5::float(24)",
        "SELECT E'\\101', E'\\060'",
        "SELECT U&'\\0061'",
        "SELECT U&'!0062' UESCAPE '!'",
        "SELECT 12.5::numeric(10, 2)",
    ],
)
def test_numbers_are_no_hindrance(caching: ProxyServer, sql: str) -> None:
    """Texts that differ in numbers only are looked at once, with others in their place: those have to be valid."""
    with psycopg.connect(caching.dsn(), autocommit=True) as connection:
        assert connection.execute(sql).fetchall() == connection.execute(sql).fetchall()
    assert statuses(caching) == ["miss", "hit"]


def test_numbers_in_names_are_names(caching: ProxyServer, table: str) -> None:
    """Not a stale read, since another table was written."""
    with psycopg.connect(caching.dsn(), autocommit=True) as connection:
        for name in (f"{table}é1", f"{table}é2", f"{table}$1", f"{table}$2"):
            connection.execute(f"CREATE TABLE {name} () INHERITS ({table})")
        for read, written in ((f"{table}é1", f"{table}é2"), (f"{table}$1", f"{table}$2")):
            connection.execute(f"SELECT count(*) FROM {read}")
            connection.execute(f"INSERT INTO {written} VALUES (1, 'one')")
            connection.execute(f"SELECT count(*) FROM {read}")
    assert statuses(caching)[-1] == "hit"
    assert not [notice for notice in caching.notices if "stale read" in notice]


def test_disabled(start_proxy: StartProxy) -> None:
    proxy = start_proxy(config={"caching": Caching(disabled=True)})
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        connection.execute("SELECT 1")
        connection.execute("SELECT 1")
    assert statuses(proxy) == ["disabled", "disabled"]


def test_a_hit_needs_no_origin(start_proxy: StartProxy, postgres_factory: Callable[..., PostgresServer]) -> None:
    server = postgres_factory()
    proxy = start_proxy(origin_of(server), config={"caching": Caching()})
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        before = connection.execute("SELECT 40 + %s::int", (2,)).fetchall()
        server.stop()
        assert connection.execute("SELECT 40 + %s::int", (2,)).fetchall() == before
        with pytest.raises(psycopg.Error, match="Server connection attempt failed"):
            connection.execute("SELECT 40 + %s::int", (3,))
        server.start()
        assert connection.execute("SELECT 40 + %s::int", (3,)).fetchall() == [(43,)]


TYPES = [
    "42::int2", "42::int4", "42::int8", "1.5::float4", "2.5::float8", "12.340::numeric", "'text'::text",
    "'char'::varchar(10)", "true", "'\\x00ff'::bytea", "'2026-02-28'::date", "'12:30'::time",
    "'2026-02-28 12:30'::timestamp", "'2026-02-28 12:30+00'::timestamptz", "'3 days'::interval",
    "'00000000-0000-0000-0000-000000000007'::uuid", "'{\"a\": 1}'::jsonb", "'{1,2,3}'::int[]", "'10.0.0.1'::inet",
    "NULL::text", "'[1,5)'::int4range",
]  # fmt: skip


@pytest.mark.parametrize("binary", [False, True])
def test_a_hit_is_byte_for_byte_what_the_origin_sent(caching: ProxyServer, binary: bool) -> None:
    for expression in TYPES:
        raw = []
        for prepare in (False, False, True, True):
            with psycopg.connect(caching.dsn(), autocommit=True) as connection:
                cursor = connection.cursor(binary=binary)
                cursor.execute(f"SELECT {expression} AS a, %s::int AS b", (7,), prepare=prepare)
                result = cursor.pgresult
                assert result is not None
                raw.append((result.get_value(0, 0), result.get_value(0, 1), result.ftype(0), result.fformat(0)))
        assert len(set(raw)) == 1
    assert statuses(caching).count("miss") == len(TYPES)
    assert statuses(caching).count("hit") == 3 * len(TYPES)


ONE, TWO = "SELECT id, title FROM {table} WHERE id = $1", "SELECT title FROM {table} WHERE id > $1"
BOUND = bind("", "s", [b"9"]) + execute() + SYNC
DESCRIBED = bind("", "s", [b"9"]) + describe("P") + execute() + SYNC


def conversation(table: str) -> list[bytes]:
    """Groups that come again and again, and others that change what the same octets mean."""
    one, two = ONE.format(table=table), TWO.format(table=table)
    unnamed = parse("", one) + bind("", "", [b"3"])
    three_times = [
        query(f"SELECT title FROM {table} WHERE id = 1"),
        unnamed + execute() + SYNC,
        unnamed + describe("P") + execute() + SYNC,
        unnamed + describe("S") + execute() + SYNC,
        parse("", two) + bind("", "", [b"8"], result_formats=[1]) + execute() + SYNC,
        bind("", "", [b"8"]) + execute() + SYNC,
    ]
    named = [
        parse("s", one) + SYNC, *[BOUND] * 3, *[DESCRIBED] * 3,
        close("S", "s") + parse("s", two) + SYNC, *[BOUND] * 3, *[DESCRIBED] * 3,
        query("BEGIN"), BOUND, query(f"SELECT title FROM {table} WHERE id = 1"), query("COMMIT"),
        bind("p", "s", [b"9"]) + execute("p") + SYNC, *[bind("", "s", [b"8"]) + execute("p") + SYNC] * 3,
        close("S", "s") + SYNC, BOUND,
    ]  # fmt: skip
    return [group for group in three_times for _ in range(3)] + named


def answer(client: RawClient, *parts: bytes) -> list[tuple[str, bytes | str]]:
    for part in parts:
        client.send(part)
    return [(told.kind, told.sqlstate if told.kind == "E" else told.body) for told in client.until_ready()]


@pytest.mark.parametrize("cut", [0, 4, -3])
def test_what_comes_again_means_what_it_did(
    caching: ProxyServer, postgres: PostgresServer, table: str, cut: int
) -> None:
    """Octets that were answered before, from the same client and another one, sent whole or in two parts."""
    for _ in range(2):
        with (
            RawClient(postgres.port, user=postgres.user, password=postgres.user_password) as direct,
            RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as ours,
        ):
            for group in conversation(table):
                assert answer(ours, group[:cut], group[cut:]) == answer(direct, group)
    assert statuses(caching).count("hit") > statuses(caching).count("miss")


def test_what_comes_again_behind_something_else_means_something_else(start_proxy: StartProxy, table: str) -> None:
    proxy = start_proxy(config={"caching": Caching(), "connection_limit": 5})
    ours, other, *holders = (RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) for _ in range(7))

    def kinds(*parts: bytes) -> str:
        send(*parts)
        return "".join(message.kind for message in ours.until_ready())

    def send(*parts: bytes) -> None:
        for part in parts:
            ours.send(part)
            other.ask(query("SELECT 1"))  # so that the proxy has read the part

    ours.ask(parse("s", ONE.format(table=table)) + SYNC)
    for _ in range(3):
        assert kinds(BOUND) == "2DCZ"
    assert kinds(parse("t", "SELECT 1"), BOUND) == "12DCZ"
    assert kinds(parse("", "LISTEN x") + FLUSH, BOUND) == "EZ"
    ours.ask(parse("none", "SELECT 1 WHERE length($1) = 0", [17]) + SYNC)
    long = bind("", "none", [BOUND], formats=[1]) + execute() + SYNC
    start = long.index(BOUND)
    assert kinds(long[:start], BOUND, long[start + len(BOUND) :]) == "2CZ"
    for holder in holders:
        holder.ask(query("BEGIN"))
    send(query("SELECT random()"), BOUND)
    holders[0].ask(query("COMMIT"))
    assert "".join(message.kind for message in ours.until_ready(2)) == "TDCZ2DCZ"
    for client in (ours, other, *holders):
        client.close()


def test_asyncpg_hits(caching: ProxyServer, table: str) -> None:
    async def programme() -> list[Any]:
        answers = []
        for _ in range(3):
            connection = await asyncpg.connect(caching.dsn())
            for _ in range(2):
                rows = await connection.fetch(f"SELECT * FROM {table} WHERE id < $1", 3)
                answers.append([tuple(row) for row in rows])
            await connection.close()
        return answers

    answers = asyncio.run(programme())
    assert answers == [answers[0]] * 6
    assert statuses(caching) == ["miss", "hit", "hit", "hit", "hit", "hit"]


def test_pg8000_hits(caching: ProxyServer, table: str) -> None:
    answers = []
    for _ in range(2):
        connection = pg8000.dbapi.connect(
            "HYPERDRIVE", host="127.0.0.1", port=caching.proxy.port, password=PASSWORD, database="app"
        )
        connection.autocommit = True
        cursor = connection.cursor()
        for _ in range(2):
            cursor.execute(f"SELECT * FROM {table} WHERE id < %s", (3,))
            answers.append(cursor.fetchall())
        connection.close()
    assert answers == [answers[0]] * 4
    assert statuses(caching).count("miss") == 1
    assert statuses(caching).count("hit") == 3


def test_settings_that_change_an_answer_are_part_of_the_key(caching: ProxyServer) -> None:
    answers = set()
    for zone in ("Asia/Tokyo", "America/Lima"):
        for _ in range(2):
            with psycopg.connect(caching.dsn(), autocommit=True, options=f"-c TimeZone={zone}") as connection:
                row = connection.execute("SELECT '2026-01-01 00:00+00'::timestamptz::text").fetchone()
                assert row is not None
                answers.add(row[0])
    assert len(answers) == 2
    # A cast reads the time zone too, but names no function: detection is textual, as Hyperdrive's is.
    assert statuses(caching) == ["miss", "hit", "miss", "hit"]


def test_what_a_changed_session_answers_is_not_for_others(caching: ProxyServer) -> None:
    told = query("SELECT '2026-01-01 00:00+00'::timestamptz")
    with RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as client:
        client.send(query("SET TimeZone = 'Asia/Tokyo'") + told)
        changed = client.until_ready(2)
        unchanged = client.ask(told)
    assert b"2026-01-01 09:00:00+09" in [value for row in changed if row.kind == "D" for value in row.values]
    assert b"2026-01-01 09:00:00+09" not in [value for row in unchanged if row.kind == "D" for value in row.values]
    assert statuses(caching)[1:] == ["uncacheable", "miss"]


def test_postgres_js_with_prepare_false_is_told_what_to_change(caching: ProxyServer) -> None:
    with RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as client:
        for _ in range(2):
            client.ask_until(parse("", "SELECT $1::int") + describe("S") + FLUSH, "T")
            client.ask(bind("", "", [b"1"]) + execute() + SYNC)
    assert statuses(caching) == ["uncacheable", "uncacheable"]
    (notice,) = caching.notices
    assert notice.count("use `prepare: true`") == 1


def test_many_misses_make_one_query(caching: ProxyServer) -> None:
    barrier = threading.Barrier(20)
    answers = []

    def work() -> None:
        with psycopg.connect(caching.dsn(), autocommit=True) as connection:
            connection.execute("SELECT 'warm'")
            barrier.wait()
            answers.append(connection.execute("SELECT count(*) FROM generate_series(1, 2000000)").fetchone())

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(2_000_000,)] * 20
    counted = [event.status for event in caching.events if "generate_series" in event.sql]
    assert counted.count("miss") == 1
    assert counted.count("hit") == 19


def test_clients_of_another_search_path_or_role_never_share(
    caching: ProxyServer, table: str, postgres: PostgresServer
) -> None:
    """Whether they asked for it by a parameter of its own or as an option; equal ones do share."""
    one, other = f"{table}_one", f"{table}_other"
    for name in (one, other):
        postgres.execute(f"CREATE ROLE {name} IN ROLE pg_read_all_data; GRANT {name} TO app; CREATE SCHEMA {name}")
        postgres.execute(f"CREATE TABLE {name}.whose AS SELECT '{name}' AS a")
    try:
        for settings, answer in [
            ({"search_path": one}, one),
            ({"options": f"-c search_path={one}"}, one),
            ({"search_path": other}, other),
            ({"search_path": one, "role": one}, one),
            ({"search_path": one, "role": other}, one),
            ({"search_path": one, "options": f"-c role={other}"}, one),
        ]:
            with RawClient(caching.proxy.port, user=BINDING, password=PASSWORD, settings=settings) as client:
                assert client.rows("SELECT a FROM whose") == [[answer.encode()]]
        asked = [event.status for event in caching.events if "whose" in event.sql]
        assert asked == ["miss", "hit", "miss", "miss", "miss", "hit"]
    finally:
        for name in (one, other):
            postgres.execute(f"DROP SCHEMA {name} CASCADE; DROP ROLE {name}")


def test_only_bindings_of_one_database_share(caching: ProxyServer, postgres: PostgresServer) -> None:
    """A local connection string leads one of two bindings of the same config elsewhere."""
    proxy, here = caching.proxy, caching.config
    elsewhere = pool_config(origin_of(postgres, database="elsewhere"), caching=Caching())
    postgres.execute("CREATE DATABASE elsewhere OWNER app")
    try:
        for database in ("app", "elsewhere"):
            postgres.execute(f"CREATE TABLE whose AS SELECT '{database}' AS a", user="app", database=database)
        caching.call(lambda: proxy.add_pool("B", elsewhere))
        caching.call(lambda: proxy.add_pool("C", here))
        one, other, third = (
            RawClient(proxy.port, user=name, password=PASSWORD, database=database)
            for name, database in ((BINDING, "app"), ("B", "elsewhere"), ("C", "app"))
        )
        for _ in range(2):
            answers = [client.rows("SELECT a FROM whose") for client in (one, other, third)]
            assert answers == [[[b"app"]], [[b"elsewhere"]], [[b"app"]]]
        asked = [event.status for event in caching.events if "whose" in event.sql]
        assert asked == ["miss", "miss", "hit", "hit", "hit", "hit"]
        caching.call(lambda: proxy.update_pool(BINDING, elsewhere))
        assert one.rows("SELECT a FROM whose") == [[b"elsewhere"]]
        for client in (one, other, third):
            client.close()
    finally:
        postgres.execute("DROP TABLE IF EXISTS whose", database="app")
        postgres.execute("DROP DATABASE elsewhere WITH (FORCE)")


def test_what_is_counted_for_a_config(caching: ProxyServer, table: str) -> None:
    sql = f"SELECT title FROM {table} WHERE id = 1"
    with RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as client:
        answers = [client.ask(query(sql)), client.ask(query(sql)), client.ask(query("SELECT nonsense"))]
    wait_until(lambda: len(caching.events) == 3)
    counted = caching.call(caching.proxy.pools[BINDING].caching.counts.as_metrics)
    assert counted["cacheStatus"] == {"hit": 1, "miss": 2}
    assert counted["eventStatus"] == {"complete": 2, "error": 1}
    assert counted["queryBytes"] == 2 * len(sql) + len("SELECT nonsense")
    ready = 6
    of_hit = sum(len(answer.body) + 5 for answer in answers[1]) - ready
    of_others = sum(len(answer.body) + 5 for answer in answers[0] + answers[2])
    assert counted["resultBytes"] == of_hit + of_others
    latency = counted["connectionLatency"]
    assert isinstance(latency, float)
    assert latency > 0


def waiting(proxy: ProxyServer) -> int:
    return sum(client.waiting for client in proxy.proxy.clients)


def are_waiting(proxy: ProxyServer, count: int) -> bool:
    return waiting(proxy) == count


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("end", ["answered", "killed", "cancelled", "failed"])
def test_whatever_becomes_of_the_first_the_others_are_answered(
    caching: ProxyServer, postgres: PostgresServer, table: str, end: str, extended: bool
) -> None:
    """Its query waits for a lock, and three others for its answer; one of them leaves meanwhile."""
    sql = f"SELECT count(*) FROM {table}"
    ask = parse("", sql) + bind() + execute() + SYNC if extended else query(sql)
    settings = {"lock_timeout": "1s"} if end == "failed" else {}
    clients = [
        RawClient(caching.proxy.port, user=BINDING, password=PASSWORD, settings=settings if number == 0 else {})
        for number in range(4)
    ]
    first, leaves, *others = clients
    with psycopg.connect(postgres.dsn()) as locker:
        locker.execute(f"LOCK TABLE {table}")
        first.send(ask)
        locks = f"SELECT 1 FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted"
        wait_until(lambda: postgres.execute(locks))
        for client in (leaves, *others):
            client.send(ask)
        wait_until(lambda: waiting(caching) == 3)
        leaves.kill()
        wait_until(lambda: waiting(caching) == 2)
        if end == "killed":
            first.kill()
        elif end == "cancelled":
            first.cancel()
        elif end == "failed":
            assert [a.sqlstate for a in first.until_ready() if a.kind == "E"] == ["55P03"]
        if end != "answered":
            wait_until(lambda: waiting(caching) < 2)
    for client in others:
        assert [a.values for a in client.until_ready() if a.kind == "D"] == [[b"10"]]
    if end == "answered":
        assert [a.values for a in first.until_ready() if a.kind == "D"] == [[b"10"]]
    elif end == "cancelled":
        assert [a.sqlstate for a in first.until_ready() if a.kind == "E"] == ["57014"]
    counted = [event.status for event in caching.events if event.sql == sql]
    assert counted.count("hit") == (2 if end == "answered" else 1)
    assert caching.proxy.pools[BINDING].caching.queries_waited_for == 0
    for client in clients:
        client.close()


def test_nobody_waits_for_a_slow_reader(caching: ProxyServer) -> None:
    sql = "SELECT repeat('x', 1000) FROM generate_series(1, 20000)"
    slow = RawClient(caching.proxy.port, user=BINDING, password=PASSWORD)
    slow.send(query(sql))
    assert slow.receive().kind == "T"
    with psycopg.connect(caching.dsn(), autocommit=True) as connection:
        assert len(connection.execute(sql).fetchall()) == 20000
    assert [message.kind for message in slow.until_ready()] == ["D"] * 20000 + ["C", "Z"]
    slow.close()


def test_an_answer_that_grew_stale_is_served_and_refreshed_once(start_proxy: StartProxy, table: str) -> None:
    proxy = start_proxy(config={"caching": Caching(max_age=1, stale_while_revalidate=3600)})
    sql = f"SELECT count(*) FROM {table}"
    with psycopg.connect(proxy.dsn(), autocommit=True) as writer:
        assert writer.execute(sql).fetchone() == (10,)
        writer.execute(f"INSERT INTO {table} VALUES (11, 'new')")
        [(_, entry)] = proxy.call(proxy.proxy.store.entries)
        entry.stored_at -= 10  # as if ten seconds had passed
        barrier = threading.Barrier(50)
        answers = []

        def read() -> None:
            with psycopg.connect(proxy.dsn(), autocommit=True) as reader:
                barrier.wait()
                answers.append(reader.execute(sql).fetchone())

        threads = [threading.Thread(target=read) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 50
        assert set(answers) <= {(10,), (11,)}
        assert (10,) in answers
        wait_until(lambda: writer.execute(sql).fetchone() == (11,))
    counted = [event.status for event in proxy.events if event.sql == sql]
    assert counted.count("miss") == 1
    assert set(counted) == {"miss", "hit"}


def test_a_stale_read_is_reported_once_and_counted(caching: ProxyServer, table: str) -> None:
    proxy = caching.proxy
    caching.call(lambda: proxy.name_request("1-1", f"GET /{table}"))
    caching.call(lambda: proxy.name_request("1-2", f"POST /{table}"))
    sql = f"SELECT count(*) FROM {table}"
    with psycopg.connect(caching.dsn("1-1"), autocommit=True) as reader:
        reader.execute(sql)
        with psycopg.connect(caching.dsn("1-2")) as writer:
            writer.execute(f"INSERT INTO {table} VALUES (12, 'new')")
        assert reader.execute(sql).fetchone() == (10,)
        assert reader.execute(sql).fetchone() == (10,)
    said = [notice for notice in caching.notices if "stale read" in notice]
    assert len(said) == 1
    assert f"stale read: {table} was written" in said[0]
    assert f"(POST /{table})" in said[0]
    assert f"(GET /{table})" in said[0]
    assert "--caching-disabled" in said[0]
    assert proxy.pools["HYPERDRIVE"].caching.counts.stale_reads == 2


def test_a_rolled_back_write_makes_no_stale_read(caching: ProxyServer, table: str) -> None:
    sql = f"SELECT count(*) FROM {table}"
    with psycopg.connect(caching.dsn(), autocommit=True) as reader:
        reader.execute(sql)
        with psycopg.connect(caching.dsn()) as writer:
            writer.execute(f"INSERT INTO {table} VALUES (13, 'new')")
            writer.rollback()
        reader.execute(sql)
    assert not [notice for notice in caching.notices if "stale read" in notice]


def test_a_stale_read_can_be_an_error(start_proxy: StartProxy, table: str) -> None:
    proxy = start_proxy(config={"caching": Caching()}, fail_on_stale_read=True)
    sql = f"SELECT count(*) FROM {table}"
    for prepare in (False, True):
        with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
            connection.execute(sql, prepare=prepare)
            connection.execute(f"UPDATE {table} SET title = 'changed'")
            with pytest.raises(psycopg.errors.SystemError, match="stale read"):
                connection.execute(sql, prepare=prepare)
            assert connection.execute("SELECT 5").fetchone() == (5,)
        proxy.call(proxy.proxy.clear_cache)


def test_a_write_through_another_binding_is_seen(caching: ProxyServer, table: str) -> None:
    uncached = dataclasses.replace(caching.config, caching=Caching(disabled=True))
    caching.call(lambda: caching.proxy.add_pool("FRESH", uncached))
    sql = f"SELECT count(*) FROM {table}"
    with (
        psycopg.connect(caching.dsn(), autocommit=True) as reader,
        psycopg.connect(caching.dsn().replace(BINDING, "FRESH"), autocommit=True) as writer,
    ):
        reader.execute(sql)
        writer.execute(f"INSERT INTO {table} VALUES (12, 'new')")
        reader.execute(sql)
    assert [notice for notice in caching.notices if f"stale read: {table} was written" in notice]


def test_a_function_of_ones_own_writes_if_it_is_volatile(
    caching: ProxyServer, table: str, postgres: PostgresServer
) -> None:
    """Whether it is, the catalog says; also of one that was made when the catalog had been read."""

    def stale_reads() -> int:
        return sum("stale read" in notice for notice in caching.notices)

    sql = f"SELECT count(*) FROM {table}"
    with psycopg.connect(caching.dsn(), autocommit=True) as client:
        for number, (volatility, noticed) in enumerate((("IMMUTABLE", 0), ("STABLE", 0), ("VOLATILE", 1))):
            name = f"own_{number}_of_{table}"
            postgres.execute(f"CREATE FUNCTION {name}() RETURNS int LANGUAGE sql {volatility} AS 'SELECT 1'")
            client.execute(sql)
            client.execute(f"SELECT {name}()")
            client.execute(sql)
            wait_until(lambda: caching.proxy.pools[BINDING].connections and not under_way(caching))
            client.execute(sql)
            assert stale_reads() == noticed
            assert sum(f"{name}() is {volatility}" in n for n in caching.notices) == (volatility != "IMMUTABLE")
            postgres.execute(f"DROP FUNCTION {name}()")


def under_way(proxy: ProxyServer) -> bool:
    return any(connection.stream.queue for connection in proxy.proxy.pools[BINDING].connections)


def test_own_functions_are_cached_with_a_notice(caching: ProxyServer, table: str, postgres: PostgresServer) -> None:
    name = f"price_of_{table}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE FUNCTION {name}() RETURNS float LANGUAGE sql VOLATILE AS 'SELECT random()'")
    with psycopg.connect(caching.dsn(), autocommit=True) as connection:
        first = connection.execute(f"SELECT {name}()").fetchone()
        assert connection.execute(f"SELECT {name}()").fetchone() == first
    wait_until(lambda: any(f"{name}() is VOLATILE" in notice for notice in caching.notices))
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP FUNCTION {name}()")


def test_columns_from_the_cache_stay_valid(start_proxy: StartProxy, table: str, postgres: PostgresServer) -> None:
    """asyncpg is told a statement's columns from the cache, then misses: it must never get other columns."""

    async def programme(dsn: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(f"SELECT * FROM {table} WHERE id = $1", 1)]
        finally:
            await connection.close()

    async def told(dsn: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            prepared = await connection.prepare(f"SELECT * FROM {table} WHERE id = $1")
            with psycopg.connect(postgres.dsn(), autocommit=True) as direct:
                direct.execute(f"ALTER TABLE {table} ADD COLUMN extra int DEFAULT 5")
            return [tuple(row) for row in await prepared.fetch(2)]
        finally:
            await connection.close()

    proxy = start_proxy(config={"caching": Caching()})
    assert asyncio.run(programme(proxy.dsn())) == [(1, "title 1")]
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        asyncio.run(told(proxy.dsn()))


def test_hits_go_on_after_ddl_elsewhere(caching: ProxyServer, table: str, postgres: PostgresServer) -> None:
    sql = f"SELECT * FROM {table} WHERE id = 1"
    with psycopg.connect(caching.dsn(), autocommit=True) as client:
        assert client.execute(sql).fetchone() == (1, "title 1")
        postgres.execute(f"ALTER TABLE {table} ADD COLUMN extra int DEFAULT 5")
        caching.call(caching.proxy.store.clear)  # as if it had expired
        assert [client.execute(sql).fetchone() for _ in range(3)] == [(1, "title 1", 5)] * 3
        assert statuses(caching)[-3:] == ["miss", "hit", "hit"]


def test_clearing(caching: ProxyServer) -> None:
    with psycopg.connect(caching.dsn(), autocommit=True) as connection:
        connection.execute("SELECT 1")
        connection.execute("SELECT 1")
        assert caching.call(caching.proxy.clear_cache) == 1
        connection.execute("SELECT 1")
    assert statuses(caching) == ["miss", "hit", "miss"]


def test_what_is_sent_while_following_is_kept(caching: ProxyServer, postgres: PostgresServer, table: str) -> None:
    """Half of a group among it, whose other half comes when the answer that was waited for is there."""
    sql = f"SELECT count(*) FROM {table}"
    ask = parse("", sql) + bind() + execute() + SYNC
    leader, follower = (RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) for _ in range(2))
    with psycopg.connect(postgres.dsn()) as locker:
        locker.execute(f"LOCK TABLE {table}")
        leader.send(ask)
        wait_until(lambda: postgres.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        follower.send(ask)
        wait_until(lambda: waiting(caching) == 1)
        follower.send(parse("", f"INSERT INTO {table} VALUES (11)") + bind())
        for _ in range(2):  # turns of the event loop, in which the proxy reads what was sent
            caching.call(lambda: None)
    assert only(leader.until_ready()) == only(follower.until_ready()) == [b"10"]
    assert [a.kind for a in follower.ask(execute(), SYNC)] == ["1", "2", "C", "Z"]
    assert only(leader.ask(query(f"SELECT title IS NULL FROM {table} WHERE id = 11"))) == [b"t"]


def only(answers: list[Message]) -> list[bytes | None]:
    [values] = [answer.values for answer in answers if answer.kind == "D"]
    return list(values)


def test_a_client_that_waited_in_vain_twice_asks_at_once(
    caching: ProxyServer, postgres: PostgresServer, table: str
) -> None:
    """The first two to ask run into a limit of their own; the others don't wait for one another then."""
    sql = f"SELECT count(*) FROM {table}"
    clients = [
        RawClient(
            caching.proxy.port, user=BINDING, password=PASSWORD, settings={"lock_timeout": "300ms"} if n < 2 else {}
        )
        for n in range(5)
    ]
    blocked = f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted"
    with psycopg.connect(postgres.dsn()) as locker:
        locker.execute(f"LOCK TABLE {table}")
        for number, client in enumerate(clients):
            client.send(query(sql))
            wait_until(partial(are_waiting, caching, number))
        for client in clients[:2]:
            assert [a.sqlstate for a in client.until_ready() if a.kind == "E"] == ["55P03"]
        wait_until(lambda: postgres.execute(blocked) == [(3,)])
    for client in clients[2:]:
        assert only(client.until_ready()) == [b"10"]


def test_a_client_that_reads_nothing_gets_no_answers(caching: ProxyServer) -> None:
    """Stored answers wait for it in the store, and not once more in its buffer."""
    sql = "SELECT repeat('x', 1000000)"
    with RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as client:
        client.ask(query(sql))
        client.ask(query(sql))
        client.send(query(sql) * 100, query("SELECT 'last'"))
        wait_until(lambda: any(session.write_paused for session in caching.proxy.clients))
        buffered = caching.call(
            lambda: [session.transport.get_write_buffer_size() for session in caching.proxy.clients]
        )
        assert max(buffered) < 4_000_000
        answers = client.until_ready(101)
        assert [len(a.body) > 1_000_000 for a in answers if a.kind == "D"] == [True] * 100 + [False]
        assert only(client.ask(query("SELECT 1"))) == [b"1"]


@pytest.mark.parametrize(
    "messages",
    [
        parse("", "SELECT 1 AS one") + bind() + execute() + execute() + SYNC,
        parse("", "SELECT 1 AS one") + bind() + execute() + FLUSH + execute() + SYNC,
        bind("", "named") + parse("", "SELECT 2 AS two") + execute() + SYNC,
    ],
    ids=["executed twice", "executed again later", "parsed behind its bind"],
)
def test_unusual_groups_are_answered_as_by_the_origin(
    caching: ProxyServer, postgres: PostgresServer, messages: bytes
) -> None:
    direct = RawClient(postgres.port, user=postgres.user, password=postgres.user_password)
    with direct, RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as client:
        for each in (direct, client):
            each.ask(parse("named", "SELECT 3 AS three"), describe("S", "named"), SYNC)
            each.ask(parse("", "SELECT 1 AS one") + bind() + execute() + SYNC)
        expected = direct.ask(messages)
        for _ in range(4):
            assert client.ask(messages) == expected


def test_a_stale_read_that_is_an_error_ends_with_its_sync(start_proxy: StartProxy, table: str) -> None:
    proxy = start_proxy(config={"caching": Caching()}, fail_on_stale_read=True)
    group = parse("", f"SELECT title FROM {table} WHERE id = 1") + bind() + execute()
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
        client.ask(group + SYNC)
        client.ask(query(f"UPDATE {table} SET title = 'new'"))
        client.ask_until(group + FLUSH, "E")
        assert [a.kind for a in client.ask(SYNC)] == ["Z"]
        assert only(client.ask(query("SELECT 42"))) == [b"42"]


@pytest.mark.parametrize("disabled", [False, True])
def test_a_forgotten_commit_is_reported(start_proxy: StartProxy, table: str, disabled: bool) -> None:
    proxy = start_proxy(config={"caching": Caching(disabled=disabled)})
    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
        client.ask(query("BEGIN"))
        client.ask(query(f"INSERT INTO {table} VALUES (12)"))
    wait_until(lambda: [notice for notice in proxy.notices if f"changes of {table} are rolled back" in notice])


def test_what_a_client_that_is_gone_wrote_is_not_counted_with_the_next_ones(
    start_proxy: StartProxy, table: str, postgres: PostgresServer
) -> None:
    proxy = start_proxy(config={"caching": Caching(), "connection_limit": 1})
    other = f"{table}_other"
    postgres.execute(f"CREATE TABLE {other} (id int)")

    def leave_in_transaction(sql: str) -> None:
        with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as client:
            client.ask(query("BEGIN"))
            client.ask(query(sql))

    with RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD) as reader:
        for name in (table, other):
            reader.ask(query(f"SELECT id FROM {name}"))
        leave_in_transaction(f"INSERT INTO {table} VALUES (12)")
        wait_until(lambda: [notice for notice in proxy.notices if f"changes of {table} are rolled back" in notice])
        reader.ask(query(f"INSERT INTO {other} VALUES (1)"))
        reader.ask(query(f"SELECT id FROM {table}"))
        assert not [notice for notice in proxy.notices if "stale" in notice]
        leave_in_transaction("SELECT 1/0")
        reader.ask(query(f"INSERT INTO {table} VALUES (13)"))
        reader.ask(query(f"SELECT id FROM {table}"))
        assert [notice for notice in proxy.notices if f"stale read: {table} " in notice]
    postgres.execute(f"DROP TABLE {other}")


@pytest.mark.parametrize("text", [b"SELECT 12", b"DEALLOCATE ALL2", b"SELECT 1\0x\0", b""])
def test_a_query_without_a_terminator_gets_no_cached_answer(caching: ProxyServer, text: bytes) -> None:
    """Not even that of the query which it would be without its last octet. A server refuses it, too."""
    with RawClient(caching.proxy.port, user=BINDING, password=PASSWORD) as client:
        assert client.rows("SELECT 1") == client.rows("SELECT 1") == [[b"1"]]
        [error] = client.ask_until(messages.message(frontend_kinds.QUERY, text), "E")
        assert error.sqlstate == "08P01"
