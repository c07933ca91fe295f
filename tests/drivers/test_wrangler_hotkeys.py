"""Keys typed while wrangler or Vite has the terminal: ours are taken out, theirs go on working."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import pytest
from support.dev_process import DEADLINE_S
from support.node_packages import Node
from support.postgres_server import PostgresServer, free_port
from support.wrangler_projects import (
    COMPATIBLE,
    HYPERDRIVE_VARIABLE,
    VITE_CONFIG,
    Project,
    ends_well,
    in_terminal,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses a pseudo-terminal")

CONFIG = f"""main = "index.js"
{COMPATIBLE}
[[hyperdrive]]
binding = "HYPERDRIVE"
id = "0123456789abcdef0123456789abcdef"
"""
WORKER = """
import postgres from "postgres"

export default {
  async fetch(request, env) {
    const sql = postgres(env.HYPERDRIVE.connectionString, { fetch_types: false })
    try {
      return Response.json(await sql`SELECT 1 AS one`)
    } finally {
      await sql.end()
    }
  },
}
"""


@pytest.fixture(params=["oldest", "newest"])
def child(request: pytest.FixtureRequest, project: Project, newest_node: Node, postgres: PostgresServer) -> Any:
    """wrangler in a terminal, until its list of keys is there and it is ready."""
    environment = {HYPERDRIVE_VARIABLE: postgres.dsn(), "NO_COLOR": "1"}
    modules = {}
    if request.param == "newest":
        environment |= newest_node.environment
        modules["modules"] = newest_node.modules
    child = in_terminal(project(CONFIG, index_js=WORKER, **modules), environment)
    child.expect("clear cache")
    yield child
    child.close(force=True)


def ready(child: Any) -> str:
    child.expect(r"Ready on (http://\S+)")
    return str(child.match[1])


def test_c_clears_the_cache(child: Any) -> None:
    url = ready(child)
    for status in ("miss", "hit"):
        httpx.get(url, timeout=DEADLINE_S)
        child.expect(f"HYPERDRIVE {status}")
    child.send("c")
    child.expect("Cleared 1 cached answer")
    httpx.get(url, timeout=DEADLINE_S)
    child.expect("HYPERDRIVE miss")
    child.send("x")
    ends_well(child)


def test_wranglers_own_keys_and_those_that_are_refused(child: Any) -> None:
    ready(child)
    child.send("l")
    child.expect("The key l is disabled")
    child.send("C")
    child.expect(r"\x1b\[(3J|2J|H|0f|0J)")  # wrangler clears the screen
    child.send("\x1b[A")  # no key of anybody's
    child.send("q")
    ends_well(child)


def test_ctrl_c(child: Any) -> None:
    ready(child)
    child.sendintr()
    ends_well(child)


def test_the_terminal_is_as_it_was(child: Any) -> None:
    import termios

    import pexpect

    ready(child)
    flags = termios.tcgetattr(child.child_fd)[3]
    assert not flags & (termios.ICANON | termios.ECHO | termios.ISIG)
    child.send("x")
    child.expect(pexpect.EOF)
    flags = termios.tcgetattr(child.child_fd)[3]
    assert all(flags & flag for flag in (termios.ICANON, termios.ECHO, termios.ISIG))


def test_prompts_get_every_key(project: Project) -> None:
    """Before wrangler is ready, keys are answers."""
    root = project('main = "index.js"\ncompatibility_date = "2026-04-01"\nnode_compat = true\n', index_js=WORKER)
    child = in_terminal(root)
    child.expect("Replace it with")
    child.sendline("n")
    child.expect("node_compat")
    child.close(force=True)


def test_vite(project: Project, newest_node: Node, postgres: PostgresServer) -> None:
    package = """{"private": true, "type": "module", "scripts": {"dev": "vite"},
        "devDependencies": {"vite": "^8", "@cloudflare/vite-plugin": "^1"}}"""
    root = project(
        CONFIG,
        modules=newest_node.modules,
        index_js=WORKER,
        package_json=package,
        vite_config_mjs=VITE_CONFIG,
    )
    variables = {**newest_node.environment, HYPERDRIVE_VARIABLE: postgres.dsn(), "NO_COLOR": "1"}
    child = in_terminal(root, variables, "--port", str(free_port()))
    child.expect(r"Local:\s+(http://\S+)")
    url = str(child.match[1])
    child.expect("clear cache")
    for status in ("miss", "hit"):
        assert httpx.get(url, timeout=DEADLINE_S).json() == [{"one": 1}]
        child.expect(f"HYPERDRIVE {status}")
    child.send("c")
    child.expect("Cleared 1 cached answer")
    child.sendline("q")  # Vite's own
    ends_well(child)
