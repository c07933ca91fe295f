"""The templates in TypeScript as a person gets them: `init`, `dev` on the real wrangler, requests."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.command_line import CommandLine
from support.dev_process import DEADLINE_S, DevProcess, dev_environment, own_inspector, wait_until_gone
from support.postgres_server import PostgresServer

from wrangler_py.devserver.wrangler_command import QUIET
from wrangler_py.project import scaffold

TEMPLATES = [template.name for template in scaffold.templates() if template.uses_npm]
POOL_SIZE = 5
SIGNED = {"error": "A guest of that name has signed already"}


@pytest.fixture(scope="module", params=TEMPLATES)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, node_modules: Path) -> Path:
    root = tmp_path_factory.mktemp(request.param) / "guest-book"
    scaffold.scaffold(scaffold.template(request.param), root, "guest-book")
    (root / "node_modules").symlink_to(node_modules, target_is_directory=True)
    return root


@pytest.fixture(scope="module")
def dev(project: Path, postgres: PostgresServer) -> Iterator[DevProcess]:
    """The template running on a pool of five connections to the test server."""
    schema = (project / "schema.sql").read_text()
    postgres.execute(schema, user=postgres.user)
    cli = CommandLine(project / "home", project)
    limits = ("--origin-connection-limit", str(POOL_SIZE))
    cli.ok("hyperdrive", "create", "guests", "--embedded", *limits)
    cli.ok("hyperdrive", "bind", "guests", "--replace")
    environment = {"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE": postgres.dsn()}
    with DevProcess(project, *own_inspector(), environment=environment) as running:
        running.ready()
        yield running
    postgres.execute("DROP TABLE guests", user=postgres.user)


def names(dev: DevProcess) -> list[str]:
    return [guest["name"] for guest in dev.get().json()["guests"]]


def test_it_is_sound_typescript(project: Path, node: str) -> None:
    compiler = project / "node_modules" / "typescript" / "bin" / "tsc"
    result = subprocess.run([node, str(compiler)], cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_it_deploys_unchanged(project: Path) -> None:
    """As far as wrangler goes without an account."""
    wrangler = project / "node_modules" / ".bin" / "wrangler"
    environment = dev_environment(project / "home", QUIET)
    result = subprocess.run(
        [str(wrangler), "deploy", "--dry-run", "--outdir", str(project / "home" / "out")],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "env.HYPERDRIVE" in result.stdout
    assert "WARNING" not in result.stderr


def test_read_insert_transaction_and_errors(dev: DevProcess, postgres: PostgresServer) -> None:
    assert names(dev) == ["Ada Lovelace", "Grace Hopper", "Michael Stonebraker"]
    client = httpx.Client(base_url=dev.url, timeout=DEADLINE_S)
    post = client.post
    answer = post("/", json={"name": "Edgar Codd"})
    assert (answer.status_code, answer.json()["guest"]["name"]) == (201, "Edgar Codd")
    answer = post("/", json={"name": "Edgar Codd"})
    assert (answer.status_code, answer.json()) == (409, SIGNED)
    answer = post("/party", json={"names": ["Peter Chen", "Jim Gray"]})
    assert (answer.status_code, [guest["name"] for guest in answer.json()["guests"]]) == (
        201,
        ["Peter Chen", "Jim Gray"],
    )
    answer = post("/party", json={"names": ["Nobody", "Jim Gray"]})
    assert (answer.status_code, answer.json()) == (409, SIGNED)
    assert postgres.execute("SELECT count(*) FROM guests WHERE name = 'Nobody'", user="app") == [(0,)]
    for content in ("", "[1", "null", '{"name": 1}', '{"name": " "}'):
        assert post("/", content=content).status_code == 400
    assert dev.get("/elsewhere").status_code == 404
    client.close()


def test_a_read_is_answered_from_the_cache(dev: DevProcess) -> None:
    names(dev)
    names(dev)
    dev.wait_for(r"^HYPERDRIVE hit .*guests")


def test_many_requests_on_a_small_pool(dev: DevProcess, postgres: PostgresServer) -> None:
    most = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, postgres.connections())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with httpx.Client(base_url=dev.url, timeout=DEADLINE_S) as client, ThreadPoolExecutor(50) as threads:
        signed = threads.map(
            lambda n: client.post("/party", json={"names": [f"A {n}", f"B {n}"]}).status_code, range(50)
        )
        assert list(signed) == [201] * 50
    done.set()
    watcher.join()
    assert 1 <= most <= POOL_SIZE
    assert postgres.execute("SELECT count(*) FROM guests WHERE name LIKE 'A %'", user="app") == [(50,)]


def test_connections_are_identified_as_hyperdrives(dev: DevProcess, postgres: PostgresServer) -> None:
    dev.get()
    rows = postgres.execute(
        "SELECT DISTINCT usename, application_name FROM pg_stat_activity"
        " WHERE application_name = 'Cloudflare Hyperdrive'"
    )
    assert rows == [(postgres.user, "Cloudflare Hyperdrive")]


def test_it_ends_with_all_it_started(dev: DevProcess) -> None:
    family = dev.family()
    assert dev.interrupt() in (0, 130)
    wait_until_gone(family)
