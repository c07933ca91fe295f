"""What a Worker meets here because it meets it on Cloudflare: registration, URLs, headers and status lines."""

from __future__ import annotations

import socket

import pytest
from support.postgres_server import PostgresServer
from support.worker_child import Child, StartWorker

from wrangler_py.worker_protocol import HandlerException, HyperdriveEndpoint, LoadError, Log, Ready, RequestDone

CLASS = """
from js import URL, Object
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return BODY
"""


def raw(child: Child, request: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", child.port)) as connection:
        connection.sendall(request)
        connection.settimeout(20)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    ("date", "flags", "expected"),
    [
        ("2025-08-13", [], None),
        ("2025-08-14", [], 'put "disable_python_no_global_handlers" into compatibility_flags'),
        ("2026-09-08", ["disable_python_no_global_handlers"], None),
        ("2025-08-13", ["python_no_global_handlers"], "`class Default(WorkerEntrypoint)`"),
    ],
)
def test_functions_are_handlers_by_date_and_flags(
    start_worker: StartWorker, date: str, flags: list[str], expected: str | None
) -> None:
    child = start_worker(
        "from workers import Response\n\ndef on_fetch(request):\n    return Response(request.method)\n",
        ready=False,
        compatibility_date=date,
        flags=("python_workers", *flags),
    )
    if expected is None:
        child.wait_for(Ready)
        assert child.client.get("/").text == "GET"
    else:
        summary = child.wait_for(LoadError).summary
        assert summary.startswith("src/entry.py:3: on_fetch is not registered")
        assert expected in summary


def test_where_functions_count_a_class_is_asked_for_their_names(start_worker: StartWorker) -> None:
    child = start_worker(
        CLASS.replace("BODY", "Response('x')"),
        ready=False,
        flags=("python_workers", "disable_python_no_global_handlers"),
    )
    assert "class Default has no on_fetch method" in child.wait_for(LoadError).summary


def test_a_class_and_functions(start_worker: StartWorker) -> None:
    child = start_worker(
        CLASS.replace("BODY", "Response('x')") + "\nasync def on_scheduled(controller): ...\n",
        ready=False,
        flags=("python_workers", "disable_python_no_global_handlers"),
    )
    assert "Cannot define multiple default entrypoints" in child.wait_for(LoadError).summary


def test_a_function_gets_the_types_of_javascript(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from js import Response
        from workers import Request
        async def respond(request, env):
            body = await request.json()
            return Response.new(f"{isinstance(request, Request)} {request.constructor.name} {body.a}")
        on_fetch = respond
        """
    )
    assert child.client.post("/", json={"a": 1}).text == "False Request 1"


@pytest.mark.parametrize("method", ["scheduled(self)", "scheduled(self, controller)"])
def test_a_scheduled_method_that_takes_too_little(start_worker: StartWorker, method: str) -> None:
    child = start_worker(CLASS.replace("BODY", "Response('x')") + f"\n    async def {method}: ...\n")
    text = child.client.get("/cdn-cgi/local/scheduled").text
    assert "Write `async def scheduled(self, controller, env, ctx)`" in text


def test_parameters_that_the_platform_gives_none(start_worker: StartWorker) -> None:
    child = start_worker(
        CLASS.replace("BODY", "Response(str(env))").replace("(self, request)", "(self, request, env, ctx)")
    )
    assert child.client.get("/").text == "None"
    assert "use self.env and self.ctx" in child.wait_for(Log).message


def test_an_awaitable_is_not_a_response(start_worker: StartWorker) -> None:
    child = start_worker(
        CLASS.replace("BODY", "self.later()") + "\n    async def later(self): return Response('x')\n"
    )
    assert "Default.fetch returned what has to be awaited" in child.client.get("/").text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/public/../admin", "/admin"),
        (b"/public/%2e%2e/admin", "/admin"),
        (b"/caf\xc3\xa9?q=\xc3\xbc", "/caf%C3%A9?q=%C3%BC"),
        (b'/a?q="<', "/a?q=%22%3C"),
    ],
)
def test_urls_are_normalized(start_worker: StartWorker, path: bytes, expected: str) -> None:
    child = start_worker(CLASS.replace("BODY", "Response(request.url)"))
    answer = raw(child, b"GET %b HTTP/1.1\r\nHost: LOCALHOST:80\r\nConnection: close\r\n\r\n" % path)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(f"http://localhost{expected}".encode())


def test_a_request_line_that_comes_in_pieces(start_worker: StartWorker) -> None:
    child = start_worker(CLASS.replace("BODY", "Response(request.url + await request.text())"))
    with socket.create_connection(("127.0.0.1", child.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):  # the second request on the same connection, too
            for piece in (
                b"POST /\xc3",
                b"\xa9 HTTP/1.1\r\nHost: localhost\r\nX: \xc3\xa9\r\n",
                b"Content-Length: 2\r\n\r\n\xc3\xa9",
            ):
                connection.sendall(piece)
            answer = b""
            while not answer.endswith(b"http://localhost/%C3%A9\xc3\xa9"):
                piece = connection.recv(65536)
                assert piece, answer
                answer += piece


def test_header_values_are_utf_8(start_worker: StartWorker) -> None:
    child = start_worker(
        CLASS.replace(
            "BODY", 'Response("x", headers={"x-back": request.headers["x-name"], "x-new": "日本", "x-true": True})'
        )
    )
    answer = raw(
        child,
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Name: Köln\r\nConnection: close\r\n\r\n".encode(),
    )
    assert "x-back: Köln\r\n".encode() in answer
    assert "x-new: 日本\r\n".encode() in answer
    assert b"x-true: true\r\n" in answer


def test_a_status_text_goes_out(start_worker: StartWorker) -> None:
    child = start_worker(
        CLASS.replace(
            "BODY", "Response('x', **({'status': 201, 'status_text': 'Made ü'} if 'new' in request.url else {}))"
        )
    )
    end = b"HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw(child, b"GET /new " + end).startswith("HTTP/1.1 201 Made ü\r\n".encode())
    assert raw(child, b"GET / " + end).startswith(b"HTTP/1.1 200 OK\r\n")
    assert child.wait_for(RequestDone).status == 201


def test_sockets_reach_the_database(start_worker: StartWorker, postgres: PostgresServer) -> None:
    """A start-up message through a js Socket: the server answers with what it wants of the password."""
    child = start_worker(
        """
        from pyodide.ffi import to_js
        from workers import Response, WorkerEntrypoint, import_from_javascript

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                hd = self.env.HYPERDRIVE
                assert isinstance(hd.host, str) and int(hd.port) == hd.port
                if request.url.endswith("/connect"):
                    module = import_from_javascript("cloudflare:sockets")
                    socket = module.connect(f"{hd.host}:{hd.port}")
                else:
                    socket = hd.connect()
                assert socket.constructor.name == "Socket" and socket.secureTransport == "off"
                opened = await socket.opened
                assert opened.remoteAddress == f"{hd.host}:{hd.port}"
                writer = socket.writable.getWriter()
                body = b"user\\0nobody\\0database\\0x\\0\\0"
                message = (196608).to_bytes(4, "big") + body
                await writer.write(to_js((len(message) + 4).to_bytes(4, "big") + message))
                reader = socket.readable.getReader()
                first = (await reader.read()).value.to_bytes()[:1].decode()
                await socket.close()
                await socket.closed
                return Response(first)
        """,
        hyperdrive={
            "HYPERDRIVE": HyperdriveEndpoint(host="127.0.0.1", port=postgres.port, password="x", database="d")
        },
    )
    for path in ("/", "/connect"):
        assert child.client.get(path).text in ("R", "E")


def test_a_socket_that_cannot_be_opened(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, WorkerEntrypoint, import_from_javascript
        from pyodide.ffi import JsException

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                connect = import_from_javascript("cloudflare:sockets").connect
                told = []
                for address in ("127.0.0.1:9", "nothing"):
                    try:
                        await connect(address).opened
                    except JsException as error:
                        told.append(error.message)
                return Response("; ".join(told))
        """
    )
    text = child.client.get("/").text
    assert "cannot connect to the specified address" in text
    assert text.endswith("; Specified address could not be parsed.")
    assert not child.of_kind(HandlerException)


ENCODED = """
from js import Response as JSResponse, TransformStream
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint, wsgi
import gzip

def app(environ, start_response):
    start_response("200 OK", [("Content-Encoding", "gzip")])
    return [gzip.compress(b"by the application")]

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        headers = {"content-encoding": "gzip"}
        if request.url.endswith("/manual"):
            content = to_js(gzip.compress(b"by the Worker"))
            return JSResponse.new(content, encodeBody="manual", headers=to_js(headers))
        if request.url.endswith("/stream"):
            stream = TransformStream.new()
            async def write():
                writer = stream.writable.getWriter()
                for piece in (b"in ", b"pieces"):
                    await writer.write(to_js(piece))
                await writer.close()
            self.ctx.waitUntil(write())
            return Response(stream.readable, headers=headers)
        if request.url.endswith("/wsgi"):
            return await wsgi.fetch(app, request, self.env, options=wsgi.Options(encode_body="manual"))
        return Response("by the platform", headers=headers)
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "by the platform"),
        ("/stream", "in pieces"),
        ("/manual", "by the Worker"),
        ("/wsgi", "by the application"),
    ],
)
def test_bodies_are_encoded_as_their_header_says(start_worker: StartWorker, path: str, text: str) -> None:
    child = start_worker(ENCODED)
    answer = child.client.get(path)
    assert (answer.headers["content-encoding"], answer.text) == ("gzip", text)
