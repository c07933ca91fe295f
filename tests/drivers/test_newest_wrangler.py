"""The newest wrangler and Vite, on Node.js 22 or later: what matters most works there as on the older ones."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.dev_process import DEADLINE_S, DevProcess, own_inspector, wait_until_gone
from support.node_packages import Node
from support.postgres_server import PostgresServer, free_port
from support.wrangler_projects import COMPATIBLE, HYPERDRIVE_VARIABLE, VITE_CONFIG, Project

HYPERDRIVE = """
[[hyperdrive]]
binding = "HYPERDRIVE"
id = "0123456789abcdef0123456789abcdef"
"""
WORKER = """
import pg from "pg"
import postgres from "postgres"

export default {
  async fetch(request, env) {
    const connectionString = env.HYPERDRIVE.connectionString
    if (new URL(request.url).pathname === "/dropped") {
      const client = new pg.Client({ connectionString })
      await client.connect()
      client.on("error", () => {})
      client.query("SELECT repeat('x', 1000) FROM generate_series(1, 20000)").catch(() => {})
      await new Promise((resolve) => client.connection.once("dataRow", resolve))
      return new Response("dropped")
    }
    const sql = postgres(connectionString, { fetch_types: false })
    try {
      return Response.json(await sql`SELECT 1 AS one`)
    } finally {
      await sql.end()
    }
  },
}
"""
CONFIG = f'main = "index.js"\n{COMPATIBLE}{HYPERDRIVE}'
ROWS = [{"one": 1}]


def environment(newest_node: Node, postgres: PostgresServer) -> dict[str, str]:
    return {**newest_node.environment, HYPERDRIVE_VARIABLE: postgres.dsn()}


def package(**scripts: str) -> str:
    listed = {"vite": "^8", "@cloudflare/vite-plugin": "^1"}
    return json.dumps({"private": True, "type": "module", "scripts": scripts, "devDependencies": listed})


def vite_url(dev: DevProcess) -> str:
    found = re.search(r"http://\S+", re.sub(r"\x1b\[[0-9;]*m", "", dev.wait_for(r"Local\b.*http")))
    assert found is not None
    return found[0].rstrip("/")


@pytest.mark.parametrize("remote", ["", "remote = true\n"])
def test_wrangler(remote: str, project: Project, newest_node: Node, postgres: PostgresServer) -> None:
    root = project(CONFIG + remote, modules=newest_node.modules, index_js=WORKER)
    with DevProcess(root, *own_inspector(), environment=environment(newest_node, postgres)) as dev:
        url = dev.ready().url
        assert httpx.get(url, timeout=DEADLINE_S).json() == ROWS
        assert httpx.get(url, timeout=DEADLINE_S).json() == ROWS
        dev.wait_for("^HYPERDRIVE hit .*one")
        assert dev.get("/dropped").text == "dropped"
        with ThreadPoolExecutor(20) as threads:
            assert all(answer.json() == ROWS for answer in threads.map(lambda _: dev.get(), range(60)))
        family = dev.family()
        assert dev.interrupt() in (0, 130)
        wait_until_gone(family)


@pytest.mark.parametrize("scripts", [{"dev": "vite"}, {}])
def test_a_vite_project(
    scripts: dict[str, str], project: Project, newest_node: Node, postgres: PostgresServer
) -> None:
    root = project(
        CONFIG,
        modules=newest_node.modules,
        index_js=WORKER,
        vite_config_mjs=VITE_CONFIG,
        package_json=package(**scripts),
    )
    variables = environment(newest_node, postgres)
    with DevProcess(root, "--log-level", "debug", environment=variables, port=free_port()) as dev:
        url = vite_url(dev)
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda _: httpx.get(url, timeout=DEADLINE_S), range(60)))
        assert all(answer.json() == ROWS for answer in answers)
        dev.wait_for("^HYPERDRIVE hit .*one")
        family = dev.family()
        dev.process.terminate()
        assert dev.wait() in (0, 143)
        wait_until_gone(family)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--var", "A:b"], "Vite, which runs this Worker, does not take --var"),
        (["--debugger", "9229"], "does not take --debugger"),
        (["--test-scheduled"], "does not take --test-scheduled"),
        (["--strict"], "--strict is for Workers in Python"),
    ],
)
def test_options_that_vite_does_not_take(
    options: list[str], message: str, project: Project, newest_node: Node
) -> None:
    root = project(CONFIG, modules=newest_node.modules, index_js=WORKER, package_json=package(dev="vite"))
    with DevProcess(root, *options, environment=newest_node.environment) as dev:
        assert dev.wait() != 0
        assert message in dev.output


def test_vite_and_a_remote_binding(project: Project, newest_node: Node) -> None:
    root = project(
        CONFIG + "remote = true\n", modules=newest_node.modules, index_js=WORKER, package_json=package(dev="vite")
    )
    with DevProcess(root, environment=newest_node.environment) as dev:
        assert dev.wait() == 1
        assert "Remove `remote` from the binding HYPERDRIVE" in dev.output


def test_vite_that_is_not_installed(project: Project, tmp_path: Path) -> None:
    root = project(CONFIG, installed=False, index_js=WORKER, package_json=package(dev="vite"))
    (root / "pnpm-lock.yaml").write_text("")
    with DevProcess(root) as dev:
        assert dev.wait() == 1
        assert "Vite, which runs this Worker, is not installed here." in dev.output
        assert "pnpm install" in dev.output
