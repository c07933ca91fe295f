"""`dev --runtime workerd`: a Python Worker on pywrangler. A stand-in plays it: Pyodide comes from the network."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from support.dev_process import HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PostgresServer

ENTRY = "from workers import WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n    pass\n"
PYPROJECT = '[project]\nname = "app"\nversion = "1"\n\n[dependency-groups]\ndev = ["workers-py"]\n'
VARIABLE = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
STAND_IN = f"""#!{sys.executable}
import json, os, sys
import psycopg

rows = []
if {VARIABLE!r} in os.environ:
    with psycopg.connect(os.environ[{VARIABLE!r}], autocommit=True) as connection:
        rows = connection.execute("SELECT 1 AS one").fetchall()
names = ("WRANGLER_SEND_METRICS", "WRANGLER_SEND_ERROR_REPORTS")
told = {{"arguments": sys.argv[1:], "cwd": os.getcwd(), "rows": rows}}
print(json.dumps(told | {{name: os.environ.get(name) for name in names}}), flush=True)
print("Ready on http://localhost:1", flush=True)
sys.exit(7)
"""


def stand_in(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    return folder


def environment(*folders: Path, **variables: str) -> dict[str, str]:
    return {"PATH": os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]), **variables}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "project", ENTRY, HYPERDRIVE)
    (root / "pyproject.toml").write_text(PYPROJECT)
    return root


def told(dev: DevProcess) -> dict[str, object]:
    told, _ = json.JSONDecoder().raw_decode(dev.wait_for('^{"arguments"'))  # a line of ours may follow at once
    assert isinstance(told, dict)
    return told


@pytest.fixture
def tools(tmp_path: Path, node: str) -> Path:
    """A folder with Node.js, and nothing else of what it is installed with."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "node").symlink_to(node)
    return folder


def test_pywrangler_runs_it_behind_the_local_hyperdrive(
    project: Path, tools: Path, postgres: PostgresServer
) -> None:
    variables = environment(stand_in(tools, "pywrangler", "uv"), **{VARIABLE: postgres.dsn()})
    options = ("--runtime", "workerd", "--test-scheduled", "--var", "A:b", "--log-level", "debug")
    with DevProcess(project, *options, environment=variables) as dev:
        answer = told(dev)
        assert dev.wait() == 7
        assert answer["arguments"] == [
            *("dev", "--port", "0", "--log-level", "debug", "--test-scheduled", "--var", "A:b"),
        ]
        assert answer["cwd"] == str(project)
        assert answer["rows"] == [[1]]
        assert answer["WRANGLER_SEND_METRICS"] == answer["WRANGLER_SEND_ERROR_REPORTS"] == "false"
        dev.wait_for("^HYPERDRIVE (miss|prepared)? ?.*SELECT 1 AS one")


def test_telemetry_that_the_person_turned_on(project: Path, tools: Path) -> None:
    variables = environment(stand_in(tools, "pywrangler", "uv"), WRANGLER_SEND_METRICS="true")
    with DevProcess(project, "--runtime", "workerd", environment=variables) as dev:
        assert told(dev)["WRANGLER_SEND_METRICS"] == "true"


def test_that_of_the_projects_environment_comes_first(project: Path, tools: Path) -> None:
    stand_in(project / ".venv" / "bin", "pywrangler")
    with DevProcess(project, "--runtime", "workerd", environment=environment(stand_in(tools, "uv"))) as dev:
        told(dev)
        assert dev.wait() == 7


def test_uv_runs_it_where_the_project_lists_it(project: Path, tools: Path) -> None:
    with DevProcess(project, "--runtime", "workerd", environment=environment(stand_in(tools, "uv"))) as dev:
        arguments = told(dev)["arguments"]
        assert isinstance(arguments, list)
        assert arguments[:3] == ["run", "pywrangler", "dev"]


def test_a_remote_binding_stays_here(project: Path, tools: Path) -> None:
    config = project / "wrangler.toml"
    config.write_text(config.read_text() + "remote = true\n")
    variables = environment(stand_in(tools, "pywrangler", "uv"))
    with DevProcess(project, "--runtime", "workerd", environment=variables) as dev:
        assert "--local" in told(dev)["arguments"]  # type: ignore[operator]


def test_what_to_install(project: Path, tools: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    for folder, named in ((nothing, "Node.js is not installed here"), (tools, "pip install uv workers-py")):
        variables = {"PATH": str(folder)}
        with DevProcess(project, "--runtime", "workerd", environment=variables) as dev:
            assert dev.wait() == 1
            assert named in dev.output
    (project / "pyproject.toml").unlink()
    with DevProcess(project, "--runtime", "workerd", environment={"PATH": str(tools)}) as dev:
        assert dev.wait() == 1
        assert "wants a pyproject.toml" in dev.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runtime", "workerd", "--strict"], "--strict is for Workers in Python on CPython"),
        (["--runtime", "workerd", "--no-reload"], "--no-reload is for Workers in Python on CPython"),
        (["--runtime", "wasm"], "'wasm' is not one of 'cpython', 'workerd'"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], message: str, project: Path) -> None:
    with DevProcess(project, *options) as dev:
        assert dev.wait() == 2
        assert message in dev.output
