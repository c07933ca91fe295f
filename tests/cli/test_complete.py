"""Completion in a shell: bash runs the script, the others are asked as their scripts ask."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import CommandLine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def complete(cli: CommandLine, line: str) -> list[str]:
    words = line.split(" ")
    outcome = cli.ok(
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
        _WRANGLER_PY_COMPLETE="complete_bash",
        PYTHONWARNINGS="error",
    )
    assert outcome.stderr == ""
    return outcome.stdout.split()


@pytest.fixture
def project(cli: CommandLine) -> CommandLine:
    cli.ok("hyperdrive", "create", "my-db", "--embedded")
    (cli.cwd / "wrangler.toml").write_text('[[hyperdrive]]\nbinding = "MAIN"\nid = "x"\n')
    return cli


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("wrangler-py hyp", ["hyperdrive"]),
        ("wrangler-py node-compat ", ["status", "enable", "disable"]),
        ("wrangler-py dev --test", ["--test-scheduled"]),
        ("wrangler-py dev --env", ["--env", "--env-file"]),
        ("wrangler-py dev --runtime ", ["cpython", "workerd"]),
        ("wrangler-py --cwd . hyperdrive unb", ["unbind"]),
        ("wrangler-py nonsense --", []),
        ("wrangler-py hyperdrive nonsense --envi", []),
        ("wrangler-py hyperdrive get ", ["MAIN", "my-db"]),
        ("wrangler-py hyperdrive execute m", ["my-db"]),
        ("wrangler-py hyperdrive proxy M", ["MAIN"]),
        ("wrangler-py --cwd .. hyperdrive get ", ["my-db"]),
    ],
)
def test_completions(project: CommandLine, line: str, completions: list[str]) -> None:
    assert complete(project, line) == completions


def test_a_broken_config_file_completes_nothing_and_says_nothing(project: CommandLine) -> None:
    (project.cwd / "wrangler.toml").write_text("[")
    assert complete(project, "wrangler-py hyperdrive get ") == []


def test_bash_completes_with_the_script(project: CommandLine, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    program = tmp_path / "bin" / "wrangler-py"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wrangler_py "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(wrangler-py complete bash)"; COMP_WORDS=(wrangler-py hyperdrive get my) COMP_CWORD=3; '
        '_wrangler_py_completion wrangler-py; echo "${COMPREPLY[@]}"'
    )
    environ = {**project.environ, "PATH": f"{program.parent}:/usr/bin:/bin"}
    result = subprocess.run(
        [bash, "-c", script], capture_output=True, text=True, env=environ, cwd=project.cwd, check=True
    )
    assert (result.stdout, result.stderr) == ("my-db\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_has_a_script(cli: CommandLine, shell: str) -> None:
    script = cli.ok("complete", shell).stdout
    assert f"complete_{shell}" in script
    assert "_WRANGLER_PY_COMPLETE" in script


def test_an_unknown_shell_is_refused(cli: CommandLine) -> None:
    outcome = cli("complete", "tcsh")
    assert outcome.status == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish', 'powershell'." in outcome.stderr
