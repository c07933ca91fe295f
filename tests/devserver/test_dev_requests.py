"""A request's life in `wrangler-py dev`: its own database connections, beside those of others, and their end."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.dev_process import DEADLINE_S, HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PostgresServer
from websockets.sync.client import connect

ENTRY = """
import asyncio
from contextvars import ContextVar
from urllib.parse import urlsplit

import pg8000.dbapi
import psycopg
from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint, env

string_at_import = env.HYPERDRIVE.connectionString
at_import = psycopg.connect(string_at_import, autocommit=True)
kept = None
name = ContextVar("name")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        try:
            return await getattr(self, path.strip("/").replace("-", "_"))()
        except psycopg.Error as error:
            return Response.json({"sqlstate": error.sqlstate, "message": str(error)}, status=500)

    def connect(self):
        return psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True)

    async def one(self):
        with self.connect() as connection:
            return Response.json(connection.execute("SELECT 1").fetchone())

    async def psycopg(self):
        name.set(self.env.HYPERDRIVE.user)
        await asyncio.sleep(0)
        with self.connect() as connection:
            connection.execute("SELECT FROM gate FOR SHARE")
        return Response.json(name.get() == self.env.HYPERDRIVE.user)

    async def pg8000(self):
        binding = self.env.HYPERDRIVE
        connection = pg8000.dbapi.connect(
            user=binding.user, password=binding.password, host=binding.host, port=binding.port,
            database=binding.database,
        )
        connection.cursor().execute("SELECT FROM gate FOR SHARE")
        return Response.json(True)

    async def socket(self):
        client, server = WebSocketPair.new().object_values()
        connection = psycopg.connect(string_at_import, autocommit=True)
        server.accept()
        answer = lambda event: server.send(str(connection.execute(event.data).fetchone()))
        server.addEventListener("message", create_proxy(answer))
        return Response(None, status=101, web_socket=client)

    async def wrong(self):
        string = self.env.HYPERDRIVE.connectionString
        errors = []
        for own in (string.replace(self.env.HYPERDRIVE.password, "mine"), string.replace("HYPERDRIVE", "me")):
            try:
                psycopg.connect(own)
            except psycopg.OperationalError as error:
                errors.append(str(error))
        return Response.json(errors)

    async def quick(self):
        return Response.json(True)

    async def keep(self):
        global kept
        if kept is None:
            kept = self.connect()
        return Response.json(kept.execute("SELECT 1").fetchone())

    async def imported(self):
        return Response.json(at_import.execute("SELECT 1").fetchone())

    async def later(self):
        async def work(connection):
            await asyncio.sleep(0.2)
            print("later", connection.execute("SELECT 6 * 7").fetchone()[0], flush=True)

        self.ctx.waitUntil(work(self.connect()))
        return Response("answered")

    async def seven(self):
        connections = [self.connect() for _ in range(7)]
        return Response.json(len(connections))

    async def six(self):
        connections = [self.connect() for _ in range(6)]
        return Response.json(len(connections))
"""


def start(project: Path, postgres: PostgresServer, *arguments: str) -> DevProcess:
    environment = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    return DevProcess(project, *arguments, environment=environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"), ENTRY, HYPERDRIVE)


@pytest.fixture(scope="module")
def dev(project: Path, postgres: PostgresServer) -> Iterator[DevProcess]:
    """With a small query log, which soon takes no more memory."""
    with start(project, postgres, "--query-log-records", "100") as dev:
        yield dev.ready()


@pytest.fixture(scope="module")
def lenient(project: Path, postgres: PostgresServer) -> Iterator[DevProcess]:
    with start(project, postgres, "--allow-global-clients") as dev:
        yield dev.ready()


def test_blocking_drivers_do_not_hold_up_other_requests(dev: DevProcess, postgres: PostgresServer) -> None:
    """Twenty requests wait inside a driver at once, for a table that is locked, and others are answered."""
    postgres.execute("CREATE TABLE gate ()", user="app")
    try:
        with ThreadPoolExecutor(20) as executor:
            with postgres.connect() as lock:
                lock.execute("LOCK TABLE gate")
                answers = [executor.submit(dev.get, path) for path in ("/psycopg", "/pg8000") * 10]
                wait_until_waiting(postgres, 20)
                assert dev.get("/quick").json() is True
            assert [answer.result().json() for answer in answers] == [True] * 20
    finally:
        postgres.execute("DROP TABLE gate")


def wait_until_waiting(postgres: PostgresServer, count: int) -> None:
    sql = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND application_name = 'Cloudflare Hyperdrive'
    """
    deadline = time.monotonic() + DEADLINE_S
    while (waiting := postgres.execute(sql)) != [(count,)]:
        assert time.monotonic() < deadline, waiting


def test_a_client_kept_from_an_earlier_request_fails_with_the_way_out(dev: DevProcess) -> None:
    assert dev.get("/keep").json() == [1]
    dev.wait_for("^GET /keep 200")
    stale = dev.get("/keep")
    assert stale.status_code == 500
    assert stale.json()["sqlstate"] == "57P01"
    assert "belongs to a request that has ended" in stale.json()["message"]
    assert "inside the handler" in stale.json()["message"]


def test_a_client_made_at_import_time_fails_and_is_warned_of(dev: DevProcess) -> None:
    dev.wait_for(r"WARNING.* env\.HYPERDRIVE was read at module level")
    assert dev.get("/imported").json()["sqlstate"] == "57P01"


def test_an_open_web_socket_is_a_request_under_way(dev: DevProcess) -> None:
    """So a client of the global scope's that it uses outlasts other requests."""
    since = dev.mark()
    with connect(f"{dev.url.replace('http', 'ws')}/socket", proxy=None) as socket:
        assert dev.get("/quick").json() is True
        dev.wait_for("^GET /quick 200", since=since)
        socket.send("SELECT 6 * 7")
        assert socket.recv(DEADLINE_S) == "(42,)"
    dev.wait_for("^GET /socket 101", since=since)


def test_global_clients_may_be_allowed(lenient: DevProcess) -> None:
    for _ in range(2):
        since = lenient.mark()
        assert lenient.get("/keep").json() == [1]
        lenient.wait_for("^GET /keep 200", since=since)
    assert lenient.get("/imported").json() == [1]
    assert lenient.get("/one").json() == [1]
    lenient.wait_for(r"^GET /one 200 OK \(\d+ ms, 1 query: \w+\)$")
    assert "module level" not in lenient.output


def test_connections_last_until_work_after_the_response_is_done(dev: DevProcess) -> None:
    since = dev.mark()
    assert dev.get("/later").text == "answered"
    dev.wait_for(r"^\[worker\] later 42", since=since)
    dev.wait_for(r"^GET /later 200 OK \(\d+ ms, 1 query: \w+\)$", since=since)


def test_more_connections_than_the_platform_has_are_warned_of(dev: DevProcess) -> None:
    since = dev.mark()
    assert dev.get("/six").json() == 6
    dev.wait_for("^GET /six 200", since=since)
    assert dev.get("/seven").json() == 7
    line = dev.wait_for(r"WARNING.* more than six connections at once", since=since)
    assert "GET /seven" in line


def test_a_login_of_ones_own_is_refused_with_the_way_out(dev: DevProcess) -> None:
    password, user = dev.get("/wrong").json()
    assert "password authentication failed" in password
    assert 'no Hyperdrive binding "me"' in user
    for error in (password, user):
        assert "in a Worker that is env.BINDING.connectionString" in error


REQUESTS = int(os.environ.get("WRANGLER_PY_TEST_REQUESTS", "1000"))
"""How many requests must leave nothing behind; what is remembered of requests is full after 10,000."""


def test_many_requests_leave_nothing_behind(dev: DevProcess, postgres: PostgresServer) -> None:
    send(dev, REQUESTS // 2)
    before = usage(dev, postgres)
    send(dev, REQUESTS)
    after = usage(dev, postgres)
    said = json.dumps({"before": before, "after": after})
    print(said)
    # What a request leaves behind is there so many times; what comes and goes with their concurrency is less.
    for kind in ("threads", "connections", "files", "origin connections"):
        assert after[kind] < before[kind] + REQUESTS // 20, said
    # The names and times of the last 10,000 requests are kept, some 600 bytes each.
    assert after["memory"] - before["memory"] < 1_000 * REQUESTS + 1_000_000, said


def send(dev: DevProcess, count: int) -> None:
    def some(number: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        client = HTTPConnection(urlsplit(dev.url).netloc, timeout=DEADLINE_S)
        with closing(client):
            for _ in range(number):
                client.request("GET", "/one")
                response = client.getresponse()
                response.read()
                statuses[response.status] += 1
        return statuses

    with ThreadPoolExecutor(4) as executor:
        statuses = sum(executor.map(some, [count // 4] * 4), Counter())
    assert statuses == {200: count // 4 * 4}


def usage(dev: DevProcess, postgres: PostgresServer) -> dict[str, Any]:
    """What `dev` and its processes hold once nothing is under way: bytes of memory, and numbers of the rest."""
    found: Counter[str] = Counter()
    for process in dev.family():
        with process.oneshot():
            found["memory"] += process.memory_info().rss
            found["threads"] += process.num_threads()
            found["connections"] += len(process.net_connections())
            found["files"] += process.num_fds() if hasattr(process, "num_fds") else 0
    return {**found, "origin connections": postgres.connections()}
