"""A request's life in `wrangler-py dev`: its own database connections, beside those of others, and their end."""

from __future__ import annotations

import json
import os
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

ENTRY = """
import asyncio
import time
from contextvars import ContextVar
from urllib.parse import urlsplit

import pg8000.dbapi
import psycopg
from workers import Response, WorkerEntrypoint, env

at_import = psycopg.connect(env.HYPERDRIVE.connectionString, autocommit=True)
kept = None
kept_at_import = None
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

    async def sleep(self):
        name.set(self.env.HYPERDRIVE.user)
        await asyncio.sleep(0)
        with self.connect() as connection:
            row = connection.execute("SELECT pg_sleep(0.2), now(), clock_timestamp()").fetchone()
        return Response.json([row[1].timestamp(), row[2].timestamp(), name.get() == self.env.HYPERDRIVE.user])

    async def sleep_in_pg8000(self):
        binding = self.env.HYPERDRIVE
        connection = pg8000.dbapi.connect(
            user=binding.user, password=binding.password, host=binding.host, port=binding.port,
            database=binding.database,
        )
        cursor = connection.cursor()
        cursor.execute("SELECT now(), pg_sleep(0.2), clock_timestamp()")
        row = cursor.fetchone()
        return Response.json([row[0].timestamp(), row[2].timestamp(), True])

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
    with start(project, postgres) as dev:
        yield dev.ready()


@pytest.fixture(scope="module")
def lenient(project: Path, postgres: PostgresServer) -> Iterator[DevProcess]:
    with start(project, postgres, "--allow-global-clients") as dev:
        yield dev.ready()


@pytest.mark.parametrize("path", ["/sleep", "/sleep_in_pg8000"])
def test_blocking_drivers_do_not_hold_up_other_requests(dev: DevProcess, path: str) -> None:
    with ThreadPoolExecutor(20) as executor:
        answers = list(executor.map(lambda _: dev.get(path).json(), range(20)))
    assert all(own_name for _, _, own_name in answers)
    spans = [(began, ended) for began, ended, _ in answers]
    at_once = max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)
    assert at_once > 1, spans
    busy = max(ended for _, ended in spans) - min(began for began, _ in spans)
    # By the database's own clock: what they slept together is more than the time it took.
    assert busy < sum(ended - began for began, ended in spans) / 2


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


REQUESTS = int(os.environ.get("WRANGLER_PY_TEST_REQUESTS", "1000"))
"""How many requests must leave nothing behind; what is remembered of requests is full after 10,000."""


def test_many_requests_leave_nothing_behind(dev: DevProcess, postgres: PostgresServer) -> None:
    send(dev, REQUESTS // 2)
    before = usage(dev)
    send(dev, REQUESTS)
    after = usage(dev)
    said = json.dumps({"before": before, "after": after})
    print(said)
    # What a request leaves behind is there so many times; what comes and goes with their concurrency is less.
    for kind in ("threads", "connections", "files"):
        assert after[kind] < before[kind] + REQUESTS // 20, said
    assert after["memory"] - before["memory"] < 100 * REQUESTS + 1_000_000, said
    assert postgres.connections() <= 20


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


def usage(dev: DevProcess) -> dict[str, Any]:
    """What `dev` and its processes hold once nothing is under way: bytes of memory, and numbers of the rest."""
    found: Counter[str] = Counter()
    for process in dev.family():
        with process.oneshot():
            found["memory"] += process.memory_info().rss
            found["threads"] += process.num_threads()
            found["connections"] += len(process.net_connections())
            found["files"] += process.num_fds() if hasattr(process, "num_fds") else 0
    return dict(found)
