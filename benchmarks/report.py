"""The table on standard output, and `results/latest.json`."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from support.postgres_server import binaries

from benchmarks import pgbench
from benchmarks.figures import Bound, Check, Result
from benchmarks.peers.node import installed_version
from benchmarks.peers.pgbouncer import find_pgbouncer, version_of
from benchmarks.rows import ROWS
from benchmarks.settings import Settings
from wrangler_py import __version__

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"


def print_table(results: Mapping[str, Result]) -> None:
    """`results` by the rows' titles."""
    table = Table(title="wrangler-py beside its peers: medians of the rounds", title_justify="left")
    table.add_column("")
    for heading in ("wrangler-py", "peer", "ratio", "spread"):
        table.add_column(heading, justify="right")
    for heading in ("to", "target", ""):
        table.add_column(heading)
    for title, result in results.items():
        table.add_section()
        table.add_row(f"[bold]{title}")
        for check in result.checks:
            table.add_row(*_line(check))
        if not result.checks:
            table.add_row("  [dim]no peer here to compare with")
        for remark in result.remarks:
            table.add_row(f"  [dim]{remark}")
    Console(width=None if Console().is_terminal else 132).print(table)


def _line(check: Check) -> list[str]:
    verdict = "[green]pass" if check.passes else "[red]falls short"
    label = f"  {check.label}"
    if not check.against:
        return [label, f"{number(check.value)} {check.unit}", "", "", "", "", str(check.bound), verdict]
    figures = [
        "" if figure is None else f"{number(figure)} {check.unit}" for figure in (check.figure, check.peer_figure)
    ]
    spread = f"{number(check.low)} to {number(check.high)}"
    return [label, *figures, number(check.value), spread, check.against, str(check.bound), verdict]


def number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 or abs(value) >= 10 else f"{value:.2f}"


def write_json(name: str, title: str, result: Result, settings: Settings, load: float) -> None:
    """Puts a row into the file; what other runs measured there stays, each with its own circumstances.

    `load` is the machine's load average before: what else was running.
    """
    RESULTS.mkdir(exist_ok=True)
    rows: dict[str, Any] = json.loads(LATEST.read_text())["rows"] if LATEST.exists() else {}
    rows[name] = {
        "title": title,
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "settings": asdict(settings),
        "versions": versions(),
        "machine": {"system": platform.platform(), "cpu": _cpu_model(), "cores": os.cpu_count()},
        "load": load,
        "checks": [{**asdict(check), "passes": check.passes} for check in result.checks],
        "cells": [asdict(cell) for cell in result.cells],
        "remarks": list(result.remarks),
    }
    rows = {row.name: rows[row.name] for row in ROWS if row.name in rows}
    LATEST.write_text(json.dumps({"rows": rows}, indent=1, ensure_ascii=False) + "\n")


def headline_checks() -> list[tuple[str, Check]]:
    """The row's title and each check to draw, from the file."""
    rows = json.loads(LATEST.read_text())["rows"]
    return [
        (row["title"], _check(fields))
        for row in rows.values()
        for fields in row["checks"]
        if fields["headline"] and fields["against"]
    ]


def _check(fields: Mapping[str, Any]) -> Check:
    kept = {name: value for name, value in fields.items() if name not in ("passes", "bound")}
    return Check(**kept, bound=Bound(**fields["bound"]))


def versions() -> dict[str, str]:
    """Of everything that is measured, as far as it is here."""
    found = {"wrangler-py": __version__, "Python": platform.python_version()}
    for program in (binaries() / "postgres", pgbench.program()):
        output = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True).stdout
        found[program.name] = output.split()[2]
    if (pgbouncer := find_pgbouncer()) is not None:
        found["PgBouncer"] = ".".join(map(str, version_of(pgbouncer)))
    if (wrangler := installed_version("wrangler")) is not None:
        found["wrangler"] = wrangler
    return found


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
