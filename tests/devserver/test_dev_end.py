"""How `wrangler-py dev` ends: at once, with everything it started, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest
from support.dev_process import DEADLINE_S, DevProcess, write_project

ENTRY = """
import asyncio
import time
from urllib.parse import urlsplit
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if urlsplit(request.url).path == "/stuck":
            print("stuck", flush=True)
            time.sleep(600)
        return Response("hello")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", ENTRY)


def wait_until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    for process in processes:
        while _lives(process):
            assert time.monotonic() < deadline, f"{process} goes on"
            time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_everything(project: Path, name: str) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"no {name} here")
    with DevProcess(project) as dev:
        dev.ready()
        family = dev.family()
        assert len(family) >= 2
        assert httpx.URL(dev.url).port in dev.ports()
        dev.process.send_signal(getattr(signal, name))
        assert dev.wait() == 0
        wait_until_gone(family)
        assert "Traceback" not in dev.output


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_worker_that_is_stuck(project: Path, times: int) -> None:
    with DevProcess(project) as dev:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(dev.url + "/stuck", timeout=0.3)
        dev.wait_for(r"^\[worker\] stuck")
        family = dev.family()
        for _ in range(times):
            dev.process.send_signal(signal.SIGINT)
            dev.wait_for("^Stopping")
        assert dev.wait() in (0, 130)
        wait_until_gone(family)


def test_kill_9_leaves_nothing_listening(project: Path) -> None:
    with DevProcess(project) as dev:
        dev.ready()
        family = dev.family()
        dev.process.kill()
        dev.process.wait()
        wait_until_gone(family)


def test_ctrl_c_while_it_starts(project: Path) -> None:
    with DevProcess(project) as dev:
        deadline = time.monotonic() + DEADLINE_S
        while not dev.ports():  # signals are handled by the time it listens
            assert time.monotonic() < deadline
        family = dev.family()
        assert dev.interrupt() == 0
        wait_until_gone(family)
        assert "Traceback" not in dev.output


def test_a_reader_that_goes_away_does_not_end_it_in_a_traceback(project: Path) -> None:
    with DevProcess(project) as dev:
        url = dev.url
        assert dev.process.stdout is not None
        os.close(dev.process.stdout.fileno())
        assert httpx.get(url).text == "hello"
        dev.process.send_signal(signal.SIGTERM)
        assert dev.process.wait(DEADLINE_S) == 0
