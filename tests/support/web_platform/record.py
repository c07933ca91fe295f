"""Runs the operations on workerd, through `wrangler dev`, and keeps what they gave in `recorded.json`.

Usage: python -m support.web_platform.record NODE_MODULES (with `tests` on PYTHONPATH)
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from support.web_platform.javascript import worker
from support.web_platform.operations import SUBJECTS

RECORDED = Path(__file__).with_name("recorded.json")
COMPATIBILITY_DATE = "2026-04-24"
_BATCH = 50
_START_S = 60


def all_operations() -> list[str]:
    """Every operation once."""
    return list(dict.fromkeys(operation for operations in SUBJECTS.values() for operation in operations))


def run_on_workerd(
    node_modules: Path, operations: list[str], variables: dict[str, str] | None = None
) -> dict[str, Any]:
    """The result of each operation, by the operation's text. `variables` are added to wrangler's environment."""
    with serve_on_workerd(node_modules, worker(operations), variables) as client:
        results: list[Any] = []
        for first in range(0, len(operations), _BATCH):
            answer = client.get("/", params={"first": first, "last": first + _BATCH})
            if answer.status_code != 200:
                raise RuntimeError(answer.text)
            results += answer.json()
        return dict(zip(operations, results, strict=True))


@contextlib.contextmanager
def serve_on_workerd(
    node_modules: Path, source: str, variables: dict[str, str] | None = None
) -> Iterator[httpx.Client]:
    """Serve a Worker with `wrangler dev`, and give a client of it."""
    from support.postgres_server import free_port

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "index.js").write_text(source)
        (root / "node_modules").symlink_to(node_modules, target_is_directory=True)
        config = {"name": "operations", "main": "index.js", "compatibility_date": COMPATIBILITY_DATE}
        (root / "wrangler.json").write_text(json.dumps(config))
        port = free_port()
        command = [str(node_modules / ".bin" / "wrangler"), "dev", "--port", str(port), "--inspector-port", "0"]
        environment = os.environ | {"CI": "1", "WRANGLER_SEND_METRICS": "false", "HOME": folder} | (variables or {})
        with (root / "log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
            try:
                _wait_until_ready(port, process, root / "log")
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300, trust_env=False) as client:
                    yield client
            finally:
                process.terminate()
                process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/?first=0&last=0", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"wrangler dev did not start:\n{log.read_text()}")


def workerd_version(node_modules: Path) -> str:
    """The version of the workerd package."""
    return str(json.loads((node_modules / "workerd" / "package.json").read_text())["version"])


def recorded_runs() -> dict[str, dict[str, Any]]:
    """What each version of workerd gave, by version: the result of each operation."""
    content = json.loads(RECORDED.read_text()) if RECORDED.is_file() else {"runs": []}
    results: dict[str, dict[str, Any]] = {}
    for run in content["runs"]:
        results[run["workerd"]] = (next(iter(results.values())) if results else {}) | run["results"]
    return results


def main() -> None:
    """Record a run. The first run is kept whole, others where they differ from it."""
    node_modules = Path(sys.argv[1]).resolve()
    version = workerd_version(node_modules)
    dates = (
        {run["workerd"]: run["date"] for run in json.loads(RECORDED.read_text())["runs"]}
        if RECORDED.is_file()
        else {}
    )
    dates[version] = datetime.datetime.now(datetime.UTC).date().isoformat()
    runs = recorded_runs() | {version: run_on_workerd(node_modules, all_operations())}
    newest_first = sorted(runs, key=lambda name: [int(part) for part in name.split(".")], reverse=True)
    first = runs[newest_first[0]]
    written = [
        {
            "workerd": name,
            "date": dates[name],
            "results": {
                operation: runs[name][operation]
                for operation in all_operations()
                if operation in runs[name]
                and (name == newest_first[0] or runs[name][operation] != first.get(operation))
            },
        }
        for name in newest_first
    ]
    content = {"compatibility_date": COMPATIBILITY_DATE, "runs": written}
    RECORDED.write_text(json.dumps(content, indent=1) + "\n")
    print(f"Recorded {len(first)} operations on workerd {version}")


if __name__ == "__main__":
    main()
