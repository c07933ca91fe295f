"""`wrangler-py dev --debugger PORT`, with an editor at the other end: it speaks the Debug Adapter Protocol."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from support.dev_process import DEADLINE_S, DevProcess, write_project
from support.postgres_server import free_port

ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        answer = 41
        answer += 1
        return Response(str(answer))
"""


class Editor:
    """As much of an editor's side of the protocol as it takes to stop at a line and look around."""

    def __init__(self, port: int) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
                break
            assert time.monotonic() < deadline
        self._stream = self._socket.makefile("rwb")
        self._requests = 0

    def request(self, command: str, **arguments: Any) -> None:
        self._requests += 1
        message = {"seq": self._requests, "type": "request", "command": command, "arguments": arguments}
        content = json.dumps(message).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._stream.flush()

    def wait_for(self, name: str) -> Any:
        """The body of the next event, or response to a command, of that name."""
        while True:
            length = 0
            while line := self._stream.readline().strip():
                header, _, value = line.partition(b":")
                length = int(value) if header.lower() == b"content-length" else length
            message = json.loads(self._stream.read(length))
            if name in (message.get("event"), message["type"] == "response" and message["command"]):
                assert message.get("success", True), message
                return message.get("body")

    def ask(self, command: str, **arguments: Any) -> Any:
        self.request(command, **arguments)
        return self.wait_for(command)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


def test_the_worker_waits_for_a_debugger_and_stops_where_it_says(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", ENTRY)
    port = free_port()
    with DevProcess(project, "--debugger", str(port)) as dev:
        dev.wait_for(rf"^Waiting for a debugger on 127\.0\.0\.1:{port}\.$")
        with contextlib.closing(Editor(port)) as editor, ThreadPoolExecutor() as executor:
            editor.ask("initialize", adapterID="test")
            editor.request("attach", justMyCode=True)
            editor.wait_for("initialized")
            source = {"path": str(project / "src" / "entry.py")}
            editor.ask("setBreakpoints", source=source, breakpoints=[{"line": 7}])
            assert "Ready" not in dev.output
            editor.request("configurationDone")
            dev.ready()
            answer = executor.submit(dev.get)
            thread = editor.wait_for("stopped")["threadId"]
            frame = editor.ask("stackTrace", threadId=thread)["stackFrames"][0]
            assert (frame["name"], frame["line"]) == ("fetch", 7)
            assert editor.ask("evaluate", expression="answer", frameId=frame["id"])["result"] == "41"
            editor.request("continue", threadId=thread)
            assert answer.result().text == "42"
        assert dev.interrupt() == 0
