"""Runs the operations on real Pyodide, in Node.js, and keeps what they gave in `recorded.json`.

Usage: python -m support.pyodide_ffi.record NODE_MODULES (with `tests` on PYTHONPATH)

NODE_MODULES has the npm packages of package.json: the releases of Pyodide that compatibility dates select.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from support.pyodide_ffi.operations import all_operations


class Release(NamedTuple):
    """A release of Pyodide: its package's name, and a compatibility date that selects it here."""

    package: str
    compatibility_date: str


RELEASES = {"314": Release("pyodide", "2026-09-08"), "0.28": Release("pyodide-0.28", "2026-04-24")}
_FOLDER = Path(__file__).parent
_RECORDED = _FOLDER / "recorded.json"
_LIMIT_S = 300
_BATCH = 300
"""Operations of one process: two thousand are too many for Pyodide, some of them fail inside it."""


def run_on_pyodide(node_modules: Path, operations: list[str], release: str = "314") -> dict[str, str]:
    """The result of each operation, by the operation's text."""
    command = [
        "node",
        str(_FOLDER / "run_on_pyodide.mjs"),
        str(node_modules / RELEASES[release].package),
        str(_FOLDER / "snippets.py"),
    ]
    results: dict[str, str] = {}
    for first in range(0, len(operations), _BATCH):
        results |= _run(command, operations[first : first + _BATCH])
    return results


def run_here(operations: list[str], release: str = "314") -> dict[str, str]:
    """The same on this project's platform, in a process of its own."""
    date = RELEASES[release].compatibility_date
    return _run([sys.executable, "-W", "ignore", "-m", "support.pyodide_ffi.run_here", date], operations)


def recorded(release: str = "314") -> dict[str, str]:
    """What real Pyodide gave when it was recorded. Of the older release, the results that differ are kept."""
    content = _content()
    newest: dict[str, str] = content["results"]
    return newest if release == "314" else newest | content["older"][release]


def _content() -> Any:
    return json.loads(_RECORDED.read_text(encoding="utf-8"))


def _run(command: list[str], operations: list[str]) -> dict[str, str]:
    result = subprocess.run(
        command,
        cwd=_FOLDER.parents[1],
        input=json.dumps(operations),
        capture_output=True,
        encoding="utf-8",
        timeout=_LIMIT_S,
        check=False,
    )
    if result.returncode or not result.stdout:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result.stderr[-4000:]}")
    return dict(zip(operations, json.loads(result.stdout), strict=True))


def main() -> None:
    node_modules = Path(sys.argv[1]).resolve()
    newest = run_on_pyodide(node_modules, all_operations())
    older: dict[str, dict[str, str]] = {}
    for release in RELEASES:
        if release != "314":
            results = run_on_pyodide(node_modules, all_operations(), release)
            older[release] = {each: result for each, result in results.items() if result != newest[each]}
    version = json.loads((node_modules / "pyodide" / "package.json").read_text())["version"]
    content = {"pyodide": version, "results": newest, "older": older}
    _RECORDED.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Recorded {len(newest)} operations on Pyodide {version} and {', '.join(older)}")


if __name__ == "__main__":
    main()
