"""Latency and faults through Postgres.js."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.postgres_server import PostgresServer
from support.proxy_server import BINDING, ProxyServer, origin_of, pool_config

from wrangler_py.proxy.conditions import Latency, parse_fault

LOST = {"code": "58000", "message": "Server connection lost."}
CLOSED = "CONNECTION_CLOSED"
"""What Postgres.js says if it has something to write by the time the error comes."""
ERRORS = {
    "pool-exhausted": {"code": "58000", "message": "Failed to acquire a connection from the pool."},
    "connection-refused": {"code": "58000", "message": "Server connection attempt failed: connection_refused"},
    "connection-lost": LOST,
    "statement-timeout": {
        "code": "57014",
        "message": "canceling statement: it ran longer than Hyperdrive's limit of 60 s",
    },
    "restart": LOST,
}
GOES_ON = [{"goes_on": "y"}]


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[ProxyServer]:
    server = ProxyServer(pool_config(origin_of(postgres)))
    yield server
    server.close()


def run(node: str, programs: Path, server: ProxyServer, **options: Any) -> dict[str, Any]:
    environment = {**os.environ, "DATABASE_URL": server.dsn("1-1"), "OPTIONS": json.dumps(options)}
    program = str(programs / "conditions.mjs")
    result = subprocess.run(
        [node, program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    outcome: dict[str, Any] = json.loads(result.stdout)
    return outcome


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("fault", ERRORS)
def test_a_query_meets_a_fault_and_the_next_does_not(
    node: str, programs: Path, server: ProxyServer, fault: str, prepare: bool
) -> None:
    server.call(lambda: server.proxy.conditions.change(faults=[parse_fault(f"{fault}:/meets/")]))
    outcome = run(node, programs, server, prepare=prepare, transaction=False)
    assert outcome["before"] == GOES_ON
    assert outcome["met"] == ERRORS[fault] or (ERRORS[fault] is LOST and outcome["met"]["code"] == CLOSED)
    assert outcome["after"] == GOES_ON


@pytest.mark.parametrize("fault", ["connection-lost", "statement-timeout", "restart"])
def test_a_transaction_meets_a_fault(node: str, programs: Path, server: ProxyServer, fault: str) -> None:
    server.call(lambda: server.proxy.conditions.change(faults=[parse_fault(f"{fault}:/meets/")]))
    outcome = run(node, programs, server, prepare=True, transaction=True)
    assert outcome["met"] == ERRORS[fault] or (ERRORS[fault] is LOST and outcome["met"]["code"] == CLOSED)
    assert outcome["after"] == GOES_ON


@pytest.mark.parametrize("transaction", [False, True])
def test_latency_delays_each_wait(node: str, programs: Path, server: ProxyServer, transaction: bool) -> None:
    server.call(lambda: server.proxy.conditions.change(latencies=[Latency(60, 60, BINDING)]))
    outcome = run(node, programs, server, prepare=True, transaction=transaction)
    assert outcome["met"] == [{"meets": "x"}]
    waits = 3 if transaction else 1  # BEGIN, the query, COMMIT
    assert outcome["took"] >= waits * 60
