"""A Worker that starts processes: none hides the end of the Worker's own process, and none is left behind."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from support.dev_process import DevProcess, wait_until_gone, write_project
from support.proxy_server import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and POSIX signals")

START = """
import ctypes, multiprocessing, os, signal, subprocess, sys, time
from pathlib import Path

PIDS = Path(__file__).with_name("pids")

def note_and_sleep():
    with PIDS.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)

def start(how):
    if how == "fork":
        if os.fork() == 0:
            note_and_sleep()
    elif how in ("multiprocessing-fork", "multiprocessing-spawn"):
        multiprocessing.get_context(how.partition("-")[2]).Process(target=note_and_sleep, daemon=True).start()
    elif how == "program":
        code = "import sys; sys.path.insert(0, sys.argv[1]); import children; children.note_and_sleep()"
        subprocess.Popen([sys.executable, "-c", code, str(PIDS.parent)], close_fds=False)
    elif how == "daemon":
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                note_and_sleep()
            os._exit(0)
        os.wait()
    while not PIDS.exists() or not PIDS.read_text().endswith("\\n"):
        time.sleep(0.01)

def die(how):
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), getattr(signal, how))
"""

ENTRY = """
import sys
from urllib.parse import urlsplit
from workers import Response, WorkerEntrypoint
import children

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path.split("/")
        if path[1] == "start":
            children.start(path[2])
            if len(path) > 3:
                children.die(path[3])
        if path[1] == "stuck":
            children.time.sleep(600)
        return Response("hello")
"""

WAYS = ("fork", "multiprocessing-fork", "multiprocessing-spawn", "program", "daemon")


def make_project(root: Path, before: str = "") -> Path:
    project = write_project(root / "project", before + ENTRY)
    (project / "src" / "children.py").write_text(START)
    return project


def started(dev: DevProcess) -> list[psutil.Process]:
    """The processes that the Worker has started and that live."""
    file = dev.project / "src" / "pids"
    found = []
    for line in file.read_text().split() if file.exists() else ():
        try:
            found.append(psutil.Process(int(line)))
        except psutil.NoSuchProcess:
            continue
    return found


def assert_free(port: int) -> None:
    """Waits, for another test may have taken it for a moment."""
    wait_until(lambda: is_free(port), seconds=30)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    ("how", "death"), [*((way, "exit") for way in WAYS), ("fork", "SIGKILL"), ("daemon", "SIGSEGV")]
)
def test_the_end_of_the_workers_process_is_noticed_at_once(tmp_path: Path, how: str, death: str) -> None:
    with DevProcess(make_project(tmp_path)) as dev:
        url = dev.url
        with pytest.raises(httpx.HTTPError):
            dev.get(f"/start/{how}/{death}")
        dev.wait_for("process ended by itself: .*Starting it again")
        dev.wait_for(rf"/start/{how}/{death} failed")
        dev.wait_until_answers("hello")
        wait_until_gone(started(dev))
        family = dev.family()
        assert dev.interrupt() == 0
        wait_until_gone(family)
        assert_free(int(url.rpartition(":")[2]))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("ending", ["SIGINT", "SIGKILL"])
def test_nothing_that_the_worker_started_is_left(tmp_path: Path, how: str, ending: str) -> None:
    with DevProcess(make_project(tmp_path)) as dev:
        url = dev.url
        assert dev.get(f"/start/{how}").text == "hello"
        children = started(dev)
        assert children
        family = dev.family()
        dev.process.send_signal(getattr(signal, ending))
        dev.wait()
        wait_until_gone([*family, *children])
        assert_free(int(url.rpartition(":")[2]))


def test_a_reload_ends_what_the_old_process_started(tmp_path: Path) -> None:
    with DevProcess(make_project(tmp_path)) as dev:
        assert dev.get("/start/daemon").text == "hello"
        children = started(dev)
        assert children
        entry = dev.project / "src" / "entry.py"
        entry.write_text(entry.read_text().replace('"hello"', '"changed"'))
        dev.wait_until_answers("changed")
        wait_until_gone(children)


def test_a_process_forked_at_import_does_not_hide_the_end(tmp_path: Path) -> None:
    before = "import children\nchildren.start('fork')\nchildren.die('exit')\n"
    with DevProcess(make_project(tmp_path, before)) as dev:
        dev.wait_for(r"process ended by itself: exit status 3\. Next start in")
        entry = dev.project / "src" / "entry.py"
        since = dev.mark()
        entry.write_text(ENTRY)
        dev.wait_for("^Ready on", since=since)
        assert dev.get().text == "hello"
        wait_until_gone(started(dev))


def test_a_second_ctrl_c_leaves_nothing_either(tmp_path: Path) -> None:
    with DevProcess(make_project(tmp_path)) as dev:
        assert dev.get("/start/daemon").text == "hello"
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(dev.url + "/stuck", timeout=0.3)
        family = [*dev.family(), *started(dev)]
        for _ in range(2):
            dev.process.send_signal(signal.SIGINT)
            dev.wait_for("^Stopping")
        dev.wait()
        wait_until_gone(family)
