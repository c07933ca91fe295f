"""A short run of the fuzzer that `scripts/fuzz` runs at length."""

from __future__ import annotations

from support.postgres_server import PostgresServer
from support.protocol_fuzzer import fuzz


def test_nonsense_harms_nobody(postgres: PostgresServer) -> None:
    outcome = fuzz(postgres, cases=3_000, seed=1)
    assert outcome.cases == 3_000
    assert not outcome.crashes
    assert not outcome.healthy_errors
    assert outcome.healthy_queries
    assert outcome.memory_peak_bytes - outcome.memory_before_bytes < 128 * 1024 * 1024
