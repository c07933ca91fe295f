"""The build command of the config file, which `wrangler-py dev` runs before the Worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.dev_process import DevProcess, write_project

ENTRY = """
from workers import Response, WorkerEntrypoint
from built import TEXT

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(TEXT)
"""
BUILD = """
[build]
command = "{command}"
watch_dir = "words"

[assets]
directory = "public"
"""
SCRIPT = """
mkdir -p public
cp words/page.html public/page.html
echo "TEXT = '$(cat words/text)'" > src/built.py
echo run >> runs
"""


def project_in(root: Path, command: str = "sh build.sh") -> Path:
    write_project(root, ENTRY, BUILD.format(command=command))
    (root / "build.sh").write_text(SCRIPT)
    (root / "words").mkdir()
    (root / "words" / "text").write_text("first")
    (root / "words" / "page.html").write_text("a page")
    return root


def test_the_command_makes_what_the_worker_needs(tmp_path: Path) -> None:
    project = project_in(tmp_path / "project")
    with DevProcess(project) as dev:
        dev.ready()
        assert dev.get().text == "first"
        assert dev.get("/page").text == "a page"
        (project / "words" / "text").write_text("second")
        dev.wait_until_answers("second")
        (project / "words" / "page.html").write_text("another page")
        dev.wait_until_answers("another page", "/page")
        assert dev.output.count("Running the build command: sh build.sh") == 3
    assert (project / "runs").read_text().split() == ["run"] * 3


def test_a_command_that_fails_keeps_the_worker_that_there_is(tmp_path: Path) -> None:
    project = project_in(tmp_path / "project", "sh build.sh && grep -v wrong words/text")
    with DevProcess(project) as dev:
        dev.ready()
        (project / "words" / "text").write_text("wrong")
        dev.wait_for(r"The build command failed with exit status 1")
        (project / "words" / "text").write_text("right")
        dev.wait_until_answers("right")


def test_a_misspelt_key_is_reported(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", ENTRY, '\n[build]\ncomand = "true"\n')
    (project / "src" / "built.py").write_text("TEXT = 'there'")
    with DevProcess(project) as dev:
        dev.ready()
        assert "there is no key `build.comand`. Did you mean `build.command`?" in " ".join(dev.output.split())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            'command = "echo no reason; exit 7"',
            "The build command failed with exit status 7: echo no reason; exit 7",
        ),
        ('command = "true"\ncwd = "nowhere"', "`build.cwd` is nowhere, and there is no such folder"),
        ("command = 1", "`build.command` must be"),
        ('command = "true"\nwatch_dir = [1]', "`build.watch_dir` must be"),
    ],
)
def test_build_errors_are_reported(tmp_path: Path, build: str, message: str) -> None:
    project = write_project(tmp_path / "project", ENTRY, f"\n[build]\n{build}\n")
    with DevProcess(project) as dev:
        assert dev.wait() == (7 if "exit 7" in build else 1)
        assert message in dev.output
        assert "Traceback" not in dev.output
