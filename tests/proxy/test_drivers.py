"""The same programme of queries, run by each driver directly and through the proxy, has the same answers."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import io
import subprocess
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pg8000.dbapi
import psycopg
import pytest
import sqlalchemy
from psycopg.types.json import Jsonb
from support.postgres_server import PostgresServer, binaries
from support.proxy_server import ProxyServer

VALUES: list[tuple[str, Any]] = [
    ("int", 42),
    ("bigint", 2**60),
    ("float8", 1.5),
    ("numeric", decimal.Decimal("12345.678900")),
    ("text", "naïve ☃ 'quoted' \\ back"),
    ("text", "x" * 100_000),
    ("bool", True),
    ("bytea", bytes(range(256))),
    ("date", datetime.date(2026, 2, 28)),
    ("timestamp", datetime.datetime(2026, 2, 28, 23, 59, 59, 999999)),
    ("timestamptz", datetime.datetime(2026, 2, 28, 12, tzinfo=datetime.UTC)),
    ("interval", datetime.timedelta(days=3, seconds=4)),
    ("uuid", uuid.UUID(int=7)),
    ("int[]", [1, 2, 3]),
    ("text[]", ["a", None, 'c"d']),
    ("text", None),
]

Answers = list[Any]


def outcome(call: Callable[[], Any]) -> Any:
    """What `call` gives, or the SQLSTATE and text of its error."""
    try:
        return call()
    except (psycopg.Error, pg8000.dbapi.Error, sqlalchemy.exc.DBAPIError) as error:
        return describe(error)


def describe(error: Any) -> tuple[Any, ...]:
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        error = error.orig
    if isinstance(error, psycopg.Error):
        return ("error", error.sqlstate, error.diag.message_primary)
    if isinstance(error, asyncpg.PostgresError):
        return ("error", error.sqlstate, error.args[0])
    return ("error", error.args[0]["C"], error.args[0]["M"])


def psycopg_sync(dsn: str) -> Answers:
    answers: Answers = []
    for threshold in (None, 0):
        with psycopg.connect(dsn, prepare_threshold=threshold) as connection:
            connection.execute("CREATE TEMP TABLE items (id int PRIMARY KEY, name text)")

            def rows(sql: str, *parameters: Any, connection: Any = connection, **options: Any) -> Any:
                return outcome(lambda: connection.execute(sql, parameters or None, **options).fetchall())

            for type_, value in VALUES:
                if threshold is not None or value is not None:
                    answers.append(rows(f"SELECT %s::{type_}", value))
                    answers.append(rows(f"SELECT %s::{type_}", value, binary=True))
            answers.append(rows("SELECT %s::jsonb", Jsonb({"a": [1, None, "x"]})))
            answers.append(rows("SELECT 1 AS a, 'b' AS b UNION SELECT 2, 'c' ORDER BY 1"))
            connection.execute("INSERT INTO items VALUES (1, 'one'), (2, 'two')")
            with connection.transaction():
                connection.execute("INSERT INTO items VALUES (3, 'three')")
                try:
                    with connection.transaction():
                        connection.execute("INSERT INTO items VALUES (1, 'again')")
                except psycopg.Error as error:
                    answers.append(describe(error))
                answers.append(rows("SELECT * FROM items ORDER BY id"))
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO items VALUES (%s, %s) RETURNING id", [(10, "x"), (11, "y")])
                with cursor.copy("COPY items FROM STDIN") as copy:
                    for i in range(20, 40):
                        copy.write_row((i, f"copied {i}"))
                with cursor.copy("COPY (SELECT * FROM items ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
                    answers.append(b"".join(bytes(part) for part in copy))
            with connection.cursor("named") as named:
                named.itersize = 3
                named.execute("SELECT id FROM items ORDER BY id")
                answers.append(list(named))
            with connection.pipeline():
                cursors = [
                    connection.execute("SELECT %s::int + id FROM items WHERE id = 1", (i,)) for i in range(20)
                ]
            answers.append([cursor.fetchall() for cursor in cursors])
            answers.append(rows("SELECT 1/0"))
            answers.append(rows("SELECT 1"))
            connection.rollback()
            answers.append(rows("SELECT nonsense"))
            connection.rollback()
            connection.autocommit = True
            answers.append(rows("SELECT 'auto', current_database()"))
            answers.append(rows("SELECT 1; SELECT 2"))
            answers.append(rows(""))
    return answers


def psycopg_async(dsn: str) -> Answers:
    async def programme() -> Answers:
        answers: Answers = []
        async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=1) as connection:
            for _ in range(4):
                cursor = await connection.execute("SELECT generate_series(1, %s)", (5,))
                answers.append(await cursor.fetchall())
            async with connection.pipeline():
                cursors = [await connection.execute("SELECT %s::text", (str(i),)) for i in range(50)]
            answers.append([await cursor.fetchall() for cursor in cursors])
            cursor = connection.cursor()
            async with cursor.copy("COPY (SELECT generate_series(1, 1000)) TO STDOUT") as copy:
                answers.append([bytes(row) async for row in copy])
            try:
                async with connection.pipeline():
                    await connection.execute("SELECT 1")
                    await connection.execute("SELECT 1/0")
                    await connection.execute("SELECT 2")
            except psycopg.Error as error:
                answers.append(describe(error))
            await connection.rollback()
        return answers

    return asyncio.run(programme())


def pg8000_programme(dsn: str) -> Answers:
    answers: Answers = []
    url = urlsplit(dsn)
    assert url.username
    assert url.password
    from urllib.parse import unquote

    connection = pg8000.dbapi.connect(
        unquote(url.username),
        host=url.hostname,
        port=url.port,
        password=unquote(url.password),
        database=url.path.lstrip("/"),
    )
    cursor = connection.cursor()

    def rows(sql: str, *parameters: Any) -> Any:
        def run() -> Any:
            cursor.execute(sql, parameters)
            return [list(row) for row in cursor.fetchall()]

        return outcome(run)

    for type_, value in VALUES:
        answers.append(rows(f"SELECT %s::{type_}", value))
    cursor.execute("CREATE TEMP TABLE items (id int PRIMARY KEY, name text)")
    cursor.executemany("INSERT INTO items VALUES (%s, %s)", [(i, f"name {i}") for i in range(10)])
    answers.append(rows("SELECT * FROM items ORDER BY id"))
    cursor.execute("COPY items FROM STDIN WITH (FORMAT CSV)", stream=io.BytesIO(b"100,a\n101,b\n"))
    answers.append(rows("SELECT count(*) FROM items"))
    answers.append(rows("SELECT 1/0"))
    connection.rollback()
    answers.append(rows("SELECT 'after'"))
    connection.commit()
    connection.autocommit = True
    answers.append(rows("SELECT %s::int", 5))
    connection.close()
    return answers


def asyncpg_programme(dsn: str) -> Answers:
    async def programme() -> Answers:
        answers: Answers = []
        connection = await asyncpg.connect(dsn)

        async def rows(sql: str, *parameters: Any) -> Any:
            try:
                return [tuple(row) for row in await connection.fetch(sql, *parameters)]
            except asyncpg.PostgresError as error:
                return describe(error)

        for type_, value in VALUES:
            for _ in range(2):
                answers.append(await rows(f"SELECT $1::{type_}", value))
        answers.append(await rows("SELECT ROW(1, 'x')::text, '[1,5)'::int4range"))
        async with connection.transaction():
            await connection.execute("CREATE TEMP TABLE items (id int PRIMARY KEY, name text)")
            await connection.executemany("INSERT INTO items VALUES ($1, $2)", [(i, str(i)) for i in range(200)])
            await connection.copy_records_to_table("items", records=[(i, str(i)) for i in range(1000, 1100)])
            answers.append(await rows("SELECT count(*), sum(id) FROM items"))
            answers.append(
                [row["id"] async for row in connection.cursor("SELECT id FROM items ORDER BY id", prefetch=7)]
            )
            try:
                async with connection.transaction():
                    await connection.execute("INSERT INTO items VALUES (1, 'again')")
            except asyncpg.PostgresError as error:
                answers.append(describe(error))
            answers.append(await rows("SELECT count(*) FROM items"))
        prepared = await connection.prepare("SELECT $1::int + 1 AS next")
        answers.append([await prepared.fetchval(i) for i in range(5)])
        answers.append([(a.name, a.type.name) for a in prepared.get_attributes()])
        answers.append(await rows("SELECT 1/0"))
        try:
            await connection.fetch("SELECT pg_sleep(10)", timeout=0.2)
        except TimeoutError:
            answers.append("timeout")
        answers.append(await rows("SELECT 'still here'"))
        await connection.reset()
        answers.append(await rows("SELECT $1::text[]", ["a", "b"]))
        out = io.BytesIO()
        await connection.copy_from_query("SELECT generate_series(1, 100)", output=out)
        answers.append(out.getvalue())
        await connection.close()
        return answers

    return asyncio.run(programme())


def sqlalchemy_programme(dsn: str) -> Answers:
    answers: Answers = []
    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"), pool_size=2)
    metadata = sqlalchemy.MetaData()
    items = sqlalchemy.Table(
        "items",
        metadata,
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.Text),
        sqlalchemy.Column("data", sqlalchemy.JSON),
        prefixes=["TEMPORARY"],
    )
    with engine.begin() as connection:
        metadata.create_all(connection, checkfirst=False)
        connection.execute(items.insert(), [{"id": i, "name": f"n{i}", "data": {"i": i}} for i in range(5)])
        answers.append([tuple(row) for row in connection.execute(items.select().order_by(items.c.id))])
        nested = connection.begin_nested()
        answers.append(outcome(lambda: connection.execute(items.insert(), {"id": 1})))
        nested.rollback()
        answers.append(connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(items)).scalar())
        answers.append(sqlalchemy.inspect(connection).get_table_names("information_schema"))
    for _ in range(8):
        with engine.connect() as connection:
            answers.append(connection.execute(sqlalchemy.text("SELECT :x + 1"), {"x": 1}).scalar())
    engine.dispose()
    return answers


def psql_programme(dsn: str) -> Answers:
    script = """
\\set ON_ERROR_STOP off
BEGIN;
CREATE TEMP TABLE items (id int PRIMARY KEY, name text);
\\copy items FROM PSTDIN
COMMIT;
SELECT 1 AS one, NULL AS nothing, 'x' AS x;
SELECT 1/0;
SELECT generate_series(1, 3) \\gdesc
SELECT $1::int + $2::int \\bind 1 2 \\g
\\d pg_catalog.pg_namespace
SELECT 'a' \\; SELECT 'b';
""".replace("\\copy items FROM PSTDIN\n", "COPY items FROM STDIN;\n1\tone\n2\ttwo\n\\.\nSELECT * FROM items;\n")
    result = subprocess.run(
        [str(binaries() / "psql"), "-X", "-d", dsn],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return [result.stdout, result.stderr, result.returncode]


@pytest.mark.parametrize(
    "programme",
    [psycopg_sync, psycopg_async, pg8000_programme, asyncpg_programme, sqlalchemy_programme, psql_programme],
)
def test_answers_are_those_of_a_direct_connection(
    programme: Callable[[str], Answers], proxy: ProxyServer, postgres: PostgresServer
) -> None:
    directly = programme(postgres.dsn(sslmode="disable"))
    through = programme(proxy.dsn())
    assert len(through) == len(directly)
    for ours, theirs in zip(through, directly, strict=True):
        assert ours == theirs
