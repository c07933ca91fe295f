"""A short run of the random conversations that `scripts/differential` compares at length.

DIFFERENTIAL_SEED is the seed of a second run.
"""

from __future__ import annotations

import os

import pytest
from support.differential import TURNS, run
from support.postgres_server import PostgresServer

ROUNDS = 20
SEEDS = [1, *(int(seed) for seed in os.environ.get("DIFFERENTIAL_SEED", "").split())]


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
@pytest.mark.parametrize("seed", SEEDS)
def test_clients_of_a_pool_get_what_they_would_get_directly(
    seed: int, cached: bool, postgres: PostgresServer
) -> None:
    figures = run(postgres, seed=seed, cached=cached, rounds=ROUNDS)
    assert not figures.differences, "\n".join(figures.differences)
    assert figures.compared.total() > ROUNDS * TURNS
    assert set(figures.ended_in) == {"I", "T", "E"}
    assert figures.waited
    assert figures.made_elsewhere
    assert bool(figures.hits) == cached
