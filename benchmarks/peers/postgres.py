"""The PostgreSQL server every pooler stands in front of: the one the tests use, with pgbench's tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from support.postgres_server import PostgresServer, initialise, make_certificates, short_folder

from benchmarks.peers.endpoint import Endpoint
from benchmarks.pgbench import make_tables

PASSWORD = "bench"
"""Instead of the tests' awkward one, which `wrangler dev` hands to a Worker unescaped."""
SETTINGS = {"max_connections": "500", "shared_buffers": "128MB"}


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """A server without TLS and with SCRAM passwords, ended with the block."""
    root = short_folder()
    template = short_folder() / "template"
    try:
        initialise(template)
        server = PostgresServer(root, make_certificates(template.parent / "tls"), tls=False, settings=SETTINGS)
        server.create(template)
        server.start()
        server.execute(f"ALTER ROLE {server.user} PASSWORD '{PASSWORD}'")
        try:
            make_tables(endpoint_of(server))
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(template.parent, ignore_errors=True)


def endpoint_of(server: PostgresServer) -> Endpoint:
    return Endpoint(server.port, server.user, PASSWORD, server.database)
