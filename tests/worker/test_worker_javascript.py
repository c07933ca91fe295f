"""`js` and `pyodide` as public Workers use them."""

from __future__ import annotations

import socket
import threading

import pytest
from support.streamed import STREAMED
from support.worker_child import StartWorker

from wrangler_py.worker_protocol import HandlerException, RequestDone

SNIPPETS = {
    "response": """
        from js import Response, Headers
        headers = Headers.new({"x-a": "1"}.items())
        headers.append("x-a", "2")
        return Response.new("made", status=201, headers=headers)
    """,
    "init object": """
        from js import Object, Response
        from pyodide.ffi import to_js
        init = to_js({"status": 201, "headers": {"x-a": "1, 2"}}, dict_converter=Object.fromEntries)
        return Response.new("made", init)
    """,
    "response from response": """
        from js import Response
        from workers import Response as PythonResponse
        old = PythonResponse("made", status=201, headers={"x-a": "1, 2"})
        return Response.new(old.js_object.body, old.js_object)
    """,
    "wrapped": """
        from js import Response as JSResponse
        from pyodide.ffi import to_js
        from workers import Response
        return Response(JSResponse.new("made", status=201, headers=to_js({"x-a": "1, 2"})))
    """,
    "changed headers": """
        from workers import Response
        response = Response("made", status=201)
        response.js_object.headers.set("x-a", "1, 2")
        return response
    """,
    "bytes": """
        from js import Response
        from pyodide.ffi import to_js
        return Response.new(to_js(b"made").buffer, status=201, headers=to_js({"x-a": "1, 2"}))
    """,
    "stream": """
        from js import Response, TransformStream
        from pyodide.ffi import to_js
        stream = TransformStream.new()
        writer = stream.writable.getWriter()
        async def write():
            for letter in "made":
                await writer.write(to_js(letter.encode()))
            await writer.close()
        ctx.waitUntil(write())
        return Response.new(stream.readable, status=201, headers=to_js({"x-a": "1, 2"}))
    """,
    "readable stream": """
        from js import ReadableStream, Response
        from pyodide.ffi import create_proxy, to_js
        letters = list("made")
        @create_proxy
        async def pull(controller):
            if letters:
                controller.enqueue(to_js(letters.pop(0).encode()))
            else:
                controller.close()
        return Response.new(ReadableStream.new(pull=pull), status=201, headers=to_js({"x-a": "1, 2"}))
    """,
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_responses(start_worker: StartWorker, name: str) -> None:
    child = start_worker(f"async def on_fetch(request, env, ctx):{SNIPPETS[name]}")
    response = child.client.get("/")
    assert (response.status_code, response.text, response.headers["x-a"]) == (201, "made", "1, 2")


def test_values(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import json
        from js import JSON, Array, Date, Map, Object, Uint8Array, URL, URLSearchParams, atob, btoa, console, crypto
        from pyodide.ffi import JsException, create_proxy, jsnull, run_sync, to_js
        from workers import Response

        async def on_fetch(request):
            plain = to_js({"a": {"b": [1, None, jsnull]}}, dict_converter=Object.fromEntries)
            assert plain.a.b[0] == 1 and plain.to_py() == {"a": {"b": [1, None, jsnull]}}
            assert JSON.stringify(plain) == '{"a":{"b":[1,null,null]}}' and json.dumps([jsnull]) == "[null]"
            assert JSON.parse('{"x": {"y": 1}}').x.y == 1
            assert list(Object.keys(plain)) == ["a"] and Object.assign(Object.new(), plain).a.b.length == 3
            assert to_js({"k": "v"}).k == "v" and Map.new([["k", "v"]]).get("k") == "v"
            assert Object.fromEntries(Map.new([["k", "v"]]).entries()).k == "v"
            try:
                JSON.parse("{")
            except JsException as error:
                assert error.name == "SyntaxError"
            try:
                plain["a"]
            except TypeError as error:
                assert "to_py()" in str(error)
            url = URL.new(request.url)
            assert url.pathname == "/a%20b" and url.searchParams.get("q") == "1" and url.protocol == "http:"
            url.searchParams.set("q", "2 3")
            assert url.search == "?q=2+3&q2=x" and url.href.endswith("/a%20b?q=2+3&q2=x")
            assert URL.new("../x?y#z", "https://e.com:443/a/b/").href == "https://e.com/a/x?y#z"
            assert str(URLSearchParams.new("a=1&a=2").getAll("a")) == "1,2"
            assert atob(btoa("text")) == "text" and len(crypto.randomUUID()) == 36
            assert (await crypto.subtle.digest("SHA-256", to_js(b""))).to_bytes().hex().startswith("e3b0c442")
            array = Uint8Array.new(8)
            assert any(crypto.getRandomValues(array)) and array.byteLength == 8
            assert Date.new(0).toISOString() == "1970-01-01T00:00:00.000Z"
            proxy = create_proxy(lambda x: x + 1)
            assert proxy(1) == 2 and proxy.destroy() is None
            async def later(): return "later"
            assert run_sync(later()) == "later"
            body = await request.js_object.json()
            console.log("logged", body)
            assert body.name == "n" and request.js_object.headers.get("content-type") == "application/json"
            return Response("fine")
        """
    )
    response = child.client.post("/a%20b?q=1&q2=x", json={"name": "n"})
    assert response.text == "fine", response.text
    child.wait_for_output("logged { name: 'n' }")


def test_headers_and_parameters_are_mappings(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from js import FormData, Headers, URL
        from pyodide.ffi import jsnull
        from workers import Response

        def on_fetch(request):
            headers = Headers.new()
            headers["X-A"] = "1"
            headers["x-a"] = "2"
            assert headers["X-a"] == "2" and "x-a" in headers and headers["x-b"] is jsnull
            try:
                del headers["x-a"]
            except KeyError:  # which Pyodide raises, too: `delete` says nothing
                assert "x-a" not in headers
            parameters = URL.new(request.url).searchParams
            assert parameters["q"] == "1" and "r" not in parameters and parameters["r"] is jsnull
            parameters["q"] = "2"
            assert parameters.toString() == "q=2"
            form = FormData.new()
            form["name"] = "Ada"
            assert form["name"] == "Ada" and [list(pair) for pair in form] == [["name", "Ada"]]
            return Response("fine")
        """
    )
    response = child.client.get("/?q=1")
    assert response.text == "fine", response.text


def test_signatures(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from js import Object, TextEncoder, crypto
        from pyodide.ffi import JsException, to_js
        from workers import Response

        async def on_fetch(request):
            encode = TextEncoder.new().encode
            data = encode("The quick brown fox jumps over the lazy dog")
            algorithm = to_js({"name": "HMAC", "hash": "SHA-256"}, dict_converter=Object.fromEntries)
            key = await crypto.subtle.importKey("raw", encode("key"), algorithm, False, to_js(["sign", "verify"]))
            mac = await crypto.subtle.sign("HMAC", key, data)
            assert mac.to_bytes().hex().startswith("f7bc83f430538424b132")
            assert await crypto.subtle.verify("HMAC", key, mac, data)
            assert not await crypto.subtle.verify("HMAC", key, mac, encode("another"))
            assert crypto.subtle.timingSafeEqual(encode("a"), encode("a"))
            assert not crypto.subtle.timingSafeEqual(encode("a"), encode("b"))
            only_sign = await crypto.subtle.importKey("raw", encode("key"), algorithm, False, to_js(["sign"]))
            failures = []
            for attempt in (
                lambda: crypto.subtle.verify("HMAC", only_sign, mac, encode("x")),
                lambda: crypto.subtle.importKey("raw", data, to_js({"name": "No-Such"}), False, to_js(["encrypt"])),
            ):
                try:
                    await attempt()
                except JsException as error:
                    failures.append(error.name)
            try:
                crypto.subtle.timingSafeEqual(encode("a"), encode("ab"))
            except JsException as error:
                failures.append(error.name)
            return Response(" ".join(failures))
        """
    )
    response = child.client.get("/")
    assert response.text == "InvalidAccessError NotSupportedError TypeError", response.text


MISSING_USES = {
    "pyodide_js.loadPackage('x')": "pyodide_js.loadPackage is not part of wrangler-py",
    "cloudflare.exports.Other": "exports of cloudflare:workers is not part of wrangler-py",
    "run_js('1')": "run_js runs JavaScript",
    "Atomics.load()": "js.Atomics is not part of wrangler-py",
}


@pytest.mark.parametrize("use", MISSING_USES)
def test_what_is_missing_imports_and_fails_at_its_use(start_worker: StartWorker, use: str) -> None:
    child = start_worker(
        f"""
        import pyodide_js
        from js import Atomics, undefined
        from pyodide.code import run_js
        from workers import JSBody, Request, RequestInitCfProperties, Response, import_from_javascript
        cloudflare = import_from_javascript("cloudflare:workers")
        async def on_fetch(request):
            assert undefined is None
            return {use}
        """
    )
    text = child.client.get("/").text
    assert f"NotEmulatedError: {MISSING_USES[use]}" in text
    assert child.wait_for(HandlerException).where == "src/entry.py:9"


def test_a_module_that_the_platform_lacks_cannot_be_imported(start_worker: StartWorker) -> None:
    child = start_worker(
        "from workers import import_from_javascript\ndef on_fetch(): import_from_javascript('left-pad')"
    )
    assert "ImportError: Failed to import 'left-pad'" in child.client.get("/").text


def test_fetch_and_pyfetch(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import js
        from pyodide.ffi import to_js
        from pyodide.http import pyfetch
        from workers import Response
        async def on_fetch(request):
            if request.url.endswith("/inner"):
                return Response.json({"method": request.method.value, "sent": request.headers["x-sent"]})
            init = js.Object.fromEntries([["method", "POST"], ["headers", to_js({"x-sent": "1"})]])
            first = await js.fetch(request.url + "inner", init)
            value = await first.json()
            second = await (await pyfetch(request.url + "inner", headers={"x-sent": "2"})).json()
            return Response(f"{value.method} {value.sent} {second['method']} {second['sent']}")
        """
    )
    assert child.client.get("/").text == "POST 1 GET 2"


def test_a_request_is_the_options_of_another(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import js
        from workers import Response
        async def on_fetch(request):
            if request.url.endswith("/inner"):
                headers = request.headers
                told = f"{headers['x-sent']} {await request.text()}"
                length = f"{headers['content-length']} {headers['transfer-encoding']}"
                return Response(f"{request.method.value} {told} {length}")
            if request.url.endswith("/fetch"):
                return await js.fetch(request.url.replace("/fetch", "/inner"), request.js_object)
            moved = js.Request.new(request.url.replace("/new", "/inner"), request.js_object)
            moved.headers["x-sent"] = "changed"
            return js.fetch(moved)
        """
    )
    for path, expected in (("/fetch", "PUT sent content 7 None"), ("/new", "PUT changed content 7 None")):
        assert child.client.put(path, content="content", headers={"x-sent": "sent"}).text == expected
    assert child.client.get("/fetch", headers={"x-sent": "sent"}).text == "GET sent  None None"
    chunked = child.client.put("/fetch", content=iter([b"con", b"tent"]), headers={"x-sent": "sent"})
    assert chunked.text == "PUT sent content None chunked"


def test_a_web_socket_for_a_request_that_asks_for_none(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from js import WebSocketPair
        from workers import Response
        def on_fetch(request):
            return Response(None, status=101, web_socket=WebSocketPair.new().object_values()[0])
        """
    )
    assert child.client.get("/").status_code == 500
    exception = child.wait_for(HandlerException)
    assert "the request does not ask for one with `Upgrade: websocket`" in exception.summary
    assert child.wait_for(RequestDone).status == 500


def test_a_copy_of_a_response_with_a_web_socket(start_worker: StartWorker) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    child = start_worker(
        """
        from js import WebSocketPair
        from workers import Response
        def on_fetch(request):
            response = Response(None, status=101, web_socket=WebSocketPair.new().object_values()[0])
            return response.clone()
        """
    )
    with pytest.raises(InvalidStatus, match="500"), connect(child.url.replace("http", "ws"), proxy=None):
        pass
    assert "Cannot clone a response to a WebSocket handshake" in child.wait_for(HandlerException).summary


def test_a_client_that_leaves_before_its_web_socket_is_accepted(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio
        from js import WebSocketPair
        from pyodide.ffi import create_proxy
        from workers import Response
        async def on_fetch(request):
            print("asked")
            await asyncio.sleep(0.2)
            client, server = WebSocketPair.new().object_values()
            server.accept()
            server.addEventListener("close", create_proxy(lambda event: print("closed", event.code)))
            return Response(None, status=101, web_socket=client)
        """
    )
    with socket.create_connection(("127.0.0.1", child.port)) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        child.wait_for_output("asked")
    assert child.wait_for(RequestDone).status == 101
    child.wait_for_output("closed 1006")
    child.drain()
    assert child.wait() == 0


def test_a_body_that_fails_in_answer_to_an_upgrade(start_worker: StartWorker) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    child = start_worker(
        """
        from streamed import streamed
        async def pieces():
            yield b"one"
            raise ValueError("no more")
        def on_fetch(request):
            return streamed(pieces())
        """,
        files={"src/streamed.py": STREAMED},
    )
    with pytest.raises(InvalidStatus, match="500"), connect(child.url.replace("http", "ws"), proxy=None):
        pass
    assert "no more" in child.wait_for(HandlerException).summary
    assert child.wait_for(RequestDone).status == 500
    child.drain()
    assert child.wait() == 0


def test_a_web_socket_to_a_server(start_worker: StartWorker) -> None:
    from websockets.sync.server import ServerConnection, serve

    def talk(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message[::-1])
            if message == "end":
                connection.close(4002, "enough")

    with serve(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        child = start_worker(
            """
            from asyncio import Queue
            from js import WebSocket
            from pyodide.ffi import JsException, create_proxy
            from workers import Response
            async def on_fetch(request, env):
                socket, events = WebSocket.new(env.SERVER), Queue()
                for kind in ("open", "message", "close", "error"):
                    socket.addEventListener(kind, create_proxy(events.put_nowait))
                told = [(await events.get()).type]
                if told == ["open"]:
                    for text in ("abc", "end"):
                        socket.send(text)
                        told.append((await events.get()).data)
                event = await events.get()
                try:
                    WebSocket.new("ftp://example.com")
                except JsException as error:
                    told.append(error.name)
                return Response.json([*told, event.type, event.code, event.wasClean])
            """,
            vars={"SERVER": f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"},
        )
        assert child.client.get("/").json() == ["open", "cba", "dne", "SyntaxError", "close", 4002, True]
        server.shutdown()
    assert child.client.get("/").json() == ["error", "SyntaxError", "close", 1006, False]


def test_a_function_that_is_called_too_late(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from asyncio import sleep
        from js import setTimeout
        from workers import Response
        def ring(): print("rang")
        async def on_fetch(request):
            setTimeout(ring, 1)
            await sleep(0.05)
            return Response("x")
        """
    )
    assert child.client.get("/").text == "x"
    exception = child.wait_for(HandlerException)
    assert "This borrowed proxy was automatically destroyed" in exception.summary
    assert exception.hint == "create_proxy(ring), since it is called after the function that took it has returned"
    assert exception.id == "3-1"


def test_web_sockets(start_worker: StartWorker) -> None:
    from websockets.sync.client import connect

    child = start_worker(
        """
        from js import WebSocketPair
        from pyodide.ffi import create_proxy, to_js
        from workers import Response, env
        async def on_fetch(request):
            if request.headers.get("Upgrade") != "websocket":
                return Response("Expected an upgrade", status=426)
            client, server = WebSocketPair.new().object_values()
            server.accept()
            server.binaryType = "arraybuffer"
            server.send("welcome")
            async def answer(event):
                if event.data == "end":
                    server.close(4001, "as asked")
                elif isinstance(event.data, str):
                    server.send(f"{env.NAME}: {event.data}")
                else:
                    server.send(to_js(event.data.to_bytes()[::-1]))
            server.addEventListener("message", create_proxy(answer))
            server.addEventListener("close", create_proxy(lambda event: print("closed", event.code)))
            return Response(None, status=101, web_socket=client)
        """,
        vars={"NAME": "n"},
    )
    address = child.url.replace("http", "ws")
    with connect(address, proxy=None) as socket:
        assert socket.recv(10) == "welcome"
        socket.send("hi")
        assert socket.recv(10) == "n: hi"
        socket.send(b"\x01\x02")
        assert socket.recv(10) == b"\x02\x01"
    child.wait_for_output("closed 1000")
    assert child.wait_for(RequestDone).status == 101
    with connect(address, proxy=None) as socket:
        socket.recv(10)
        socket.send("end")
        with pytest.raises(Exception, match="4001"):
            socket.recv(10)
    child.wait_for(RequestDone, 2)
    assert child.client.get("/").status_code == 426
    with connect(address, proxy=None) as socket:
        socket.recv(10)
        child.drain()
        with pytest.raises(Exception, match="1012"):
            socket.recv(10)
    assert child.wait() == 0


def test_a_python_iterable_is_a_body_as_long_as_its_proxy_lives(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import js
        from pyodide.ffi import create_proxy, to_js
        from workers import Response
        async def pieces():
            yield to_js(b"a")
            yield to_js(b"b")
        async def on_fetch(request):
            try:
                await js.Response.new(pieces()).text()
            except Exception as error:
                return Response(f"{await js.Response.new(create_proxy(pieces())).text()} {error}")
        """
    )
    assert child.client.get("/").text.startswith("ab Error: This borrowed proxy was automatically destroyed")


@pytest.mark.parametrize(
    ("date", "timer", "has_immediate", "outcome"),
    [
        ("2026-08-03", "number", False, "raised"),
        ("2026-08-04", "Timeout", True, "raised"),
        ("2026-09-15", "Timeout", True, "reported"),
    ],
)
def test_globals_of_node_and_exceptions_of_listeners_follow_the_compatibility_date(
    start_worker: StartWorker, date: str, timer: str, has_immediate: bool, outcome: str
) -> None:
    child = start_worker(
        """
        import asyncio
        import js
        from pyodide.ffi import create_proxy
        from workers import Response, WorkerEntrypoint

        def fail(event):
            raise ValueError("in a listener")

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                never = asyncio.get_running_loop().create_future()
                timer = js.setTimeout(create_proxy(lambda: never.set_result(1)), 0)
                js.clearTimeout(timer)
                if hasattr(js, "setImmediate"):
                    done = asyncio.get_running_loop().create_future()
                    js.setImmediate(create_proxy(done.set_result), "called")
                    assert await done == "called"
                target = js.EventTarget.new()
                target.addEventListener("x", create_proxy(fail))
                try:
                    assert target.dispatchEvent(js.Event.new("x"))
                    outcome = "reported"
                except Exception as error:
                    outcome = "raised"
                await js.scheduler.wait(5)
                kind = "number" if isinstance(timer, int) else timer.constructor.name
                return Response(f"{kind} {hasattr(js, 'setImmediate')} {outcome} {never.done()}")
        """,
        compatibility_date=date,
    )
    assert child.client.get("/").text == f"{timer} {has_immediate} {outcome} False"
    if outcome == "reported":
        assert "in a listener" in child.wait_for(HandlerException).summary
