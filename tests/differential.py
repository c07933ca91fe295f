"""What `scripts/differential` runs: random conversations through the proxy, compared with direct connections."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import time
from pathlib import Path

from support.differential import Figures, run
from support.postgres_server import PostgresServer, initialise, make_certificates, short_folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None, help="that of a run to repeat")
    parser.add_argument("--round", type=int, default=None, help="only this one, with and without caching")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    root = short_folder()
    server = PostgresServer(short_folder(), make_certificates(root / "certificates"))
    found = 0
    try:
        initialise(root / "template")
        server.create(root / "template")
        server.start()
        print(f"seed            {seed}")
        for cached in (False, True):
            began = time.monotonic()
            if arguments.round is not None:
                figures = run(server, seed=seed, cached=cached, first=arguments.round, rounds=1)
            else:
                figures = run(
                    server, seed=seed, cached=cached, minutes=arguments.minutes / 2, progress=show_progress
                )
            report(figures, cached, time.monotonic() - began)
            found += len(figures.differences)
    finally:
        server.kill()
        for folder in (root, Path(server.root)):
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if found else 0


def show_progress(figures: Figures) -> None:
    if sys.stderr.isatty():
        count = figures.compared.total()
        print(f"\r{count} groups compared, {len(figures.differences)} differences", end="", file=sys.stderr)


def report(figures: Figures, cached: bool, seconds: float) -> None:
    print(f"\ncaching         {'on' if cached else 'off'}")
    print(f"rounds          {figures.rounds} with {figures.turns} turns, {figures.waited} for a connection")
    print(f"groups compared {figures.compared.total()}, {figures.hits} answered from the cache")
    for kind, count in figures.compared.most_common():
        print(f"    {kind:24}{count}")
    ends = {"I": "idle", "T": "in a transaction", "E": "in a failed transaction"}
    print(f"they left it    {', '.join(f'{ends[s]} {n}' for s, n in figures.ended_in.most_common())}")
    print(f"not compared    {figures.not_compared}: what is read in one go with a change of the session")
    print(f"made elsewhere  {figures.made_elsewhere} functions, views, triggers, policies, defaults, indexes")
    print(f"differences     {len(figures.differences)}")
    print(f"time            {seconds:.0f} s", flush=True)
    for difference in figures.differences[:20]:
        print(difference, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
