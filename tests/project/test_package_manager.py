from __future__ import annotations

import json
from pathlib import Path

import pytest

from wrangler_py.project.package_manager import package_manager


@pytest.mark.parametrize(
    ("file", "install", "add", "run", "execute"),
    [
        ("package-lock.json", "npm install", "npm install pg@1", "npm run dev --", "npx vite"),
        ("pnpm-lock.yaml", "pnpm install", "pnpm add pg@1", "pnpm run dev", "pnpm exec vite"),
        ("yarn.lock", "yarn install", "yarn add pg@1", "yarn run dev", "yarn vite"),
        ("bun.lock", "bun install", "bun add pg@1", "bun run dev", "bunx vite"),
        ("README.md", "npm install", "npm install pg@1", "npm run dev --", "npx vite"),
    ],
)
def test_its_own_words(file: str, install: str, add: str, run: str, execute: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("")
    project = tmp_path / "apps" / "web"
    project.mkdir(parents=True)
    (project / "package.json").write_text("{}")
    manager = package_manager(project)
    assert manager.install == install
    assert manager.add("pg@1") == add
    assert " ".join(manager.run("dev")) == run
    assert " ".join(manager.execute("vite")) == execute
    assert not manager.plug_and_play


@pytest.mark.parametrize("development", ["npm --save-dev", "pnpm --save-dev", "yarn --dev", "bun --dev"])
def test_a_package_for_development(development: str, tmp_path: Path) -> None:
    name, option = development.split()
    (tmp_path / "package.json").write_text(json.dumps({"packageManager": f"{name}@9.1.0+sha256.abc"}))
    verb = "install" if name == "npm" else "add"
    assert package_manager(tmp_path).add("wrangler", development=True) == f"{name} {verb} {option} wrangler"


def test_what_package_json_says_comes_before_lock_files(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("")
    (tmp_path / "package.json").write_text(json.dumps({"packageManager": "pnpm@9"}))
    assert package_manager(tmp_path).name == "pnpm"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"packageManager": 1}', '{"packageManager": "cargo@1"}'])
def test_a_package_json_that_does_not_say(text: str, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(text)
    assert package_manager(tmp_path).name == "npm"


def test_the_nearest_folder_decides_and_a_repository_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").write_text("")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    assert package_manager(repository).name == "npm"
    assert package_manager(tmp_path).name == "yarn"


def test_plug_and_play(tmp_path: Path) -> None:
    (tmp_path / ".pnp.cjs").write_text("")
    assert package_manager(tmp_path).plug_and_play
