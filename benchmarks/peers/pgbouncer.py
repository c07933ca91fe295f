"""PgBouncer in transaction mode, set up to be as fast as it can be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
from support.postgres_server import PostgresServer, free_port, short_folder

from benchmarks.peers.endpoint import Endpoint
from benchmarks.peers.postgres import endpoint_of

POOL_SIZE = 20
MISSING = (
    "PgBouncer is not here, so its columns are empty: apt install pgbouncer, or PGBOUNCER=/path/to/pgbouncer. "
    "(1.21 or later is needed for prepared statements.)"
)


def find_pgbouncer() -> Path | None:
    """`PGBOUNCER`, else the one on the PATH or where Debian puts it."""
    found = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    return Path(found) if found else None


def version_of(program: Path) -> tuple[int, int]:
    output = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"PgBouncer (\d+)\.(\d+)", output)
    if match is None:
        raise RuntimeError(f"{program} --version says {output!r}")
    return int(match[1]), int(match[2])


@contextmanager
def run_pgbouncer(program: Path, server: PostgresServer) -> Iterator[Endpoint]:
    """SCRAM on both sides: with the server's own SCRAM secret, PgBouncer has no key to derive at a login."""
    root = short_folder()
    port = free_port()
    [(secret,)] = server.execute(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{server.user}'")
    (root / "users.txt").write_text(f'"{server.user}" "{secret}"\n')
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": root / "users.txt",
        "pool_mode": "transaction",
        "default_pool_size": POOL_SIZE,
        "max_client_conn": 5000,
        "server_check_delay": 3600,
        "log_connections": 0,
        "log_disconnections": 0,
        "log_pooler_errors": 1,
        "stats_period": 3600,
    }
    if version_of(program) >= (1, 21):
        settings["max_prepared_statements"] = 200
    lines = [
        "[databases]",
        f"{server.database} = host={server.host} port={server.port} dbname={server.database}",
        "[pgbouncer]",
        *(f"{name} = {value}" for name, value in settings.items()),
    ]
    (root / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    account = {}
    if os.geteuid() == 0:
        account = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        for path in (root, *root.iterdir()):
            shutil.chown(path, "nobody", "nogroup")
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), str(root / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
            start_new_session=True,
            **account,  # type: ignore[call-overload]
        )
    try:
        endpoint = replace(endpoint_of(server), port=port, process=psutil.Process(process.pid))
        _wait_until_it_answers(endpoint, process, root / "log")
        yield endpoint
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(root, ignore_errors=True)


def _wait_until_it_answers(endpoint: Endpoint, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with psycopg.connect(endpoint.url, prepare_threshold=None) as connection:
                connection.execute("SELECT 1")
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PgBouncer did not start: {error}\n{log.read_text()}") from None
            time.sleep(0.02)
