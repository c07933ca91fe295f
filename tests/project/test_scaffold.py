from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.errors import WranglerError
from wrangler_py.project import scaffold
from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.node_drivers import MINIMUM_VERSIONS

TEMPLATES = [template.name for template in scaffold.templates()]
PYTHON = [name for name in TEMPLATES if not scaffold.template(name).uses_npm]
TYPESCRIPT = [name for name in TEMPLATES if scaffold.template(name).uses_npm]


def test_the_default_template_comes_first() -> None:
    assert TEMPLATES[0] == scaffold.DEFAULT_TEMPLATE == "python-psycopg"
    assert TEMPLATES[1:] == sorted(set(PYTHON) - {"python-psycopg"}) + sorted(TYPESCRIPT)
    assert sorted(TYPESCRIPT) == ["drizzle", "kysely", "node-postgres", "postgres-js"]


@pytest.mark.parametrize("name", PYTHON)
def test_a_template_makes_a_complete_project(name: str, tmp_path: Path) -> None:
    template = scaffold.template(name)
    files = scaffold.scaffold(template, tmp_path / "shop-2", "shop-2")
    root = tmp_path / "shop-2"
    tables = "src/guestbook/migrations/0001_initial.py" if name == "python-django" else "schema.sql"
    expected = {"wrangler.toml", "src/entry.py", tables, "README.md", "pyproject.toml", ".gitignore"}
    assert expected <= {file.as_posix() for file in files}
    assert all((root / file).is_file() for file in files)

    section = ConfigFile.find(root).section()
    assert ConfigFile.find(root).data["name"] == "shop-2"
    assert section.compatibility_flags == ("python_workers",)
    assert section.compatibility_date is not None
    assert section.compatibility_date >= "2026-09-08"
    assert [(b.binding, len(b.id)) for b in section.hyperdrive] == [("HYPERDRIVE", 32)]
    assert section.main is not None
    ast.parse((root / section.main).read_text())

    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["name"] == "shop-2"
    assert template.dependencies
    assert "workers-py" in project["dependency-groups"]["dev"]
    assert not any(scaffold.DEFAULT_NAME in (root / file).read_text() for file in files)


@pytest.mark.parametrize("name", TYPESCRIPT)
def test_a_template_in_typescript_makes_a_complete_project(name: str, tmp_path: Path) -> None:
    root = tmp_path / "shop-2"
    files = scaffold.scaffold(scaffold.template(name), root, "shop-2")
    expected = {"wrangler.toml", "src/index.ts", "schema.sql", "README.md", "package.json", "tsconfig.json"}
    assert expected | {".gitignore"} <= {file.as_posix() for file in files}
    section = ConfigFile.find(root).section()
    assert ConfigFile.find(root).data["name"] == "shop-2"
    assert section.compatibility_flags == ("nodejs_compat",)
    assert [(b.binding, len(b.id)) for b in section.hyperdrive] == [("HYPERDRIVE", 32)]
    package = json.loads((root / "package.json").read_text())
    assert package["name"] == "shop-2"
    assert "wrangler" in package["devDependencies"]
    lower = {driver: re.findall(r"[\d.]+", bounds)[0] for driver, bounds in package["dependencies"].items()}
    assert lower == {driver: MINIMUM_VERSIONS[driver] for driver in lower}
    assert not any(scaffold.DEFAULT_NAME in (root / file).read_text() for file in files)


def test_an_unknown_template_names_the_known_ones() -> None:
    with pytest.raises(WranglerError) as caught:
        scaffold.template("rust")
    assert "python-psycopg" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a b", "a/b", "..", "ü", "a" * 64, "a\n"])
def test_an_invalid_worker_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(WranglerError, match="is not a valid Worker name"):
        scaffold.scaffold(scaffold.template("python-psycopg"), tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


@given(st.text())
def test_a_suggested_name_is_always_valid(text: str) -> None:
    scaffold.check_name(scaffold.suggest_name(text))


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(WranglerError, match="is not empty"):
        scaffold.scaffold(scaffold.template("python-psycopg"), tmp_path, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_fresh_git_repository_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    scaffold.scaffold(scaffold.template("python-psycopg"), tmp_path, "x")
    assert (tmp_path / "wrangler.toml").exists()
