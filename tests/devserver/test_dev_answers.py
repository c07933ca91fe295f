"""One session of `wrangler-py dev`, seen by the person at the terminal and through HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dev_process import HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PASSWORDS, PostgresServer

ENTRY = """
import sys
import psycopg
from workers import Response, WorkerEntrypoint
from urllib.parse import urlsplit

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        if path == "/vars":
            return Response.json([self.env.PLAIN, self.env.SECRET, self.env.GIVEN, self.env.OBJECT.nested[1]])
        if path == "/query":
            with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as connection:
                connection.execute("SELECT now()")
                row = connection.execute("SELECT current_user, 6 * 7").fetchone()
            return Response.json(row)
        if path == "/print":
            print("first")
            print("second", file=sys.stderr)
            print("third", end="")
            return Response("printed")
        if path == "/raise":
            raise LookupError("no such %s\\nHINT: say hello" % "greeting")
        return Response("hello")
"""

CONFIG = (
    """
[vars]
PLAIN = "from the file"
OBJECT = { nested = [1, 2] }

[env.staging]
main = "src/other.py"
vars = { PLAIN = "from staging" }

[[kv_namespaces]]
binding = "CACHE"
id = "1"
"""
    + HYPERDRIVE
)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[DevProcess]:
    project = write_project(tmp_path_factory.mktemp("project"), ENTRY, CONFIG)
    (project / ".dev.vars").write_text('SECRET="from .dev.vars"\n')
    (project / "src" / "other.py").write_text(ENTRY.replace('"hello"', '"hello from " + self.env.PLAIN'))
    environment = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    with DevProcess(project, "--var", "GIVEN:a:b", environment=environment) as dev:
        yield dev.ready()


def test_shows_the_bindings_without_the_password(dev: DevProcess, postgres: PostgresServer) -> None:
    row = dev.wait_for(r"env\.HYPERDRIVE .*app@127\.0\.0\.1")
    assert f":{postgres.port}/app" in row
    assert "off" in row
    assert "20 connections" in row
    assert "environment variable" in row
    dev.wait_for(
        r"^env\.HYPERDRIVE: the origin is from CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE\.$"
    )
    assert "60 s + 15 s stale" in row
    for password in PASSWORDS.values():
        assert password not in dev.output
    assert "postgresql://" not in dev.output


def test_says_which_variables_there_are_but_not_their_values(dev: DevProcess) -> None:
    assert "SECRET" in dev.wait_for(r"^Variables: ")
    assert "from .dev.vars" not in dev.output


def test_warns_about_a_binding_that_is_not_emulated(dev: DevProcess) -> None:
    dev.wait_for(r"WARNING.*env\.CACHE \(kv_namespaces\)")


def test_has_no_colours_or_hotkeys_off_a_terminal(dev: DevProcess) -> None:
    assert "\x1b" not in dev.output
    assert "[b]" not in dev.output


def test_gives_the_worker_its_variables(dev: DevProcess) -> None:
    assert dev.get("/vars").json() == ["from the file", "from .dev.vars", "a:b", 2]


def test_logs_a_request_with_its_queries(dev: DevProcess) -> None:
    since = dev.mark()
    assert dev.get("/query?page=1").json() == ["app", 42]
    assert "2 queries" in dev.wait_for(r"^GET /query 200 OK \(\d+ ms", since=since)


def test_shows_the_pool_at_the_origin(dev: DevProcess, postgres: PostgresServer) -> None:
    assert dev.get("/query").status_code == 200
    sql = """
        SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'Cloudflare Hyperdrive'
    """
    assert postgres.execute(sql) == [("app",)]


def test_prints_what_the_worker_prints_in_order_above_its_request(dev: DevProcess) -> None:
    since = dev.mark()
    assert dev.get("/print").text == "printed"
    dev.wait_for(r"^GET /print 200 OK", since=since)
    lines = dev.output.splitlines()[since:]
    assert lines[:3] == ["[worker] first", "[worker] second", "[worker] third"]
    assert lines[3].startswith("GET /print")


def test_shows_an_exception_with_its_place(dev: DevProcess) -> None:
    since = dev.mark()
    response = dev.get("/raise")
    assert response.status_code == 500
    dev.wait_for(r"^GET /raise 500 Internal Server Error", since=since)
    block = dev.output.splitlines()[since:]
    assert re.fullmatch(r"✘ \[ERROR\] LookupError: no such greeting \(src/entry\.py:\d+\)", block[0])
    assert block[1:3] == ["  HINT: say hello", "  Traceback (most recent call last):"]
    for text in (response.text, "\n".join(block)):
        assert text.count("no such greeting") == 1


def test_runs_the_scheduled_handler_when_asked(tmp_path: Path) -> None:
    entry = (
        "from workers import Response, WorkerEntrypoint\n"
        "class Default(WorkerEntrypoint):\n"
        "    async def scheduled(self, controller, env, ctx): print('ran', controller.cron)\n"
        "    async def fetch(self, request): return Response('fetched')\n"
    )
    project = write_project(tmp_path / "project", entry)
    with DevProcess(project, "--test-scheduled") as dev, DevProcess(project) as plain:
        for path, cron in (("/cdn-cgi/handler/scheduled", "1 * * * *"), ("/__scheduled", "2 * * * *")):
            assert dev.get(f"{path}?cron={cron.replace(' ', '+')}").status_code == 200
            dev.wait_for(rf"^\[worker\] ran {re.escape(cron)}$")
        assert plain.get("/cdn-cgi/handler/scheduled?cron=3").status_code == 200
        plain.wait_for(r"^\[worker\] ran 3$")
        assert plain.get("/__scheduled?cron=4").text == "fetched"


def test_takes_the_next_port_if_one_is_taken_and_the_environment_asked_for(dev: DevProcess) -> None:
    port = int(dev.url.rsplit(":", 1)[1])
    with DevProcess(dev.project, "--env", "staging", port=port) as other:
        line = other.wait_for(rf"^Port {port} is taken: listening on \d+")
        assert int(line.split()[-1].rstrip(".")) > port
        assert other.ready().url != dev.url
        assert other.get().text == "hello from from staging"
        other.wait_for("no Hyperdrive binding")
    assert dev.get().text == "hello"


def test_takes_a_connection_string_from_the_dotenv_file(tmp_path: Path, postgres: PostgresServer) -> None:
    project = write_project(tmp_path / "project", ENTRY, HYPERDRIVE)
    name = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
    (project / ".env").write_text(f'{name}="{postgres.dsn()}"\n')
    with DevProcess(project, "--log-level", "debug") as dev:
        assert dev.get("/query").json() == ["app", 42]
        dev.wait_for(r"^HYPERDRIVE \d+-\d+ \w+ .* SELECT current_user, 6 \* 7")
        assert postgres.user_password not in dev.output


def test_says_why_the_origin_cannot_be_reached(tmp_path: Path, postgres: PostgresServer) -> None:
    project = write_project(tmp_path / "project", ENTRY, HYPERDRIVE)
    name = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
    with DevProcess(project, environment={name: postgres.dsn(password="wrong")}) as dev:
        assert dev.get("/query").status_code == 500
        dev.wait_for(r"^✘ \[ERROR\] env.HYPERDRIVE: Server connection attempt failed: authentication_failed$")
        dev.wait_for(r'^  password authentication failed for user "app". Check user and password in CLOUDFLARE_')
