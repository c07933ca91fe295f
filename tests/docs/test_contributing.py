"""The steps of CONTRIBUTING.md, followed in a copy of what git has; and whether lists are complete."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.dev_process import DevProcess

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sessions(text: str) -> list[tuple[list[str], list[str]]]:
    """The commands of the `console` blocks, each with the lines that it is to print."""
    found: list[tuple[list[str], list[str]]] = []
    for line in "".join(blocks(text, "console")).splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line[2:]), []))
        else:
            found[-1][1].append(line)
    return found


def assert_prints(printed: str, expected: list[str]) -> None:
    """`…` stands for anything, also for several lines."""
    pattern = ".*".join(map(re.escape, "\n".join(expected).split("…")))
    assert re.match(pattern, printed, re.DOTALL), printed


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that git has, as they are in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("needs the repository's list of files")
    copy = tmp_path / "clone"
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if name.startswith(("wrangler_py/", "templates/", "examples/hello/")) and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    return copy


def environment(clone: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(clone),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        "WRANGLER_PY_HOME": str(clone / "home"),
    }


def run(command: list[str], clone: Path) -> str:
    """What the command prints; `.venv/bin/wrangler-py` is this interpreter's, on the copy."""
    assert command[0] == ".venv/bin/wrangler-py"
    result = subprocess.run(
        [sys.executable, "-m", "wrangler_py", *command[1:]],
        cwd=clone,
        env=environment(clone),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in result.stderr, result.stderr
    return result.stdout


def apply(text: str, clone: Path) -> None:
    for patch in blocks(text, "diff"):
        subprocess.run(["git", "apply", "-"], cwd=clone, input=patch, text=True, check=True)


def test_a_reason_is_added(clone: Path) -> None:
    steps = section("Add a reason why a query is not cached")
    ((command, expected),) = sessions(steps)
    assert expected[-1] not in run(command, clone)
    apply(steps, clone)
    assert_prints(run(command, clone), expected)


def test_an_option_is_added_to_dev(clone: Path) -> None:
    steps = section("Add an option to `dev`")
    ((command, expected),) = sessions(steps)
    apply(steps, clone)
    assert "--greeting TEXT" in run([command[0], "dev", "--help"], clone)
    option = command[command.index("--greeting") :]
    with DevProcess(clone / "examples" / "hello", *option, environment={"PYTHONPATH": str(clone)}) as dev:
        dev.ready()
        dev.wait_for(re.escape(expected[-1]).replace("…", ".*"))
        assert_prints(dev.output, expected)


@pytest.mark.skipif(sys.platform == "win32", reason="the steps are for a Unix shell")
def test_a_template_is_added(clone: Path) -> None:
    steps = section("Add a template")
    (script,) = blocks(steps, "sh")
    subprocess.run(["sh", "-eu", "-c", script], cwd=clone, check=True)
    for command, expected in sessions(steps):
        assert_prints(run(command, clone), expected)


def sources() -> dict[str, str]:
    package = ROOT / "wrangler_py"
    return {
        path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")
    }


def test_the_page_on_configuration_has_every_variable() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    names = {
        name
        for text in sources().values()
        for name in re.findall(
            r'"((?:CLOUDFLARE|WRANGLER|HYPERDRIVE|DATABASE|PG[A-Z]*|XDG|NO|FORCE)_[A-Z_]+)"', text
        )
    }
    names -= {"NO_KEYWORD", "PG_VERSION", "PG_GRANDPARENT_PID"}  # a token, a file, a variable between two programs
    assert {"WRANGLER_PY_HOME", "NO_COLOR", "HYPERDRIVE_CONNECTION_STRING"} <= names
    assert {name for name in names if name not in page} == set()


def test_the_page_on_windows_has_every_branch() -> None:
    page = (ROOT / "docs" / "windows.md").read_text(encoding="utf-8")
    branching = {
        name for name, text in sources().items() if re.search(r'os\.name [!=]= "|platform [!=i]\S* .*"win32"', text)
    }
    assert len(branching) > 15
    assert {name for name in branching if f"`{name}`" not in page} == set()
