"""A programme of each JavaScript driver's own features has the same answers directly and through the proxy."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import ProxyServer, origin_of, pool_config

from wrangler_py.hyperdrive.config import Caching

PROGRAMS: list[tuple[str, dict[str, Any]]] = [
    ("postgres-js", {"prepare": True, "max": 5}),
    ("postgres-js", {"prepare": True, "max": 1}),
    ("postgres-js", {"prepare": False, "max": 5}),
    ("node-postgres", {}),
    ("node-postgres-pipeline", {}),
    ("drizzle", {"driver": "postgres", "prepare": True}),
    ("drizzle", {"driver": "postgres", "prepare": False}),
    ("drizzle", {"driver": "pg"}),
    ("kysely", {}),
]

TWICE = ["miss", "hit"]
NEVER = ["uncacheable", "uncacheable"]
CACHED: list[tuple[dict[str, Any], list[str]]] = [
    ({"driver": "postgres"}, TWICE * 2),
    ({"driver": "postgres", "prepare": False}, NEVER * 2),
    ({"driver": "pg"}, TWICE * 3),
    # Drizzle has Postgres.js send values as with `prepare: false`.
    ({"driver": "drizzle on postgres"}, TWICE + NEVER),
    ({"driver": "drizzle on pg"}, TWICE * 2),
    ({"driver": "kysely"}, TWICE * 2),
]


@pytest.fixture(scope="module")
def proxy(postgres: PostgresServer) -> Iterator[ProxyServer]:
    server = ProxyServer(pool_config(origin_of(postgres)))
    yield server
    server.close()


def run(node: str, program: Path, options: dict[str, Any], url: str) -> dict[str, Any]:
    environment = {**os.environ, "DATABASE_URL": url, "OPTIONS": json.dumps(options)}
    result = subprocess.run(
        [node, str(program)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    answers: dict[str, Any] = json.loads(result.stdout)
    return answers


@pytest.mark.parametrize(
    ("name", "options"), PROGRAMS, ids=[" ".join([name, *map(str, given.values())]) for name, given in PROGRAMS]
)
def test_equal_answers(
    name: str, options: dict[str, Any], node: str, programs: Path, postgres: PostgresServer, proxy: ProxyServer
) -> None:
    program = programs / f"{name}.mjs"
    direct = run(node, program, options, postgres.dsn())
    proxied = run(node, program, options, proxy.dsn())
    different = {step: (direct[step], proxied.get(step)) for step in direct if direct[step] != proxied.get(step)}
    assert not different, json.dumps(different, indent=1)
    assert proxied.keys() == direct.keys()
    assert postgres.connections() <= proxy.config.connection_limit


@pytest.mark.parametrize(
    ("options", "statuses"), CACHED, ids=[" ".join(map(str, given.values())) for given, _ in CACHED]
)
def test_a_read_that_is_repeated(
    options: dict[str, Any], statuses: list[str], node: str, programs: Path, postgres: PostgresServer
) -> None:
    postgres.execute("CREATE TABLE shelf (id int, title text)", user=postgres.user)
    postgres.execute("INSERT INTO shelf VALUES (1, 'One'), (2, 'Two')", user=postgres.user)
    server = ProxyServer(pool_config(origin_of(postgres), caching=Caching()))
    try:
        answers = run(node, programs / "cached.mjs", options, server.dsn())
    finally:
        server.close()
        postgres.execute("DROP TABLE shelf", user=postgres.user)
    for first, again in answers.values():
        assert first == again
        assert {row["title"] for row in first} <= {"One", "Two"}
    assert [event.status for event in server.events] == statuses
