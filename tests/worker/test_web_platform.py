"""The web platform, compared with workerd: the same operations as JavaScript there and as Python here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.node_packages import Node
from support.web_platform.here import run_here
from support.web_platform.meant import MEANT
from support.web_platform.operations import SUBJECTS
from support.web_platform.record import all_operations, recorded_runs, run_on_workerd, workerd_version

_RECORD = "run scripts/record-web-platform, and look at what changed in tests/support/web_platform/recorded.json"

Runs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs() -> Runs:
    """Recorded results, by version of workerd. Where versions differ, either result is right."""
    return recorded_runs()


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_operations_give_what_they_give_on_workerd(subject: str, runs: Runs) -> None:
    differences: dict[str, Any] = {}
    for operation in dict.fromkeys(SUBJECTS[subject]):
        here, there = await run_here(operation), [results.get(operation) for results in runs.values()]
        assert there[0] is not None, f"{operation!r} is not recorded: {_RECORD}"
        if operation in MEANT:
            assert here not in there, f"{operation!r} is the same now: take it out of `MEANT`"
        elif here not in there:
            differences[operation] = {"workerd": there[0], "here": here}
    assert differences == {}


def test_recorded_results_are_those_of_the_operations(runs: Runs) -> None:
    assert all(set(results) == set(all_operations()) for results in runs.values()), _RECORD
    assert set(MEANT) <= set(all_operations())
    assert len(all_operations()) > 1000


async def test_workerd_gives_what_is_recorded(node_modules: Path, runs: Runs) -> None:
    assert await unlike_recorded(runs, node_modules) == {}, _RECORD


async def test_the_newest_workerd_gives_what_is_recorded(newest_node: Node, runs: Runs) -> None:
    assert await unlike_recorded(runs, newest_node.modules, newest_node.environment) == {}, _RECORD


async def unlike_recorded(
    runs: Runs, node_modules: Path, variables: dict[str, str] | None = None
) -> dict[str, Any]:
    """What workerd gives otherwise. On a version that is not recorded, its result or a recorded one is right."""
    recorded = runs.get(workerd_version(node_modules))
    differences: dict[str, Any] = {}
    for operation, live in run_on_workerd(node_modules, all_operations(), variables).items():
        if recorded is not None:
            right = live == recorded[operation]
        else:
            known = [live, *(results[operation] for results in runs.values())]
            right = operation in MEANT or await run_here(operation) in known
        if not right:
            differences[operation] = live
    return differences
