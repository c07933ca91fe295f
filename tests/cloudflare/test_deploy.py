from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine
from support.fake_cloudflare import FakeCloudflare
from support.node_packages import Node

URL = "postgres://app:s3cret@db.example.com:6432/shop"
PYTHON = """
name = "app"
main = "src/entry.py"
compatibility_date = "2026-09-08"
compatibility_flags = ["python_workers"]
"""
JAVASCRIPT = """
name = "app"
main = "src/index.js"
compatibility_date = "2026-04-01"
"""


def write(cli: CommandLine, config: str, id: str, code: str = "") -> None:
    main = "src/entry.py" if ".py" in config else "src/index.js"
    (cli.cwd / "src").mkdir(exist_ok=True)
    (cli.cwd / main).write_text(code or "export default { fetch() { return new Response('hi') } }")
    (cli.cwd / "pyproject.toml").write_text('[project]\nname = "app"\n')
    (cli.cwd / "wrangler.toml").write_text(f'{config}\n[[hyperdrive]]\nbinding = "DB"\nid = "{id}"\n')


@pytest.fixture
def pushed(cli: CommandLine, cloudflare: FakeCloudflare, account: str) -> str:
    """The id of the config `shop`, which is the same here and at Cloudflare."""
    cli.ok("hyperdrive", "create", "shop", "--no-check", "--connection-string", URL)
    cli.ok("hyperdrive", "push", "shop")
    return next(iter(cloudflare.configs[account]))


def findings(cli: CommandLine, *options: str, ok: bool, **environ: str) -> list[dict[str, Any]]:
    outcome = cli("check", "--json", *options, **environ)
    assert outcome.status == (0 if ok else 1), outcome.output
    document = outcome.json()
    assert document["ok"] is ok
    return list(document["findings"])


def test_check_finds_nothing_in_a_project_that_is_ready(cli: CommandLine, pushed: str) -> None:
    write(cli, PYTHON, pushed, "import json\n")
    assert findings(cli, ok=True) == []
    assert "No problems found" in cli.ok("check").stdout


def test_check_says_what_is_wrong_with_a_binding(cli: CommandLine, cloudflare: FakeCloudflare, pushed: str) -> None:
    write(cli, PYTHON, "0" * 32)
    (found,) = findings(cli, ok=False)
    assert found["message"] == f"no config has the id of the binding env.DB: {'0' * 32}"
    write(cli, PYTHON, "1" * 32)
    (found,) = findings(cli, ok=False)
    assert "has no Hyperdrive config with the id" in found["message"]
    cli.ok("hyperdrive", "create", "fresh", "--no-check", "--connection-string", URL)
    write(cli, PYTHON, cli.ok("hyperdrive", "get", "fresh").json()["id"])
    (found,) = findings(cli, ok=False)
    assert "`wrangler-py hyperdrive push DB`" in found["hint"]


def test_check_compares_the_config_with_the_local_one(cli: CommandLine, pushed: str) -> None:
    write(cli, PYTHON, pushed)
    cli.ok("hyperdrive", "update", "shop", "--no-check", "--database", "dev", "--max-age", "5")
    (found,) = findings(cli, ok=True)
    assert found["level"] == "warning"
    assert "origin.database is shop, here dev" in found["message"]
    assert "caching.max_age is 60, here 5" in found["message"]
    findings(cli, "--strict", ok=False)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('main = "src/entry.py"\ncompatibility_date = "2026-09-08"', "`python_workers` compatibility flag"),
        ('main = "src/entry.py"\ncompatibility_flags = ["python_workers"]', "no compatibility_date"),
        (PYTHON.replace("2026-09-08", "2026-01-01"), "cannot reach Hyperdrive"),
        ('main = "src/index.js"', "no compatibility_date"),
        (JAVASCRIPT + "node_compat = true", "wrangler 4 refuses"),
        (PYTHON.replace("src/entry.py", "src/missing.py"), "no such file"),
    ],
)
def test_check_of_the_config_file(cli: CommandLine, pushed: str, config: str, said: str) -> None:
    write(cli, config, pushed)
    assert any(said in each["message"] for each in findings(cli, "--offline", ok=False))


def test_check_finds_packages_without_a_build(cli: CommandLine, pushed: str) -> None:
    write(cli, PYTHON, pushed, "import uvloop\nimport termios\nimport httpx, psycopg\n")
    messages = [each["message"] for each in findings(cli, "--offline", ok=False)]
    assert len(messages) == 2, messages
    assert any("uvloop" in message for message in messages)
    assert any("termios" in message for message in messages)


def test_check_finds_drivers_that_are_too_old(cli: CommandLine, pushed: str) -> None:
    write(cli, JAVASCRIPT + 'compatibility_flags = ["nodejs_compat"]', pushed)
    package = cli.cwd / "node_modules" / "pg"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "8.11.4"}')
    (found,) = findings(cli, "--offline", ok=True)
    assert found["check"] == "drivers"
    findings(cli, "--offline", "--strict", ok=False)


def test_check_reports_findings_of_the_last_session(cli: CommandLine, pushed: str) -> None:
    write(cli, PYTHON, pushed)
    state = cli.cwd / ".wrangler" / "state"
    state.mkdir(parents=True)
    summary = {
        "version": 1,
        "ended_on": "2026-11-01T10:00:00+00:00",
        "bindings": {"DB": {"staleReads": 2}},
        "never_cached": [{"sql": "SELECT now()", "count": 9, "status": "volatile"}],
        "repeated": [{"sql": "SELECT name FROM t WHERE id = $1", "count": 30, "status": ""}],
        "most_connections": 7,
    }
    (state / "last-session.json").write_text(json.dumps(summary))
    found = findings(cli, "--offline", ok=True)
    text = "\n".join(each["message"] for each in found)
    assert len(found) == 4
    assert "2 stale reads" in text
    assert "9 times that is never cached (volatile): SELECT now()" in text
    assert "30 times in one request: SELECT name" in text
    assert "7 connections at once" in text
    (state / "last-session.json").write_text("{")
    assert findings(cli, "--offline", ok=True) == []


def test_check_without_a_login_fails(offline: CommandLine, cloudflare: FakeCloudflare) -> None:
    write(offline, PYTHON, "1" * 32)
    (found,) = findings(offline, ok=False)
    assert found["check"] == "account"
    assert "not logged in" in found["message"]


def fake_tool(cli: CommandLine, name: str, status: int = 0) -> Path:
    """Puts a program into the project's virtual environment that records how it was called."""
    folder = cli.cwd / ".venv" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    calls = cli.cwd / f"{name}.json"
    (folder / name).write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump([sys.argv[1:], os.environ.get('CLOUDFLARE_ACCOUNT_ID')], open({str(calls)!r}, 'w'))\n"
        f"sys.exit({status})\n"
    )
    (folder / name).chmod(0o755)
    return calls


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for pywrangler is a script")
@pytest.mark.skipif(shutil.which("node") is None, reason="pywrangler needs Node.js")
def test_deploy_of_a_python_worker_hands_over_to_pywrangler(cli: CommandLine, account: str, pushed: str) -> None:
    write(cli, PYTHON, pushed)
    fake_tool(cli, "uv")
    calls = fake_tool(cli, "pywrangler", status=7)
    outcome = cli("deploy", "--dry-run", "--minify", "--outdir", "out", "--", "--keep-vars")
    assert outcome.status == 7, outcome.output
    arguments, given_account = json.loads(calls.read_text())
    assert arguments == ["deploy", "--dry-run", "--minify", "--outdir", "out", "--keep-vars"]
    assert given_account == account


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for pywrangler is a script")
@pytest.mark.skipif(shutil.which("node") is None, reason="pywrangler needs Node.js")
def test_deploy_stops_at_a_problem(cli: CommandLine, pushed: str) -> None:
    write(cli, PYTHON, "1" * 32)
    fake_tool(cli, "uv")
    calls = fake_tool(cli, "pywrangler")
    assert "Nothing was deployed" in cli.fails("deploy")
    assert not calls.exists()
    cli.ok("deploy", "--ignore-problems")
    assert json.loads(calls.read_text())[0] == ["deploy"]


def deploy_twice(cli: CommandLine, cloudflare: FakeCloudflare, account: str, pushed: str, modules: Path) -> None:
    write(cli, JAVASCRIPT + 'compatibility_flags = ["nodejs_compat"]', pushed)
    (cli.cwd / "node_modules").symlink_to(modules, target_is_directory=True)
    dry = cli("deploy", "--dry-run", CI="1")
    assert dry.status == 0, dry.output
    assert cloudflare.scripts.deployed == {}
    for _ in range(2):  # the first time it is created, the second time it gets a new version
        outcome = cli("deploy", CI="1")
        assert outcome.status == 0, outcome.output
    metadata = cloudflare.scripts.deployed[account, "app"]
    assert {"name": "DB", "type": "hyperdrive", "id": pushed} in metadata["bindings"]


def test_deploy_with_the_real_wrangler(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, pushed: str, node_modules: Path
) -> None:
    deploy_twice(cli, cloudflare, account, pushed, node_modules)


def test_deploy_with_the_newest_wrangler(
    cli: CommandLine, cloudflare: FakeCloudflare, account: str, pushed: str, newest_node: Node
) -> None:
    cli.environ |= newest_node.environment
    deploy_twice(cli, cloudflare, account, pushed, newest_node.modules)
