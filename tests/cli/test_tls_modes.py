"""Each TLS mode of the documentation's table, from `hyperdrive create` to a query through `exec` and `dev`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine, Outcome
from support.dev_process import DevProcess, write_project
from support.postgres_server import PostgresServer, make_certificates

PROBE = """
import json, psycopg
try:
    with psycopg.connect("", autocommit=True) as connection:
        backend = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
        answer = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = %s", [backend]).fetchone()[0]
except psycopg.Error as error:
    answer = str(error)
print(json.dumps(answer))
"""
WORKER = """
import psycopg
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as connection:
                backend = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
                row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = %s", [backend]).fetchone()
                return Response.json(row[0])
        except psycopg.Error as error:
            return Response.json(str(error))
"""
INVALID = "Server connection attempt failed: certificate_invalid"


@pytest.fixture
def cli(tmp_path: Path, ca_pem: Path, stranger_ca_pem: Path) -> CommandLine:
    """In a Worker's project, with both CAs uploaded, as `ca` and `stranger`."""
    project = write_project(tmp_path / "project", WORKER)
    cli = CommandLine(project / "home", project)
    for name, path in (("ca", ca_pem), ("stranger", stranger_ca_pem)):
        cli.ok("cert", "upload", "certificate-authority", "--ca-cert", path, "--name", name)
    return cli


@pytest.fixture
def elsewhere(tls_postgres: PostgresServer, postgres_factory: Any, tmp_path: Path) -> tuple[PostgresServer, Path]:
    """A server whose certificate is for another host name, and its CA."""
    certificates = make_certificates(tmp_path / "elsewhere", "db.example.com")
    return postgres_factory(certificates=certificates), certificates.ca


def create(cli: CommandLine, server: PostgresServer, *options: str, **environ: str) -> Outcome:
    string = server.dsn(host="localhost")
    return cli("hyperdrive", "create", "db", "--connection-string", string, *options, **environ)


def through_exec(cli: CommandLine, **environ: str) -> Any:
    return json.loads(cli.ok("hyperdrive", "exec", "db", "--", sys.executable, "-c", PROBE, **environ).stdout)


def through_dev(cli: CommandLine, **environ: str) -> Any:
    cli.ok("hyperdrive", "bind", "db")
    with DevProcess(cli.cwd, environment=environ) as dev:
        return dev.ready().get().json()


@pytest.mark.parametrize("mode", ["none", "disable", "prefer"])
def test_plaintext_is_refused(mode: str, cli: CommandLine, postgres: PostgresServer) -> None:
    outcome = create(cli, postgres, f"--sslmode={mode}")
    assert outcome.status == 1
    assert f"sslmode '{mode}' is refused" in outcome.stderr
    string = postgres.dsn(sslmode=mode)
    assert "is refused" in cli.fails("hyperdrive", "create", "db", "--connection-string", string)
    assert "There are none yet" in cli.ok("hyperdrive", "list").stdout


def test_a_server_without_tls_is_refused(cli: CommandLine, postgres_factory: Any) -> None:
    server = postgres_factory(tls=False)
    outcome = create(cli, server)
    assert (outcome.status, "[code: 2012]" in outcome.stderr) == (1, True), outcome.output
    assert create(cli, server, "--no-check").status == 0
    for through in (through_exec, through_dev):
        assert "Server connection attempt failed: tls_not_supported" in through(cli)


def test_require_with_a_certificate_of_a_public_root(
    cli: CommandLine, tls_postgres: PostgresServer, ca_pem: Path
) -> None:
    trusted = {"SSL_CERT_FILE": str(ca_pem)}
    assert create(cli, tls_postgres, **trusted).status == 0
    assert through_exec(cli, **trusted) is True
    assert through_dev(cli, **trusted) is True


def test_require_with_a_certificate_nobody_knows(
    cli: CommandLine, tls_postgres: PostgresServer, stranger_ca_pem: Path
) -> None:
    environ = {"SSL_CERT_FILE": str(stranger_ca_pem)}
    outcome = create(cli, tls_postgres, **environ)
    assert outcome.status == 1
    assert "certificate" in outcome.stderr
    assert create(cli, tls_postgres, "--no-check").status == 0
    assert INVALID in through_exec(cli, **environ)
    assert INVALID in through_dev(cli, **environ)


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_certificate_of_the_uploaded_authority(mode: str, cli: CommandLine, tls_postgres: PostgresServer) -> None:
    assert create(cli, tls_postgres, f"--sslmode={mode}", "--ca-certificate-id=ca").status == 0
    assert through_exec(cli) is True
    assert through_dev(cli) is True


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_certificate_of_another_authority(mode: str, cli: CommandLine, tls_postgres: PostgresServer) -> None:
    options = (f"--sslmode={mode}", "--ca-certificate-id=stranger")
    outcome = create(cli, tls_postgres, *options)
    assert outcome.status == 1
    assert "certificate" in outcome.stderr
    assert create(cli, tls_postgres, *options, "--no-check").status == 0
    assert INVALID in through_exec(cli)
    assert INVALID in through_dev(cli)


def test_a_certificate_for_another_host(cli: CommandLine, elsewhere: tuple[PostgresServer, Path]) -> None:
    server, ca = elsewhere
    cli.ok("cert", "upload", "certificate-authority", "--ca-cert", ca, "--name", "elsewhere")
    options = ("--sslmode=verify-full", "--ca-certificate-id=elsewhere")
    outcome = create(cli, server, *options)
    assert outcome.status == 1
    assert "certificate" in outcome.stderr
    assert create(cli, server, *options, "--no-check").status == 0
    assert INVALID in through_exec(cli)
    assert INVALID in through_dev(cli)
    cli.ok("hyperdrive", "delete", "db")
    assert create(cli, server, "--sslmode=verify-ca", "--ca-certificate-id=elsewhere").status == 0
    assert through_exec(cli) is True
    cli.ok("hyperdrive", "unbind", "HYPERDRIVE")
    assert through_dev(cli) is True
