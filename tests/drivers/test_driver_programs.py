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
from support.proxy_server import ProxyServer, pool_config

from wrangler_py.hyperdrive.config import Origin

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


@pytest.fixture(scope="module")
def proxy(postgres: PostgresServer) -> Iterator[ProxyServer]:
    origin = Origin(
        host=postgres.host,
        port=postgres.port,
        database=postgres.database,
        user=postgres.user,
        password=postgres.user_password,
    )
    server = ProxyServer(pool_config(origin))
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
