"""What `scripts/fuzz` runs: the protocol fuzzer against a proxy in front of a PostgreSQL of its own."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import time
from pathlib import Path

from support.postgres_server import PostgresServer, initialise, make_certificates, short_folder
from support.protocol_fuzzer import Outcome, fuzz

MEGABYTE = 1024 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="that of a run to repeat")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    root = short_folder()
    server = PostgresServer(short_folder(), make_certificates(root / "certificates"))
    try:
        initialise(root / "template")
        server.create(root / "template")
        server.start()
        began = time.monotonic()
        outcome = fuzz(server, cases=arguments.cases, seed=seed, progress=show_progress)
        report(outcome, seed, time.monotonic() - began)
    finally:
        server.kill()
        for folder in (root, Path(server.root)):
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if outcome.sound else 1


def show_progress(outcome: Outcome) -> None:
    if sys.stderr.isatty():
        print(f"\r{outcome.cases} cases, {len(outcome.crashes)} crashes", end="", file=sys.stderr)


def report(outcome: Outcome, seed: int, seconds: float) -> None:
    print(f"seed            {seed}")
    print(
        f"cases           {outcome.cases}: {outcome.sans_io_cases} without sockets, "
        f"{outcome.after_login_cases} after login, {outcome.before_login_cases} before login"
    )
    print(f"crashes         {len(outcome.crashes)}")
    print(f"healthy client  {outcome.healthy_queries} queries, {len(outcome.healthy_errors)} errors")
    print(
        f"peak memory     {outcome.memory_peak_bytes / MEGABYTE:.1f} MB "
        f"({outcome.memory_before_bytes / MEGABYTE:.1f} MB before)"
    )
    print(f"time            {seconds:.0f} s")
    for line in outcome.crashes[:50] + outcome.healthy_errors:
        print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
