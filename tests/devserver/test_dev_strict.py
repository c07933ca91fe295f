"""`dev` says what a Worker does that it cannot do on Cloudflare; `--strict` makes errors of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.dev_process import DevProcess, write_project

WORKER = """
import subprocess
import threading

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        return Response(subprocess.run(["echo", "ran"], capture_output=True, text=True).stdout.strip())
"""


def test_each_warning_is_given_once_with_its_line(tmp_path: Path) -> None:
    with DevProcess(write_project(tmp_path / "project", WORKER)) as dev:
        for _ in range(3):
            assert dev.ready().get().text == "ran"
        dev.wait_for(r"src/entry.py:11: This starts a thread, .*Call the function itself")
        dev.wait_for(r"src/entry.py:13: This starts a process, .*Do it in Python")
        assert dev.output.count("src/entry.py:1") == 2


def test_strict_makes_errors(tmp_path: Path) -> None:
    with DevProcess(write_project(tmp_path / "project", WORKER), "--strict") as dev:
        assert dev.ready().get().status_code == 500
        dev.wait_for(r"ERROR.*RuntimeError: can't start new thread. This starts a thread.*src/entry.py:11")


@pytest.mark.parametrize("option", ["--strict", "--no-reload"])
def test_options_for_python_are_refused_for_javascript(option: str, tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text('name = "app"\nmain = "index.js"\n')
    (tmp_path / "index.js").write_text("")
    with DevProcess(tmp_path, option) as dev:
        assert dev.wait() == 2
        assert f"{option} is for Workers in Python on CPython" in dev.output
