"""The proxy under test: `wrangler-py hyperdrive proxy`, as a person runs it, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
from support.postgres_server import PostgresServer, short_folder

from benchmarks.peers.dev_server import WRANGLER_PY
from benchmarks.peers.endpoint import Endpoint
from benchmarks.peers.pgbouncer import POOL_SIZE
from benchmarks.peers.postgres import endpoint_of

BINDING = "HYPERDRIVE"


@contextmanager
def run_proxy(
    server: PostgresServer, *options: str, caching: bool, pool_size: int = POOL_SIZE, site: Path | None = None
) -> Iterator[Endpoint]:
    """The pool is as large as PgBouncer's, unless told; caching, where it is on, has the ages of a new config.

    `options` are more of the command's, and `site` is a folder with another build of the package.
    """
    root = short_folder()
    (root / "wrangler.toml").write_text(
        f'name = "bench"\n[[hyperdrive]]\nbinding = "{BINDING}"\nid = "{"0" * 32}"\n'
    )
    command = [*WRANGLER_PY, "hyperdrive", "proxy", "--cwd", str(root)]
    command += ["--pool-size", str(pool_size), *options, *([] if caching else ["--caching-disabled"])]
    log = root / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                **({} if site is None else {"PYTHONPATH": str(site)}),
                "WRANGLER_PY_HOME": str(root / "home"),
                f"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{BINDING}": endpoint_of(server).url,
            },
        )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("postgresql://"):
                break
        else:
            raise RuntimeError(f"The proxy did not start:\n{log.read_text()}")
        parts = urlsplit(line.strip())
        assert parts.port is not None
        yield Endpoint(
            parts.port,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            unquote(parts.path[1:]),
            psutil.Process(process.pid),
        )
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(root, ignore_errors=True)
