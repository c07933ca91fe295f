"""Runs pgbench, and reads what it says."""

from __future__ import annotations

import functools
import math
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from support.postgres_server import binaries

from benchmarks.peers.endpoint import Endpoint

Protocol = Literal["simple", "extended", "prepared"]
PROTOCOLS: tuple[Protocol, ...] = ("simple", "extended", "prepared")
LOGIN_S = 0.02
"""Allowed for a client's login, which pgbench counts as part of the time it is given."""
HOT_READS = Path(__file__).parent / "hot_reads.sql"


@dataclass(frozen=True)
class Outcome:
    """Transactions, and how many a second, the logins not counted unless they are part of each."""

    transactions: int
    tps: float


@functools.cache
def program() -> Path:
    """Beside the server's programs, where it is no wrapper script as Debian's is, else on the PATH.

    Raises RuntimeError if it is nowhere.
    """
    found = shutil.which(binaries() / "pgbench") or shutil.which("pgbench")
    if found is None:
        raise RuntimeError("The benchmarks need pgbench: apt install postgresql-contrib.")
    return Path(found)


def make_tables(endpoint: Endpoint) -> None:
    """pgbench's tables, at scale 1: 100,000 accounts."""
    subprocess.run([str(program()), "-i", "-q"], env=endpoint.environment, check=True, capture_output=True)


def run_pgbench(
    endpoint: Endpoint,
    *,
    protocol: Protocol = "simple",
    clients: int,
    seconds: float,
    script: Path | None = None,
    connect_each: bool = False,
    transactions_each: int | None = None,
    rate: int | None = None,
) -> Outcome:
    """`pgbench -S`, or `script`, for `seconds`, or until each client has run so many transactions.

    `rate` is the most transactions a second. Raises RuntimeError if anything fails.
    """
    command = [str(program()), "-n", "-M", protocol, "-c", str(clients)]
    command += ["-S"] if script is None else ["-f", str(script)]
    if rate is not None:
        command += ["-R", str(rate)]
    if connect_each:
        command += [
            "-C",
            "-j",
            str(clients),
        ]  # each thread connects on its own: one alone would wait for each login
    for login_s in (LOGIN_S, 4 * LOGIN_S, 16 * LOGIN_S):
        duration = ["-T", str(math.ceil(seconds + clients * login_s))]
        if transactions_each is not None:
            duration = ["-t", str(transactions_each)]
        result = subprocess.run(
            [*command, *duration], env=endpoint.environment, capture_output=True, text=True, check=False
        )
        transactions = re.search(r"transactions actually processed: (\d+)", result.stdout)
        if transactions is None or int(transactions[1]):
            break  # otherwise the logins took all of the time: the machine is busy
    tps = re.search(r"^tps = ([\d.]+)", result.stdout, re.MULTILINE)
    if result.returncode or "aborted" in result.stderr or not (transactions and tps):
        raise RuntimeError(f"pgbench failed:\n{result.stderr or result.stdout}")
    return Outcome(int(transactions[1]), float(tps[1]))
