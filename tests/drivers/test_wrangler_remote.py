"""`remote = true` on a Hyperdrive binding: wrangler never goes past the local Hyperdrive."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.dev_process import DevProcess, own_inspector
from support.postgres_server import PostgresServer
from support.wrangler_projects import COMPATIBLE, HYPERDRIVE_VARIABLE, Project, refusal

BINDING = """
[[hyperdrive]]
binding = "HYPERDRIVE"
id = "0123456789abcdef0123456789abcdef"
"""
REMOTE = BINDING + "remote = true\n"
KV = '[[kv_namespaces]]\nbinding = "CACHE"\nid = "1"\nremote = true\n'
AI = '[ai]\nbinding = "AI"\n'
WORKER = """
import postgres from "postgres"

export default {
  async fetch(request, env) {
    const sql = postgres(env.HYPERDRIVE.connectionString, { fetch_types: false })
    try {
      return Response.json(await sql`SELECT current_user AS "user"`)
    } finally {
      await sql.end()
    }
  },
}
"""


def config(*parts: str) -> str:
    return "".join((f'main = "index.js"\n{COMPATIBLE}', *parts))


def environment(postgres: PostgresServer) -> dict[str, str]:
    return {HYPERDRIVE_VARIABLE: postgres.dsn()}


def test_the_local_hyperdrive_is_used(project: Project, postgres: PostgresServer) -> None:
    root = project(config(REMOTE), index_js=WORKER)
    with DevProcess(root, *own_inspector(), environment=environment(postgres)) as dev:
        dev.wait_for("`remote = true` has no effect here: wrangler runs with --local, and env.HYPERDRIVE is")
        assert dev.ready().get().json() == [{"user": "app"}]
        dev.wait_for("^HYPERDRIVE .*current_user")


def test_remote_that_is_added_later(project: Project, postgres: PostgresServer) -> None:
    root = project(config(BINDING), index_js=WORKER)
    with DevProcess(root, *own_inspector(), environment=environment(postgres)) as dev:
        dev.ready()
        mark = dev.mark()
        (root / "wrangler.toml").write_text('name = "app"\n' + config(REMOTE))
        dev.wait_for("^Starting wrangler again", since=mark)
        dev.wait_for("wrangler runs with --local", since=mark)
        dev.wait_for("Ready on", since=mark)


@pytest.mark.parametrize(("other", "named"), [(KV, "env.CACHE"), (AI, "env.AI")])
def test_other_remote_bindings_are_not_disabled(other: str, named: str, project: Project) -> None:
    said = refusal(project(config(other, REMOTE), index_js=WORKER))
    assert f"disable {named}" in said
    assert "Remove `remote` from the binding HYPERDRIVE" in said


@pytest.mark.parametrize("options", [["--no-local"], ["--local=false"], ["--", "--local", "false"]])
def test_local_that_is_turned_off(options: list[str], project: Project) -> None:
    assert "--local, which prevents that, is off" in refusal(project(config(REMOTE), index_js=WORKER), *options)


@pytest.mark.parametrize("option", ["--remote", "--remote=true", "-r"])
def test_remote_mode_is_refused(option: str, project: Project) -> None:
    root = project(config(BINDING), index_js=WORKER)
    with DevProcess(root, *own_inspector(), option) as dev:
        assert dev.wait() == 2
        assert "--remote runs the Worker at Cloudflare" in dev.output


def test_pages_has_no_such_option(project: Project) -> None:
    root = project(f'pages_build_output_dir = "public"\n{COMPATIBLE}{REMOTE}', public__index_html="<p>Hello")
    assert "Remove `remote` from the binding HYPERDRIVE" in refusal(root)


def test_a_value_that_is_not_a_boolean(project: Project) -> None:
    root = project(config(BINDING, 'remote = "yes"\n'), index_js=WORKER)
    assert "`hyperdrive[0].remote` must be true or false" in refusal(root)


def test_a_python_worker_uses_the_local_hyperdrive(tmp_path: Path) -> None:
    from support.dev_process import write_project

    entry = "from workers import Response, WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n    pass\n"
    root = write_project(tmp_path / "python", entry, REMOTE)
    with DevProcess(root) as dev:
        dev.wait_for(r"wrangler.toml: `hyperdrive\[0\].remote` has no effect here: env.HYPERDRIVE uses the local")
        dev.ready()
