"""The fixture `worker`: the project's Worker as an HTTP client."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.dev_process import HYPERDRIVE, write_project
from support.tested_project import TestedProject

ENTRY = """
import asyncio
import psycopg
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("asked for", request.url)
        if request.url.endswith("/broken"):
            raise RuntimeError("on purpose")
        with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as connection:
            if request.method == "POST":
                connection.execute("INSERT INTO notes (text) VALUES ('posted')")
            if request.url.endswith("/later"):
                self.ctx.waitUntil(self.later())
            rows = connection.execute("SELECT text FROM notes ORDER BY id").fetchall()
        return Response.json([text for (text,) in rows], headers={"set-cookie": "seen=1"})

    async def later(self):
        await asyncio.sleep(0.05)
        with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as connection:
            connection.execute("SELECT 'later'")
"""

SELECT = "SELECT text FROM notes ORDER BY id"

TESTS = f"""
SELECT = {SELECT!r}

def test_queries(worker, database):
    assert worker.get("/").json() == ["from the seed"]
    assert worker.cookies["seen"] == "1"
    with connect() as connection:
        connection.execute("SELECT 'of the test'")
    assert [query.sql for query in worker.last.queries] == [SELECT]
    worker.last.queries.assert_cached(SELECT)
    first = worker.last
    worker.get("/")
    assert worker.last.queries.by_status == {{"hit": 1}}
    assert len(first.queries) == 1

@pytest.mark.allow_stale_reads
def test_its_writes(worker, database):
    assert not worker.cookies
    assert worker.get("/").json() == ["from the seed"]
    assert worker.post("/").json() == ["from the seed"]
    assert worker.last.queries.stale
    assert database.execute("SELECT count(*) FROM notes") == [(2,)]

def test_a_fresh_database(worker, database, hyperdrive):
    assert worker.get("/").json() == ["from the seed"]
    hyperdrive.assert_query_count(1)

def test_what_runs_after_the_answer(worker, database):
    worker.get("/later")
    assert [query.sql for query in worker.last.queries] == [SELECT, "SELECT 'later'"]

def test_a_stale_read(worker, database):
    worker.get("/")
    worker.post("/")

def test_an_exception(worker):
    assert worker.get("/broken").status_code == 200
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_worker_in_python(project: TestedProject, workers: tuple[str, ...]) -> None:
    write_project(project.root, ENTRY, HYPERDRIVE)
    project.tests(TESTS)
    result = project.passes(*workers, passed=4, failed=2)
    output = result.stdout.str()
    assert "stale read: the answer from the cache" in output
    assert "RuntimeError: on purpose" in output
    assert "asked for" in output


def test_a_worker_that_cannot_load(project: TestedProject) -> None:
    write_project(project.root, "import missing_module\n", HYPERDRIVE)
    project.tests(
        """
def test_one(worker): ...
def test_two(worker): ...
def test_other(database): ...
"""
    )
    result = project.passes(passed=1, errors=2)
    output = result.stdout.str()
    assert (
        "The Worker cannot be loaded: src/entry.py:1: ModuleNotFoundError: No module named 'missing_module'"
        in output
    )
    assert "import missing_module" in output
    assert "wrangler_py/testing" not in output


def test_a_worker_that_ends_its_process(project: TestedProject) -> None:
    """It is started again, as by `dev`."""
    entry = ENTRY.replace('raise RuntimeError("on purpose")', "import os; os._exit(3)")
    write_project(project.root, entry, HYPERDRIVE)
    project.tests(
        """
import httpx

def test_it(worker):
    with pytest.raises(httpx.TransportError):
        worker.get("/broken")
    assert worker.get("/").status_code == 200
"""
    )
    project.passes(passed=1)


def test_a_project_without_a_worker(project: TestedProject) -> None:
    project.tests("def test_one(worker): ...")
    result = project.passes(errors=1)
    result.stdout.fnmatch_lines(
        ["There is no wrangler.toml in *, so there is no Worker to start.", "*`hyperdrive_config`*"]
    )


JAVASCRIPT = """
import pg from "pg";

export default {
  async fetch(request, env) {
    const client = new pg.Client({ connectionString: env.HYPERDRIVE.connectionString });
    await client.connect();
    try {
      const { rows } = await client.query("SELECT text FROM notes ORDER BY id");
      return Response.json(rows.map((row) => row.text));
    } finally {
      await client.end();
    }
  },
};
"""


@pytest.mark.parametrize("loads", [True, False])
def test_a_worker_in_javascript(project: TestedProject, node_modules: Path, loads: bool) -> None:
    (project.root / "node_modules").symlink_to(node_modules)
    project.write("package.json", '{"type": "module"}')
    project.write("src/index.js", JAVASCRIPT if loads else "import { nothing } from 'missing-module';\n")
    project.write(
        "wrangler.toml",
        'name = "app"\nmain = "src/index.js"\ncompatibility_date = "2025-09-01"\n'
        'compatibility_flags = ["nodejs_compat"]\n' + HYPERDRIVE,
    )
    project.tests(
        f"""
@pytest.mark.parametrize("number", range(2))
def test_it(worker, database, number):
    assert worker.get("/").json() == ["from the seed"]
    assert [query.sql for query in worker.last.queries] == [{SELECT!r}]
    with connect() as connection:
        connection.execute("INSERT INTO notes (text) VALUES ('mine')")
"""
    )
    if loads:
        project.passes(passed=2)
    else:
        result = project.passes(errors=2)
        assert "could not build it" in result.stdout.str()
        assert "missing-module" in result.stdout.str()
