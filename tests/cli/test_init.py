from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def init(folder: Path, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wrangler_py", "init", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", **environ},
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_without_a_terminal_the_defaults_are_taken(tmp_path: Path) -> None:
    result = init(tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Created my-worker from the template python-psycopg" in result.stdout
    assert "cd my-worker\n" in result.stdout
    assert "wrangler-py dev" in result.stdout
    assert "import psycopg" in (tmp_path / "my-worker" / "src" / "entry.py").read_text()


def test_name_and_template_are_used(tmp_path: Path) -> None:
    result = init(tmp_path, "shop", "--template", "python-pg8000", "-y")
    assert result.returncode == 0, result.stderr
    assert 'name = "shop"' in (tmp_path / "shop" / "wrangler.toml").read_text()
    assert "import pg8000" in (tmp_path / "shop" / "src" / "entry.py").read_text()


def test_this_folder_and_folders_elsewhere(tmp_path: Path) -> None:
    here = tmp_path / "My Shop"
    here.mkdir()
    result = init(here, ".")
    assert result.returncode == 0, result.stderr
    assert 'name = "my-shop"' in (here / "wrangler.toml").read_text()
    assert "cd " not in result.stdout
    assert init(here, tmp_path / "apps" / "two").returncode == 0
    assert 'name = "two"' in (tmp_path / "apps" / "two" / "wrangler.toml").read_text()
    assert init(here, "three", "--cwd", str(tmp_path)).returncode == 0
    assert (tmp_path / "three" / "wrangler.toml").exists()


def test_templates_are_listed(tmp_path: Path) -> None:
    result = init(tmp_path, "--list-templates")
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert {"python-fastapi", "python-pg8000", "python-psycopg", "python-sqlalchemy"} <= set(names)
    assert {"drizzle", "kysely", "node-postgres", "postgres-js"} <= set(names)
    assert names[0] == "python-psycopg"
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_npm_install_is_left_to_the_user(tmp_path: Path) -> None:
    result = init(tmp_path, "shop", "--template", "postgres-js")
    assert result.returncode == 0, result.stderr
    assert "   cd shop\n   npm install\n" in result.stdout
    assert not (tmp_path / "shop" / "node_modules").exists()


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_packages_of_npm_are_installed_with_yes(tmp_path: Path) -> None:
    # npm reads its options from such variables: with these it only says what it would do.
    result = init(
        tmp_path, "shop", "--template", "kysely", "-y", npm_config_dry_run="true", npm_config_offline="true"
    )
    assert result.returncode == 0, result.stderr
    assert "Running `npm install`, which downloads" in result.stdout
    assert (tmp_path / "shop" / "package.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["taken"], "is not empty"),
        (["file"], "is a file"),
        (["Bad_Name"], "such as 'bad-name'"),
        (["new", "--template", "cobol"], "There is no template 'cobol'"),
    ],
)
def test_an_impossible_command_writes_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("")
    result = init(tmp_path, *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith("✘ [ERROR] ")
    assert message in result.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine.txt", "taken"]


def on_terminal(folder: Path, *arguments: str, **environ: str) -> Any:
    """`init` in a terminal of its own, as pexpect's `spawn`."""
    import pexpect

    environ = {**os.environ, "NO_COLOR": "1", "PYTHONUTF8": "1", **environ}
    environ.pop("CI", None)
    command = ["-m", "wrangler_py", "init", *arguments]
    return pexpect.spawn(
        sys.executable, command, cwd=str(folder), env=environ, encoding="utf-8", timeout=60, dimensions=(40, 120)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pseudo-terminal")
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
@pytest.mark.parametrize(("answer", "installs"), [("", True), ("y", True), ("n", False)])
def test_the_user_is_asked_before_npm_install(answer: str, installs: bool, tmp_path: Path) -> None:
    import pexpect

    child = on_terminal(
        tmp_path, "shop", "--template", "postgres-js", npm_config_dry_run="true", npm_config_offline="true"
    )
    child.expect("Run `npm install` now")
    child.sendline(answer)
    child.expect("Next:")
    assert ("Running `npm install`" in child.before) is installs
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pseudo-terminal")
def test_the_user_is_asked(tmp_path: Path) -> None:
    import pexpect

    child = on_terminal(tmp_path)
    child.expect("name of the project")
    child.sendline("asked")
    child.expect("Which template")
    child.sendline("python-pg8000")
    child.expect("Created asked")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "pg8000" in (tmp_path / "asked" / "pyproject.toml").read_text()


def test_the_wheel_carries_the_package_with_the_templates_and_nothing_else(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "site"
    left_behind = shutil.ignore_patterns("__pycache__", "node_modules", ".wrangler", ".dev.vars")
    for folder in ("wrangler_py", "templates"):
        shutil.copytree(ROOT / folder, source / folder, ignore=left_behind)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source)
    files = [path.relative_to(source) for path in source.glob("*/**/*") if path.is_file()]
    (source / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "compile_hook.py", source / "scripts")
    expected = {re.sub("^templates/", "wrangler_py/_templates/", path.as_posix()) for path in files}
    assert {"wrangler_py/py.typed", "wrangler_py/devserver/hyperdrive_sockets.cjs"} < expected
    for name in (".dev.vars", ".wrangler/state/x", "node_modules/pg/package.json", "src/__pycache__/entry.pyc"):
        (source / "templates" / "drizzle" / name).parent.mkdir(parents=True, exist_ok=True)
        (source / "templates" / "drizzle" / name).write_text("a template was run in place")

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected

    work = tmp_path / "work"
    work.mkdir()
    script = "import wrangler_py; print(wrangler_py.__file__); from wrangler_py.cli.app import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", script, "init", "demo"],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(target), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(target))
    made = {path.relative_to(work / "demo").as_posix() for path in (work / "demo").rglob("*") if path.is_file()}
    assert made == {".gitignore", "README.md", "pyproject.toml", "schema.sql", "src/entry.py", "wrangler.toml"}
    shutil.rmtree(target)
