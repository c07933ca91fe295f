"""The tests run the build that they are meant to: the source, or the compiled one with `scripts/test-compiled`."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from wrangler_py import __version__
from wrangler_py.build_kind import is_compiled

BUILD = os.environ.get("WRANGLER_PY_TEST_BUILD", "pure Python")
ROOT = Path(__file__).resolve().parents[1]


def test_this_process_has_the_build_that_is_tested() -> None:
    assert is_compiled() == (BUILD == "compiled")


def test_the_command_has_the_build_that_is_tested() -> None:
    program = Path(sysconfig.get_path("scripts")) / "wrangler-py"
    result = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"wrangler-py {__version__} ({BUILD})\n"


@pytest.mark.skipif(BUILD == "compiled", reason="builds from the source")
def test_a_wheel_is_pure_python_unless_asked(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "WRANGLER_PY_COMPILE"}
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.endswith((".so", ".pyd"))]
