"""A worker child with the test as its dev session: starts it, orders it about, and hears what it reports."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import httpx

PATIENCE_S = 20.0


class Child:
    """A worker child with the test as its dev session."""

    def __init__(
        self,
        launch: dict[str, Any],
        listener: socket.socket | None = None,
        program: Sequence[str] = ("-m", "wrangler_py.worker"),
    ) -> None:
        if listener is None:
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener = listener
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.control, theirs = socket.socketpair()
        fds = (listener.fileno(), theirs.fileno())
        self.process = subprocess.Popen(
            [sys.executable, *program, *map(str, fds)],
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        theirs.close()
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._following = threading.Thread(target=self._follow, daemon=True)
        self._following.start()
        self.printed: list[str] = []
        self._reading = threading.Thread(target=self._read_output, daemon=True)
        self._reading.start()
        self.send(launch | {"origin": self.url})
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def send(self, message: dict[str, Any]) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def drain(self) -> None:
        self.send({"command": "drain"})

    def wait(self) -> int:
        status = self.process.wait(PATIENCE_S)
        self._following.join(PATIENCE_S)
        self._reading.join(PATIENCE_S)
        return status

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait until `count` events of a kind have come, and return the last of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of_kind(kind)) >= count, PATIENCE_S), (
                f"no {kind} among {self.events}; printed {self.printed}"
            )
        return self.of_kind(kind)[count - 1]

    def output(self) -> str:
        return "".join(self.printed)

    def close(self) -> None:
        self.client.close()
        self.control.close()
        self.process.kill()
        self.process.wait()

    def _follow(self) -> None:
        for line in self.control.makefile():
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.printed.append(line)
                self._changed.notify_all()

    def wait_for_output(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.output(), PATIENCE_S), self.output()
