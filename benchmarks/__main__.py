"""The command: `scripts/bench [NAME…]`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from benchmarks import plot, report
from benchmarks.ending import end_with_us
from benchmarks.figures import Result
from benchmarks.lab import Lab
from benchmarks.peers import node, pgbouncer
from benchmarks.progress import Progress, duration
from benchmarks.rows import ROWS, Row
from benchmarks.settings import Settings

COMPILE = Path(__file__).parents[1] / "scripts" / "compiled"


def main() -> int:
    arguments = _parse()
    if arguments.list:
        for row in ROWS:
            print(f"{row.name:<14}{row.title}")
        return 0
    rows = [row for row in ROWS if not arguments.names or row.name in arguments.names]
    settings = Settings(arguments.rounds, arguments.seconds, arguments.scale)
    expected_s = 5 + sum(row.estimate_s(settings) for row in rows)
    for note in _missing_peers():
        print(note, file=sys.stderr)
    print(f"Measuring {', '.join(row.name for row in rows)}: about {duration(expected_s)}.", file=sys.stderr)
    print("Leave the machine alone meanwhile.", file=sys.stderr)
    if arguments.compiled:
        subprocess.run([COMPILE], check=True)
    with end_with_us():
        results = _measure(
            rows, settings, Progress(expected_s), save=not arguments.dry, compiled=arguments.compiled
        )
    report.print_table(results)
    if not arguments.dry:
        plot.write_plot()
        print(f"Written: {report.LATEST} and {plot.PATH.name}", file=sys.stderr)
    return 0 if len(results) == len(rows) else 1


def _measure(
    rows: list[Row], settings: Settings, progress: Progress, *, save: bool, compiled: bool
) -> dict[str, Result]:
    results: dict[str, Result] = {}
    load = round(psutil.getloadavg()[0], 1)
    if load > 1:
        print(f"The load average is {load}: what else runs here will show in the figures.", file=sys.stderr)
    with Lab(settings, progress.say, compiled=compiled) as lab:
        for row in rows:
            progress.row = row.title
            try:
                results[row.title] = row.measure(lab)
            except RuntimeError as error:
                progress.clear()
                print(f"{row.title} could not be measured: {error}", file=sys.stderr)
                continue
            if save:
                report.write_json(row.name, row.title, results[row.title], settings, load)
        progress.clear()
    return results


def _missing_peers() -> list[str]:
    notes = []
    if pgbouncer.find_pgbouncer() is None:
        notes.append(pgbouncer.MISSING)
    if shutil.which("npm") is None:
        notes.append(node.MISSING)
    return notes


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure wrangler-py beside its peers, interleaved in one run, as ratios.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows; all by default")
    parser.add_argument("--list", action="store_true", help="show the rows and end")
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help="of each measurement [%(default)s]")
    parser.add_argument("--seconds", type=float, default=Settings.seconds, help="of a load [%(default)s]")
    parser.add_argument(
        "--scale", type=float, default=Settings.scale, help="of rows, idle clients and reloads [%(default)s]"
    )
    parser.add_argument("--compiled", action="store_true", help="measure the compiled build of the proxy, too")
    parser.add_argument("--dry", action="store_true", help="do not write the results and the plot")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}. There are: {', '.join(row.name for row in ROWS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
