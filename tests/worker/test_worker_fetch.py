"""`fetch` of Workers: redirects, headers, bodies, proxies, aborts, and what its failures say."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import httpx
import pytest
from support.worker_child import StartWorker

from wrangler_py.worker_protocol import LoadError


class Upstream(BaseHTTPRequestHandler):
    """Answers with what it was asked, by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(length)
        name = self.path.partition("?")[0].strip("/").replace("-", "_")
        getattr(self, f"answer_{name}")(body)

    do_POST = do_PUT = do_HEAD = do_GET

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_echo(self, body: bytes) -> None:
        shown = self.headers.get("x-city", "").encode("latin-1")
        kind = self.headers.get("content-type", "-").encode()
        secret = self.headers.get("authorization", "-").encode()
        self.reply(200, b" ".join([self.command.encode(), self.path.encode(), body, shown, kind, secret]))

    def answer_city(self, body: bytes) -> None:
        self.send_response(200)
        self.wfile.write(b"")
        self._headers_buffer.append("X-City: Köln\r\n".encode())  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_moved(self, body: bytes) -> None:
        self.reply(302, Location="/echo?from=moved#part")

    def answer_kept(self, body: bytes) -> None:
        self.reply(307, Location="/echo")

    def answer_loop(self, body: bytes) -> None:
        self.reply(302, Location="/loop")

    def answer_elsewhere(self, body: bytes) -> None:
        self.reply(302, Location=f"http://localhost:{self.connection.getsockname()[1]}/echo")

    def answer_zipped(self, body: bytes) -> None:
        self.reply(200, gzip.compress(b"zipped"), Content_Encoding="gzip")

    def answer_reset(self, body: bytes) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def answer_short(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"part")
        self.close_connection = True

    def answer_never(self, body: bytes) -> None:
        self.server.released.wait(30)  # type: ignore[attr-defined]
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.released = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


WORKER = """
import js
from workers import Response, WorkerEntrypoint, fetch

U = {upstream!r}

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            return Response(str(await self.work()))
        except Exception as error:
            return Response(f"{{type(error).__name__}}: {{error}}")

    async def work(self):
        {work}
"""


class WorkerSays(Protocol):
    def __call__(self, work: str, **launch: Any) -> str: ...


@pytest.fixture
def worker_says(start_worker: StartWorker, upstream: str) -> WorkerSays:
    def run(work: str, **launch: Any) -> str:
        lines = ("\n" + " " * 8).join(work.strip().splitlines())
        child = start_worker(WORKER.format(upstream=upstream, work=lines), **launch)
        return httpx.get(child.url, trust_env=False, timeout=30).text.replace(upstream, "UPSTREAM")

    return run


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("return await (await fetch(U + '/echo?a=b c')).text()", "GET /echo?a=b%20c   - -"),
        (
            "return await (await fetch(U + '/echo', method='POST', body='x', headers={'x-city': 'Köln'})).text()",
            "POST /echo x Köln text/plain;charset=UTF-8 -",
        ),
        ("return (await fetch(U + '/city')).headers['x-city']", "Köln"),
        ("return await (await fetch(U + '/zipped')).text()", "zipped"),
        ("return (await fetch(U + '/zipped')).headers.get('content-encoding')", "None"),
        ("a = await js.fetch(U + '/moved')\nreturn a.redirected, a.url", "(True, 'UPSTREAM/echo?from=moved')"),
        (
            "a = await fetch(U + '/moved', redirect='manual')\nreturn a.status, a.headers['location']",
            "(302, '/echo?from=moved#part')",
        ),
        (
            "return await (await fetch(U + '/moved', method='POST', body='x')).text()",
            "GET /echo?from=moved   - -",
        ),
        (
            "return await (await fetch(U + '/kept', method='PUT', body='x')).text()",
            "PUT /echo x  text/plain;charset=UTF-8 -",
        ),
        ("return await fetch(U + '/loop')", "AbortError: Too many redirects."),
        (
            "return await (await fetch(U + '/elsewhere', headers={'authorization': 'secret'})).text()",
            "GET /echo   - -",
        ),
        (
            "return await (await fetch(U + '/kept', headers={'authorization': 'secret'})).text()",
            "GET /echo   - secret",
        ),
        (
            "body = js.Response.new('stream').body\n"
            "return await (await fetch(U + '/echo', method='POST', body=body)).text()",
            "POST /echo stream  - -",
        ),
        ("return await js.fetch('/relative')", "JsException: TypeError: Invalid URL: /relative"),
        ("return await fetch('ftp://127.0.0.1/')", "AbortError: Fetch API cannot load: ftp://127.0.0.1/"),
        ("return await fetch(U + '/reset')", "AbortError: fetch of UPSTREAM/reset failed: ReadError"),
        (
            "return await (await js.fetch(U + '/short')).text()",
            "JsException: Error: The response of UPSTREAM/short broke off: peer closed connection without sending "
            "complete message body (received 4 bytes, expected 100)",
        ),
        (
            "return await js.fetch(U + '/never', signal=js.AbortSignal.timeout(50))",
            "JsException: TimeoutError: The operation was aborted due to timeout",
        ),
        (
            "c = js.AbortController.new()\njs.setTimeout(create_proxy(lambda: c.abort('enough')), 20)\n"
            "return await js.fetch(U + '/never', signal=c.signal)",
            "JsException: enough",
        ),
        (
            "chunk = js.TextEncoder.new().encode('x')\n"
            "body = js.ReadableStream.new(start=lambda c: [c.enqueue(chunk), c.close()])\n"
            "return await fetch(U + '/kept', method='PUT', body=body)",
            "AbortError: A request with a one-time-use body (it was initialized from a stream, not a buffer) "
            "encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, "
            "construct this request from a buffer-like body initializer.",
        ),
        ("return await (await fetch('data:text/plain;base64,aGVsbG8=')).text()", "hello"),
        ("return (await fetch(U + '/echo', method='HEAD')).status", "200"),
    ],
)
def test_fetch(work: str, expected: str, worker_says: WorkerSays) -> None:
    assert worker_says("from pyodide.ffi import create_proxy\n" + work) == expected


def test_a_host_name_that_only_the_url_standard_knows_is_looked_up(worker_says: WorkerSays) -> None:
    answer = worker_says("return await fetch('http://💩.invalid/')")
    assert answer.startswith("AbortError: fetch of http://xn--ls8h.invalid/ failed: ")
    assert "odepoint" not in answer


@pytest.mark.parametrize(
    "variables",
    [
        {"http_proxy": "http://127.0.0.1:9"},
        {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "example.com"},
        {"all_proxy": "socks5://127.0.0.1:9"},
    ],
    ids=["http_proxy", "HTTP_PROXY", "all_proxy"],
)
def test_servers_on_this_machine_are_reached_without_a_proxy(
    variables: dict[str, str], worker_says: WorkerSays, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert worker_says("return (await fetch(U + '/echo')).status") == "200"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"http_proxy": "http://user:secret@127.0.0.1:9"},
            "AbortError: fetch of http://example.com/ failed, through the proxy http://127.0.0.1:9 (http_proxy): "
            "All connection attempts failed",
        ),
        (
            {"ALL_PROXY": "socks5://127.0.0.1:9"},
            "AbortError: fetch of http://example.com/ failed: the proxy socks5://127.0.0.1:9 (ALL_PROXY) speaks "
            "SOCKS, for which httpx needs the package socksio. Install it (`pip install socksio`), or let NO_PROXY "
            "name the host",
        ),
    ],
    ids=["http_proxy", "ALL_PROXY"],
)
def test_a_proxy_that_fails_is_named(
    variables: dict[str, str], expected: str, worker_says: WorkerSays, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert worker_says("return await fetch('http://example.com')") == expected


def test_a_server_on_this_machine_is_reached_through_a_proxy_if_nothing_is_left_out(
    worker_says: WorkerSays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert "through the proxy http://127.0.0.1:9" in worker_says("return await fetch(U + '/echo')")


@pytest.mark.parametrize(
    "call", ["js.crypto.randomUUID()", "js.setTimeout(len, 5)", "js.crypto.getRandomValues(js.Uint8Array.new(1))"]
)
def test_nothing_is_started_while_the_worker_is_loaded(call: str, start_worker: StartWorker) -> None:
    child = start_worker(f"import js\n{call}", ready=False)
    assert "Disallowed operation called within global scope" in child.wait_for(LoadError).summary


@pytest.fixture
def echo_socket() -> Iterator[str]:
    """A WebSocket server that repeats messages, and closes when it is told to."""
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection, serve

    def handle(connection: ServerConnection) -> None:
        for message in connection:
            if message == "close":
                connection.close(4002, "as asked")
            else:
                connection.send(message)

    def check(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(403, "not here") if request.path == "/refused" else None

    with serve(handle, "127.0.0.1", 0, process_request=check) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


SOCKET = """
from pyodide.ffi import create_proxy
found = []
done = js.Promise.withResolvers()
def closed(event):
    found.append((event.code, event.reason))
    done.resolve()
def listen(socket):
    socket.binaryType = "arraybuffer"
    show = lambda e: found.append(e.data if isinstance(e.data, str) else e.data.to_bytes())
    socket.addEventListener("message", create_proxy(show))
    socket.addEventListener("close", create_proxy(closed))
def talk(socket):
    socket.send("hello")
    socket.send(js.TextEncoder.new().encode("bytes"))
    socket.send("close")
"""
TALKED = str(["hello", b"bytes", (4002, "as asked")])


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (
            "a = await js.fetch('http://ADDRESS/', headers=js.Headers.new([('Upgrade', 'websocket')]))\n"
            "socket = a.webSocket\nsocket.accept()\nlisten(socket)\ntalk(socket)\nawait done.promise\nreturn found",
            TALKED,
        ),
        (
            "socket = js.WebSocket.new('ws://ADDRESS/')\nlisten(socket)\n"
            "socket.addEventListener('open', create_proxy(lambda e: talk(socket)))\n"
            "await done.promise\nreturn found",
            TALKED,
        ),
        (
            "a = await js.fetch('http://ADDRESS/refused', headers=js.Headers.new([('Upgrade', 'websocket')]))\n"
            "return a.status, await a.text(), a.webSocket",
            "(403, 'not here', jsnull)",
        ),
        (
            "socket = js.WebSocket.new('ws://127.0.0.1:1/')\nlisten(socket)\n"
            "socket.addEventListener('error', create_proxy(lambda e: found.append(e.message[:37])))\n"
            "await done.promise\nreturn found, socket.readyState",
            "(['WebSocket to ws://127.0.0.1:1/ failed', (1006, 'Failed to establish websocket connection')], 3)",
        ),
        (
            "return js.WebSocket.new('ftp://ADDRESS/')",
            "JsException: SyntaxError: WebSocket Constructor: The url scheme must be ws or wss.",
        ),
    ],
    ids=["fetch", "constructor", "refused", "unreachable", "scheme"],
)
def test_web_sockets_to_elsewhere(work: str, expected: str, worker_says: WorkerSays, echo_socket: str) -> None:
    assert worker_says(SOCKET + work.replace("ADDRESS", echo_socket)) == expected
