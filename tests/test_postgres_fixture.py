"""The PostgreSQL fixtures do what other tests rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest


def test_scram_and_unix_socket(postgres: Any) -> None:
    assert postgres.execute("SELECT 1") == [(1,)]
    with psycopg.connect(
        host=postgres.socket_dir,
        port=postgres.port,
        user=postgres.user,
        password=postgres.user_password,
        dbname="app",
    ) as connection:
        assert connection.info.host == postgres.socket_dir
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn(password="wrong"))


def test_tls(tls_postgres: Any, ca_pem: Path) -> None:
    dsn = tls_postgres.dsn(host="localhost", sslmode="verify-full", sslrootcert=str(ca_pem))
    with psycopg.connect(dsn) as connection:
        assert connection.pgconn.ssl_in_use


def test_kill_and_restart(postgres_factory: Any) -> None:
    server = postgres_factory(tls=False)
    connection = server.connect(application_name="Cloudflare Hyperdrive")
    assert server.connections() == 1
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    server.start()
    assert server.execute("SELECT 1") == [(1,)]
    server.restart()
    assert server.execute("SELECT 1") == [(1,)]
