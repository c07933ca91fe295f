"""Runs the operations on real Pyodide, in Node.js, and keeps what they gave in `recorded.json`.

Usage: python -m support.pyodide_ffi.record NODE_MODULES (with `tests` on PYTHONPATH)

NODE_MODULES has the npm package `pyodide`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.pyodide_ffi.operations import all_operations

COMPATIBILITY_DATE = "2026-09-08"
"""Selects the same release of Pyodide here."""
_FOLDER = Path(__file__).parent
_RECORDED = _FOLDER / "recorded.json"
_LIMIT_S = 300


def run_on_pyodide(node_modules: Path, operations: list[str]) -> dict[str, str]:
    """The result of each operation, by the operation's text."""
    command = [
        "node",
        str(_FOLDER / "run_on_pyodide.mjs"),
        str(node_modules / "pyodide"),
        str(_FOLDER / "snippets.py"),
    ]
    return _run(command, operations)


def run_here(operations: list[str]) -> dict[str, str]:
    """The same on this project's platform, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "support.pyodide_ffi.run_here", COMPATIBILITY_DATE]
    return _run(command, operations)


def recorded() -> dict[str, str]:
    """What real Pyodide gave when it was recorded."""
    results: dict[str, str] = json.loads(_RECORDED.read_text(encoding="utf-8"))["results"]
    return results


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
    version = json.loads((node_modules / "pyodide" / "package.json").read_text())["version"]
    results = run_on_pyodide(node_modules, all_operations())
    content = {"pyodide": version, "results": results}
    _RECORDED.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Recorded {len(results)} operations on Pyodide {version}")


if __name__ == "__main__":
    main()
