"""What a client may send a worker child besides a body: so much, and for so long."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.worker_child import PATIENCE_S, Child

from wrangler_py.worker_protocol import Launch, Log, Ready

KB = 1024

CODE = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        body = await request.text() if request.method == "POST" else ""
        return Response(f"hello {len(body)}")
"""

IMPATIENT = """
import sys
from wrangler_py.worker import http_connection
from wrangler_py.worker.__main__ import main
http_connection.MAX_HEAD_S = 0.2
main(sys.argv[1:])
"""


def start(root: Path, *program: str) -> Child:
    main = root / "entry.py"
    main.write_text(CODE)
    options = {"program": program} if program else {}
    child = Child(Launch(main, root), **options)  # type: ignore[arg-type]
    child.wait_for(Ready)
    return child


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    child = start(tmp_path_factory.mktemp("worker"))
    yield child
    child.close()


@contextlib.contextmanager
def connected(child: Child) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", child.port), timeout=PATIENCE_S) as connection:
        yield connection


def send(connection: socket.socket, *parts: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        for part in parts:
            connection.sendall(part)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            received += data
    return received


HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = {
    "many headers": [HEAD, *(b"X-%d: " % n + b"a" * 1000 + b"\r\n" for n in range(100))],
    "one header": [HEAD, b"X: ", *([b"a" * 1000] * 100)],
    "the name of a header": [HEAD, *([b"a" * 1000] * 100)],
    "all in one piece": [HEAD + b"X: " + b"a" * 100 * KB + b"\r\n\r\n"],
    "the URL": [b"GET /" + b"a" * 100 * KB + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    "the method": [b"A" * 100 * KB],
    "an upgrade": [
        HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nX: " + b"a" * 100 * KB + b"\r\n\r\n",
    ],
    "the extension of a chunk": [CHUNKED, b"1;", *([b"a" * 1000] * 1000)],
    "trailers": [CHUNKED, b"1\r\na\r\n0\r\n", *(b"X-%d: " % n + b"a" * 1000 + b"\r\n" for n in range(1000))],
}


@pytest.mark.parametrize("what", LONG)
def test_headers_that_are_too_large(child: Child, what: str) -> None:
    with connected(child) as connection:
        send(connection, *LONG[what])
        received = answer(connection)
    assert received.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    if what != "the method":
        assert received.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert child.client.get("/").text == "hello 0"


@pytest.mark.parametrize("in_one_piece", [False, True])
def test_the_second_request_of_a_connection_is_bounded_as_well(child: Child, in_one_piece: bool) -> None:
    pieces = [HEAD + b"\r\n", *LONG["many headers"], b"\r\n"]
    with connected(child) as connection:
        send(connection, *([b"".join(pieces)] if in_one_piece else pieces))
        received = answer(connection)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"hello 0" in received
    assert received.count(b"HTTP/1.1 ") == 1 or b"HTTP/1.1 431 " in received


def test_large_requests_are_accepted(child: Child) -> None:
    assert child.client.get("/", headers={"Cookie": "a" * 32 * KB}).text == "hello 0"
    body = "a" * 300 * KB
    assert child.client.post("/", content=body).text == f"hello {len(body)}"
    chunks = (b"a" for _ in range(30_000))
    assert child.client.post("/", content=chunks).text == "hello 30000"


@pytest.mark.parametrize("parts", [[b"GET / HTTP/1.1\r\nHost: local"], [b"\r\n"]])
def test_headers_that_do_not_end(tmp_path: Path, parts: list[bytes]) -> None:
    child = start(tmp_path, "-c", IMPATIENT)
    try:
        with connected(child) as connection:
            send(connection, *parts)
            assert b"HTTP/1.1 408 Request Timeout\r\n" in answer(connection)
    finally:
        child.close()


def test_a_second_request_that_does_not_end(tmp_path: Path) -> None:
    child = start(tmp_path, "-c", IMPATIENT)
    try:
        with connected(child) as connection:
            send(connection, HEAD + b"\r\n" + HEAD)
            received = answer(connection)
    finally:
        child.close()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in received


FEW_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
from wrangler_py.worker.__main__ import main
main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_running_out_of_files_is_reported_and_recovers(tmp_path: Path) -> None:
    child = start(tmp_path, "-c", FEW_FILES)
    request = HEAD + b"Connection: close\r\n\r\n"
    try:
        with contextlib.ExitStack() as stack:
            # All can be accepted: beyond the limit the event loop closes connections without a word.
            room = 95 - psutil.Process(child.process.pid).num_fds()
            idle = [stack.enter_context(connected(child)) for _ in range(room)]
            for connection in idle:
                send(connection, HEAD)
            assert b"HTTP/1.1 503 " in answer(idle[-1])
            assert "100 open files are the limit" in child.wait_for(Log).message
        while True:  # it has noticed the end of those connections when it answers
            with connected(child) as connection:
                send(connection, request)
                if b"HTTP/1.1 200 " in answer(connection):
                    break
        assert len(child.of_kind(Log)) == 1
    finally:
        child.close()
