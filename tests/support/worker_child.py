"""A worker child with the test as its dev session: starts it, orders it about, and hears what it reports."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, get_args

import httpx

from wrangler_py.worker_protocol import Command, Drain, Event, Launch, from_line, to_line

PATIENCE_S = 20.0

Kind = TypeVar("Kind", bound=Event)


class StartWorker(Protocol):
    """The fixture `start_worker`."""

    def __call__(
        self,
        source: str | None = None,
        *,
        files: Mapping[str, str] | None = None,
        listener: socket.socket | None = None,
        ready: bool = True,
        **launch: Any,
    ) -> Child: ...


class Child:
    """A worker child with the test as its dev session."""

    def __init__(
        self,
        launch: Launch,
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
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._following = threading.Thread(target=self._follow, daemon=True)
        self._following.start()
        self.printed: list[str] = []
        self._reading = threading.Thread(target=self._read_output, daemon=True)
        self._reading.start()
        self.send(replace(launch, url=self.url))
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def send(self, command: Command) -> None:
        self.control.sendall(to_line(command))

    def drain(self) -> None:
        self.send(Drain())

    def wait(self) -> int:
        status = self.process.wait(PATIENCE_S)
        self._following.join(PATIENCE_S)
        self._reading.join(PATIENCE_S)
        return status

    def of_kind(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type[Kind], count: int = 1) -> Kind:
        """Wait until `count` events of a kind have come, and return the last of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of_kind(kind)) >= count, PATIENCE_S), (
                f"no {kind.__name__} among {self.events}; printed {self.printed}"
            )
        return self.of_kind(kind)[count - 1]

    def output(self) -> str:
        return "".join(self.printed)

    def close(self) -> None:
        self.client.close()
        self.control.close()
        self.process.kill()
        self.process.wait()
        self._following.join(PATIENCE_S)
        self._reading.join(PATIENCE_S)

    def _follow(self) -> None:
        with self.control.makefile("rb") as lines:
            for line in lines:
                event = from_line(line)
                assert isinstance(event, get_args(Event))
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.printed.append(line)
                    self._changed.notify_all()

    def wait_for_output(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.output(), PATIENCE_S), self.output()
