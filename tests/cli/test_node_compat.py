from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOML = """\
name = "app" # the name
compatibility_date = "2026-09-08"
compatibility_flags = ["python_workers"]

[env.staging]
name = "app-staging"
"""


def node_compat(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "wrangler_py", "node-compat", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "wrangler.toml"
    path.write_text(TOML)
    return path


def test_enable_and_disable(file: Path) -> None:
    assert "is off in wrangler.toml" in node_compat(file.parent, "status").stdout
    assert "Added the compatibility flag nodejs_compat" in node_compat(file.parent, "enable").stdout
    assert file.read_text() == TOML.replace('["python_workers"]', '["python_workers", "nodejs_compat"]')
    assert "is on in wrangler.toml: compatibility flag nodejs_compat" in node_compat(file.parent, "status").stdout
    assert "is already on" in node_compat(file.parent, "enable").stdout
    node_compat(file.parent, "disable")
    assert file.read_text() == TOML
    assert "is already off" in node_compat(file.parent, "disable").stdout


def test_enable_without_any_flags_adds_the_key_above_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_bytes(b'name = "app"\r\n\r\n[vars]\r\nA = 1')
    node_compat(tmp_path, "enable")
    added = b'name = "app"\r\ncompatibility_flags = ["nodejs_compat"]\r\n\r\n[vars]\r\nA = 1'
    assert path.read_bytes() == added


def test_legacy_is_set_and_then_replaced(file: Path) -> None:
    node_compat(file.parent, "enable")
    result = node_compat(file.parent, "enable", "--legacy")
    assert "Wrangler 4 refuses" in result.stderr
    assert "node_compat = true" in file.read_text()
    assert "nodejs_compat" not in file.read_text()
    result = node_compat(file.parent, "status")
    assert "the deprecated setting node_compat" in result.stdout
    assert "Wrangler 4 refuses" in result.stderr

    result = node_compat(file.parent, "enable")
    assert "Replaced node_compat with the compatibility flag nodejs_compat" in result.stdout
    assert "Wrangler 4 refuses" in result.stderr
    assert file.read_text() == TOML.replace('["python_workers"]', '["python_workers", "nodejs_compat"]')


def test_an_environment_of_its_own(file: Path) -> None:
    node_compat(file.parent, "enable", "-e", "staging")
    assert file.read_text() == TOML + 'compatibility_flags = ["python_workers", "nodejs_compat"]\n'
    assert (
        "is on in wrangler.toml (environment staging)"
        in node_compat(file.parent, "status", "--env", "staging").stdout
    )
    assert "is off in wrangler.toml" in node_compat(file.parent, "status").stdout


def test_jsonc_keeps_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.jsonc"
    path.write_text('{\n  // The name\n  "name": "app", // here\n  "node_compat": true\n}\n')
    node_compat(tmp_path, "enable")
    assert path.read_text() == (
        '{\n  // The name\n  "name": "app", // here\n  "compatibility_flags": ["nodejs_compat"]\n}\n'
    )
