"""`wrangler-py dev` and `wrangler dev` with equal Workers, each as a person starts it."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from support.postgres_server import free_port

from benchmarks.peers.endpoint import Endpoint
from benchmarks.peers.node import NodePackages

WORKERS = Path(__file__).parent.parent / "workers"
DEADLINE_S = 90.0
POLL_S = 0.002
VERSION = "version 0"
"""What `GET /` answers: a text in the Worker's entry file, which a reload changes."""
_STRING = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"


class DevServer:
    """One dev server, not started yet. `folder` is the project, `entry` the file it serves."""

    def __init__(self, command: Sequence[str], folder: Path, entry: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.entry = folder / entry
        self.port = 0
        self._source = self.entry.read_text()
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Seconds from the command to its first answer."""
        self.port = free_port()
        with (self.folder.parent / f"{self.folder.name}.log").open("wb") as log:
            started = time.perf_counter()
            self._process = subprocess.Popen(
                [*self._command, "--port", str(self.port)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for(VERSION)
        return time.perf_counter() - started

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def restart(self) -> float:
        """Seconds from the command to its first answer, of a server that ran before."""
        self.stop()
        return self.start()

    def memory_mb(self) -> float:
        """What the server and the processes it has started hold, in megabytes; shared pages are divided by those
        who share them, where the system tells.
        """
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        octets = 0
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = process.memory_full_info()
                octets += getattr(memory, "pss", memory.rss)
        return octets / 1e6

    def save(self, version: str) -> float:
        """Seconds from saving a changed entry file to the first answer of the new code."""
        self.entry.write_text(self._source.replace(VERSION, version))
        saved = time.perf_counter()
        self._wait_for(version)
        return time.perf_counter() - saved

    def get(self, path: str) -> tuple[int, str]:
        """Status and body. Raises OSError or HTTPException while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def _wait_for(self, body: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        answer = (0, "")
        while answer != (200, body):
            if time.monotonic() > deadline or (self._process is not None and self._process.poll() is not None):
                log = (self.folder.parent / f"{self.folder.name}.log").read_text()
                raise RuntimeError(f"{' '.join(self._command)} does not answer {body!r} but {answer}:\n{log}")
            time.sleep(POLL_S)
            with contextlib.suppress(OSError, http.client.HTTPException, socket.timeout):
                answer = self.get("/")


@contextmanager
def wrangler_py_dev(database: Endpoint) -> Iterator[DevServer]:
    """`wrangler-py dev` in a copy of the Python Worker."""
    root = Path(tempfile.mkdtemp(prefix="wrangler-py-bench-"))
    folder = root / "worker"
    shutil.copytree(WORKERS / "python", folder)
    environment = {
        **os.environ,
        "CI": "1",
        "NO_COLOR": "1",
        "WRANGLER_PY_HOME": str(root / "home"),
        _STRING: database.url,
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the second start finds bytecode, as a person's does
    server = DevServer([*WRANGLER_PY, "dev"], folder, "src/entry.py", environment)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def wrangler_dev(packages: NodePackages, database: Endpoint) -> Iterator[DevServer]:
    """`wrangler dev` in a copy of the JavaScript Worker, below the folder that has Postgres.js."""
    root = Path(tempfile.mkdtemp(prefix="worker-", dir=packages.folder))
    folder = root / "worker"
    shutil.copytree(WORKERS / "javascript", folder)
    environment = {**packages.environment, _STRING: database.url}
    command = [*packages.wrangler, "dev", "--ip", "127.0.0.1", "--log-level", "warn"]
    server = DevServer(command, folder, "src/index.js", environment)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


WRANGLER_PY = [str(Path(sys.executable).with_name("wrangler-py"))]
"""The command as pip installs it."""
