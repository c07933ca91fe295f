"""`pyodide.ffi`, compared with real Pyodide: the same operations, as Python, there and here."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pyodide_ffi.meant import MEANT, MEANT_IN_OLDER, NODE
from support.pyodide_ffi.operations import all_operations
from support.pyodide_ffi.record import RELEASES, recorded, run_here, run_on_pyodide

_RECORD = "run python -m support.pyodide_ffi.record, and look at what changed in recorded.json"


@pytest.mark.parametrize("release", RELEASES)
def test_operations_give_what_they_give_on_pyodide(release: str) -> None:
    operations, there = all_operations(), recorded(release)
    assert set(there) == set(operations), _RECORD
    assert set(MEANT) | set(MEANT_IN_OLDER) <= set(operations)
    here = run_here(operations, release)
    differences = {each: (there[each], here[each]) for each in operations if here[each] != there[each]}
    meant = MEANT if release == "314" else MEANT | MEANT_IN_OLDER
    assert {each: both for each, both in differences.items() if each not in meant} == {}
    if release == "314":
        assert [each for each in MEANT if each not in differences] == [], "the same now: take it out of `MEANT`"
    assert len(operations) - len(meant) > 600


@pytest.mark.parametrize("release", RELEASES)
def test_pyodide_gives_what_is_recorded(release: str, pyodide_modules: Path) -> None:
    there = recorded(release)
    live = run_on_pyodide(pyodide_modules, all_operations(), release)
    differences = {each: (there[each], result) for each, result in live.items() if there[each] != result}
    assert {each: both for each, both in differences.items() if MEANT.get(each) != NODE} == {}, _RECORD
