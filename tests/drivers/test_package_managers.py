"""Projects of other package managers than npm: `dev` runs and names what is theirs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from support.dev_process import DevProcess, own_inspector
from support.wrangler_projects import COMPATIBLE, Project

HELLO = "export default { fetch: () => new Response('hello') }"
CONFIG = f'main = "index.js"\n{COMPATIBLE}'
STAND_IN = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]), flush=True)
"""


def tool(folder: Path, name: str) -> str:
    """PATH with a stand-in for the program `name` in front."""
    folder.mkdir()
    (folder / name).write_text(STAND_IN)
    (folder / name).chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"]])


def test_yarn_runs_wrangler_where_it_alone_can_find_it(project: Project, tmp_path: Path) -> None:
    root = project(CONFIG, installed=False, index_js=HELLO, package_json="{}")
    (root / ".pnp.cjs").write_text("")
    with DevProcess(root, *own_inspector(), environment={"PATH": tool(tmp_path / "bin", "yarn")}) as dev:
        arguments = json.loads(dev.wait_for(r"^\["))
        assert arguments[:2] == ["wrangler", "dev"]
        assert dev.wait() == 0


def test_yarn_runs_the_dev_script_of_a_vite_project(project: Project, tmp_path: Path) -> None:
    package = {"scripts": {"dev": "vite"}, "devDependencies": {"@cloudflare/vite-plugin": "^1"}}
    root = project(CONFIG, installed=False, index_js=HELLO, package_json=json.dumps(package))
    (root / ".pnp.cjs").write_text("")
    with DevProcess(root, environment={"PATH": tool(tmp_path / "bin", "yarn")}) as dev:
        assert json.loads(dev.wait_for(r"^\[")) == ["run", "dev", "--port", "0"]


def test_yarn_that_is_not_installed(project: Project, tmp_path: Path, node: str) -> None:
    root = project(CONFIG, installed=False, index_js=HELLO, package_json="{}")
    (root / ".pnp.cjs").write_text("")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "node").symlink_to(node)
    with DevProcess(root, *own_inspector(), environment={"PATH": str(folder)}) as dev:
        assert dev.wait() == 1
        assert "This project is installed with yarn, which is not here." in dev.output
        assert "corepack enable" in dev.output


@pytest.mark.parametrize(
    ("lock_file", "commands"),
    [
        ("pnpm-lock.yaml", ("pnpm install", "pnpm add pg@^8.11.5")),
        ("yarn.lock", ("yarn install", "yarn add pg@^8.11.5")),
        ("bun.lock", ("bun install", "bun add pg@^8.11.5")),
    ],
)
def test_commands_in_the_words_of_the_project(
    lock_file: str, commands: tuple[str, str], project: Project, node_modules: Path
) -> None:
    root = project(CONFIG, installed=False, index_js=HELLO, package_json="{}")
    (root / lock_file).write_text("")
    with DevProcess(root, *own_inspector(), environment={"npm_config_offline": "true"}) as dev:
        assert dev.wait() == 1
        assert f"Install the project's packages: {commands[0]}" in dev.output
    modules = root / "node_modules"
    (modules / "pg").mkdir(parents=True)
    (modules / "pg" / "package.json").write_text(json.dumps({"name": "pg", "version": "8.11.4"}))
    (modules / ".bin").symlink_to(node_modules / ".bin", target_is_directory=True)
    with DevProcess(root, *own_inspector()) as dev:
        dev.wait_for(commands[1].replace("^", r"\^"))
