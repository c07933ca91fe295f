"""Every command that has the local Hyperdrive in it serves the dashboard, for Workers in either language."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from support.command_line import CommandLine
from support.dev_process import DevProcess, own_inspector
from support.node_packages import node_modules
from support.postgres_server import PostgresServer
from support.wrangler_projects import HYPERDRIVE_VARIABLE, Project, project

__all__ = ["node_modules", "project"]

JAVASCRIPT = """
import postgres from "postgres"

export default {
  async fetch(request, env) {
    const sql = postgres(env.HYPERDRIVE.connectionString, { fetch_types: false })
    try {
      return Response.json(await sql`SELECT ${"one"}::text AS one, now()`)
    } finally {
      await sql.end()
    }
  },
}
"""
CONFIG = """
main = "index.js"
compatibility_date = "2025-01-01"
compatibility_flags = ["nodejs_compat"]
[[hyperdrive]]
binding = "HYPERDRIVE"
id = "0123456789abcdef0123456789abcdef"
"""


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    (tmp_path / "project").mkdir()
    return CommandLine(tmp_path / "home", tmp_path / "project")


def listed(url: str, what: str) -> list[dict[str, Any]]:
    parts = urlsplit(url)
    headers = {"Authorization": f"Bearer {parse_qs(parts.query)['token'][0]}"}
    response = httpx.get(f"http://{parts.netloc}/api/{what}", headers=headers, timeout=60)
    return list(response.raise_for_status().json()[what])


def queries(url: str) -> list[dict[str, Any]]:
    return listed(url, "queries")


def test_dev_with_a_worker_in_javascript(project: Project, postgres: PostgresServer) -> None:
    environment = {HYPERDRIVE_VARIABLE: postgres.dsn()}
    with DevProcess(project(CONFIG, index_js=JAVASCRIPT), *own_inspector(), environment=environment) as dev:
        url = dev.wait_for("^Dashboard: ").split()[-1]
        assert dev.ready().get().status_code == 200
        (query,) = [each for each in queries(url) if "one" in each["sql"]]
        assert (query["binding"], query["status"]) == ("HYPERDRIVE", "volatile")
        (group,) = [each for each in listed(url, "requests") if query["number"] in each["queries"]]
        assert group["name"].startswith("client ")


def test_hyperdrive_proxy(cli: CommandLine, postgres: PostgresServer) -> None:
    with cli.start("hyperdrive", "proxy", "--connection-string", postgres.dsn()) as process:
        assert process.stdout
        assert process.stderr
        string = next(line.strip() for line in process.stdout if line.startswith("postgresql://"))
        url = next(line.split()[-1] for line in process.stderr if line.startswith("Dashboard: "))
        with psycopg.connect(string, autocommit=True) as connection:
            connection.execute("SELECT 1 AS through_the_proxy")
        assert queries(url)[-1]["sql"] == "SELECT 1 AS through_the_proxy"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        process.communicate()


COMMAND = """
import os, sys, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute("SELECT 1 AS in_a_command")
print("asked", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("options", [(), ("--dashboard",)], ids=["without", "with"])
def test_hyperdrive_exec(cli: CommandLine, postgres: PostgresServer, options: tuple[str, ...]) -> None:
    given = ("--connection-string", postgres.dsn(), *options)
    command = ("hyperdrive", "exec", *given, "--", sys.executable, "-c", COMMAND)
    with cli.start(*command) as process:
        assert process.stdout
        assert process.stdout.readline() == "asked\n"
        if options:
            assert process.stderr
            url = next(line.split()[-1] for line in process.stderr if line.startswith("Dashboard: "))
            assert queries(url)[-1]["sql"] == "SELECT 1 AS in_a_command"
        _, errors = process.communicate("\n", timeout=60)
        assert process.returncode == 0
        assert "Dashboard" not in errors
