"""The `workers` module as a Worker uses it, through HTTP."""

from __future__ import annotations

import gzip
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from support.streamed import STREAMED
from support.worker_child import StartWorker

from wrangler_py.worker_protocol import Libraries

PREFIX = (
    STREAMED
    + """
from http import HTTPMethod, HTTPStatus
from js import Headers
from pyodide.ffi import JsException
from workers import Blob, Context, File, FormData, Request, WorkerEntrypoint, fetch

async def pieces():
    yield b"a"
    yield b"b"
"""
)


class AnswerTo(Protocol):
    def __call__(self, body: str, method: str = "GET", path: str = "/", **options: Any) -> httpx.Response: ...


@pytest.fixture
def answer_to(start_worker: StartWorker) -> AnswerTo:
    """Run the body of an `async def on_fetch(request, env, ctx)` and return the HTTP response."""

    def run(body: str, method: str = "GET", path: str = "/", **options: Any) -> httpx.Response:
        indented = textwrap.indent(textwrap.dedent(body), "    ")
        child = start_worker(f"{PREFIX}\nasync def on_fetch(request, env, ctx):\n{indented}\n")
        return child.client.request(method, path, **options)

    return run


@pytest.mark.parametrize(
    ("expression", "status", "headers", "text"),
    [
        ('Response("text")', 200, {"content-type": "text/plain;charset=UTF-8"}, "text"),
        ('Response("é")', 200, {"content-length": "2"}, "é"),
        ('Response(b"bytes", status=201)', 201, {"content-type": None, "content-length": "5"}, "bytes"),
        ("Response(None, status=HTTPStatus.NO_CONTENT)", 204, {"content-length": None}, ""),
        ("Response()", 200, {"content-length": "0"}, ""),
        ('Response("x", headers={"Content-Type": "text/html"})', 200, {"content-type": "text/html"}, "x"),
        ('Response("x", headers=[("a", "1"), ("a", "2")])', 200, {"a": "1, 2"}, "x"),
        ('Response("x", headers=Headers.new([["b", "3"]]))', 200, {"b": "3"}, "x"),
        ('Response("x", headers={"content-length": "99"})', 200, {"content-length": "1"}, "x"),
        ('Response.json({"a": [1]})', 200, {"content-type": "application/json"}, '{"a": [1]}'),
        ('Response.json([], status=404, headers={"x-y": "z"})', 404, {"x-y": "z"}, "[]"),
        ('Response.from_json("s", HTTPStatus.CREATED)', 201, {"content-type": "application/json"}, '"s"'),
        ('Response.redirect("https://example.com/x")', 302, {"location": "https://example.com/x"}, ""),
        ('Response.redirect("https://E.com/a b", 308)', 308, {"location": "https://e.com/a%20b"}, ""),
        ('Response(Blob(["a", b"b"], content_type="text/css").js_object)', 200, {"content-type": "text/css"}, "ab"),
        ("streamed(pieces())", 200, {"transfer-encoding": "chunked", "content-type": None}, "ab"),
        ('Response("old", status=202, headers={"k": "v"}).replace_body("new")', 202, {"k": "v"}, "new"),
        ('Response(await Response("again").clone().text())', 200, {}, "again"),
        ('Response(Response("stream").body)', 200, {}, "stream"),
    ],
)
def test_responses(
    answer_to: AnswerTo, expression: str, status: int, headers: dict[str, str | None], text: str
) -> None:
    response = answer_to(f"return {expression}")
    assert response.status_code == status
    assert response.text == text
    for name, value in headers.items():
        assert response.headers.get(name) == value


def test_head_has_the_headers_and_no_body(answer_to: AnswerTo) -> None:
    response = answer_to('return Response("text", headers={"a": "b"})', method="HEAD")
    assert (response.status_code, response.content, response.headers["a"]) == (200, b"", "b")


def test_repeated_cookies_stay_apart(answer_to: AnswerTo) -> None:
    response = answer_to('return Response("x", headers=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")])')
    assert response.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]


def test_what_a_request_says(answer_to: AnswerTo) -> None:
    response = answer_to(
        """
        clone = request.clone()
        assert request.method == HTTPMethod.PUT and request.method == "PUT"
        assert await request.json() == {"a": 1}
        assert request.body_used and not clone.body_used
        try:
            await request.text()
        except OSError as error:
            again = str(error)
        try:
            request.clone()
        except OSError:
            pass
        else:
            raise AssertionError("a used body was cloned")
        assert (await clone.buffer()).to_bytes() == b'{"a":1}'
        headers = request.headers
        return Response.json({
            "url": request.url, "again": again,
            "headers": [headers["x-one"], headers.get("X-One"), headers.get("no")],
            "cf": request.cf.colo, "repr": repr(request), "client": headers["cf-connecting-ip"],
        })
        """,
        method="PUT",
        path="/a%20b/%C3%A9?q=1&q=%2F",
        json={"a": 1},
        headers={"X-One": "1"},
    ).json()
    assert response["url"].endswith("/a%20b/%C3%A9?q=1&q=%2F")
    assert response["again"].startswith("Body already used")
    assert response["headers"] == ["1", "1", None]
    assert response["client"] == "127.0.0.1"
    assert response["repr"].startswith("Request(method='PUT', url='http://127.0.0.1:")


FORM_BODY = """
    form = await request.form_data()
    upload = form.get("upload")
    return Response.json({
        "items": [(name, value) for name, value in form.items() if isinstance(value, str)],
        "all": form.get_all("name"),
        "file": upload and [upload.name, upload.content_type, upload.size, await upload.text()],
    })
"""


def test_urlencoded_forms(answer_to: AnswerTo) -> None:
    answer = answer_to(FORM_BODY, method="POST", data={"name": ["ü&", "2"], "empty": ""}).json()
    assert answer == {"items": [["name", "ü&"], ["name", "2"], ["empty", ""]], "all": ["ü&", "2"], "file": None}


def test_multipart_forms(answer_to: AnswerTo) -> None:
    content = b"line\r\n--not the boundary\r\n"
    answer = answer_to(
        FORM_BODY, method="POST", data={"name": "ü"}, files={"upload": ('a "b".txt', content, "text/x")}
    ).json()
    assert answer["items"] == [["name", "ü"]]
    assert answer["file"] == ["a %22b%22.txt", "text/x", len(content), content.decode()]


def test_forms_survive_the_way_out_and_in(answer_to: AnswerTo) -> None:
    response = answer_to(
        """
        form = FormData({"key": "first"})
        form.append("key", "second")
        form["file"] = File(b"\\x00data", "näme.bin", "application/x-data")
        assert "key" in form and form["key"] == "first"
        back = await Response(form).form_data()
        assert back.get_all("key") == ["first", "second"]
        assert await back["file"].bytes() == b"\\x00data"
        assert (back["file"].name, back["file"].content_type) == ("näme.bin", "application/x-data")
        del back["key"]
        assert "key" not in back
        try:
            await Response("x").form_data()
        except TypeError as error:
            return Response(str(error))
        """
    )
    assert "multipart/form-data" in response.text


def test_blobs(answer_to: AnswerTo) -> None:
    response = answer_to(
        """
        typed = Blob(["test"], content_type="application/json")
        assert (typed.size, await typed.bytes()) == (4, b"test")
        assert await typed.slice(1, 3).text() == "es"
        assert Blob(typed).content_type == "application/json" and Blob([typed]).content_type == ""
        assert await Blob([memoryview(b"foobar")]).text() == "foobar"
        assert typed.js_object.type == "application/json"
        assert await (await Response(typed.js_object).blob()).text() == "test"
        file = File("my file", filename="test.txt", content_type="text/plain")
        assert (file.name, file.content_type, file.last_modified > 0) == ("test.txt", "text/plain", True)
        return Response("fine")
        """
    )
    assert response.text == "fine"


def test_requests_one_makes(answer_to: AnswerTo) -> None:
    response = answer_to(
        """
        headers = {"User-Agent": "A, B"}
        made = Request("https://test.com", method=HTTPMethod.POST, body='{"field": 42}', headers=headers)
        assert repr(made) == "Request(method='POST', url='https://test.com/')"
        assert made.headers.get_all("user-agent") == ["A, B"] and made.cf is None
        cookies = Request("https://test.com", headers=[("Set-Cookie", "a=b, c"), ("Set-Cookie", "e=f")])
        assert cookies.headers.get_all("Set-Cookie") == ["a=b, c", "e=f"]
        other = Request(made, headers={"x": "y"})
        assert other.method == HTTPMethod.POST and await other.json() == {"field": 42}
        for wrong in (lambda: Request("/relative"), lambda: Request("https://x", body="b")):
            try:
                wrong()
            except JsException as error:
                assert error.name == "TypeError"
                continue
            raise AssertionError("accepted")
        return Response("fine")
        """
    )
    assert response.text == "fine"


def test_patch_env_changes_one_request_only(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import workers
        from workers import Response, patch_env
        def on_fetch(request):
            before = workers.env.NAME
            with patch_env(NAME="patched", NEW="new"):
                inside = workers.env.NAME + workers.env.NEW
            return Response.json([before, inside, workers.env.NAME, hasattr(workers.env, "NEW")])
        """,
        vars={"NAME": "given"},
    )
    for _ in range(2):
        assert child.client.get("/").json() == ["given", "patchednew", "given", False]


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("Location", "/landed" if self.path == "/redirect" else self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                sent += self.rfile.read(size) + b"|"
                self.rfile.readline()
            self.rfile.readline()
        told = self.client_address[1] if self.path == "/port" else self.headers.get("X-Sent")
        content = f"{self.command} {self.path} {told} ".encode() + sent
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/gzip":
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_a_worker_that_fetches_itself_without_end_is_stopped(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, fetch
        async def on_fetch(request):
            if "x-wrangler-py-depth" in request.headers:
                return Response("seen")
            return await fetch(request)
        """
    )
    response = child.client.get("/")
    assert response.status_code == 500
    assert "The Worker fetched itself 16 times in a row" in response.text


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that closes early is part of the test."""


@pytest.fixture
def upstream() -> Iterator[str]:
    server = QuietServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_fetch(answer_to: AnswerTo, upstream: str) -> None:
    response = answer_to(
        f"""
        url = "{upstream}"
        first = await fetch(url + "/get", headers={{"X-Sent": "sent"}})
        assert (first.status, first.ok, first.redirected) == (200, True, False)
        assert await first.text() == "GET /get sent "
        posted = await fetch(url + "/post", method=HTTPMethod.POST, body="body")
        assert await posted.text() == "POST /post None body"
        again = await fetch(Request(url + "/post", method="POST", body=b"bytes"))
        assert await again.text() == "POST /post None bytes"
        sent = await fetch(url + "/post", method="POST", body=streamed(pieces()).body)
        assert await sent.text() == "POST /post None a|b|"
        ports = {{await (await fetch(url + "/port")).text() for _ in range(3)}}
        assert len(ports) == 1, "the requests of one request share a client and its connections"
        missing = await fetch(url + "/missing")
        assert (missing.status_text, missing.js_response.statusText) == ("Not Found", "Not Found")
        try:
            missing.raise_for_status()
        except OSError as error:
            assert str(error) == f"404 Client Error: Not Found for url: {{url}}/missing"
        else:
            raise AssertionError("404 is an error")
        assert first.raise_for_status() is None and await missing.string() == "GET /missing None "
        followed = await fetch(url + "/redirect")
        assert followed.redirected and followed.url == url + "/landed"
        manual = await fetch(url + "/redirect", redirect="manual")
        assert manual.status == 302 and manual.headers["location"] == "/landed"
        for options, expected in (({{"redirect": "error"}}, JsException), ({{}}, OSError)):
            try:
                await fetch(url + "/redirect-forever" if not options else url + "/redirect", **options)
            except expected:
                continue
            raise AssertionError(expected)
        try:
            await fetch("http://127.0.0.1:9/")
        except OSError as error:
            assert "fetch of http://127.0.0.1:9/ failed" in str(error)
        return await fetch(url + "/gzip")
        """
    )
    assert response.text == "GET /gzip None "
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_fetch_gets_its_own_origin_while_its_request_runs(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, fetch
        async def on_fetch(request):
            if request.url.endswith("/inner"):
                return Response("inner")
            return await fetch(request.url + "inner")
        """
    )
    assert child.client.get("/").text == "inner"


def test_project_packages_are_found(start_worker: StartWorker, tmp_path: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    child = start_worker(
        """
        import chosen, vendored, workers
        from workers import Response
        def on_fetch(): return Response(f"{chosen.WHERE} {vendored.WHERE} {workers.Response is Response}")
        """,
        files={
            f".venv/lib/{version}/site-packages/chosen.py": "WHERE = 'venv'",
            f".venv/lib/{version}/site-packages/workers/__init__.py": "raise ImportError('not the local one')",
            "python_modules/chosen.py": "WHERE = 'python_modules'",
            "python_modules/vendored.py": "WHERE = 'python_modules'",
        },
    )
    assert child.client.get("/").text == "venv python_modules True"
    installed = child.wait_for(Libraries).files
    assert installed["chosen"] == str(tmp_path / f".venv/lib/{version}/site-packages/chosen.py")
    assert "entry" not in installed


@pytest.mark.parametrize(("version", "expected"), [("99.1", "the project's"), ("1.0.2", "wrangler-py's")])
def test_the_newest_sdk_is_used(start_worker: StartWorker, tmp_path: Path, version: str, expected: str) -> None:
    [ours] = [Path(file) for file in distribution("workers-runtime-sdk").files or () if file.name == "py.typed"]
    packages = tmp_path / "python_modules"
    shutil.copytree(distribution("workers-runtime-sdk").locate_file(ours).parent, packages / "workers")
    (packages / "_workers_sdk_package_patches.py").touch()
    (packages / f"workers_runtime_sdk-{version}.dist-info").mkdir()
    with (packages / "workers" / "__init__.py").open("a") as file:
        file.write('\nWHOSE = "the project\'s"\n')
    child = start_worker(
        """
        import workers
        def on_fetch(): return workers.Response(getattr(workers, "WHOSE", "wrangler-py's"))
        """
    )
    assert child.client.get("/").text == expected


OPTIONS_IN_A_DICT = """
    import js
    def on_fetch():
        return js.Response.new("x", {"status": 201})
    """


@pytest.mark.parametrize("date", ["2025-09-29", "2026-04-24", "2026-09-08"])
def test_a_dict_is_an_object_of_options_from_pyodide_028_on(start_worker: StartWorker, date: str) -> None:
    child = start_worker(OPTIONS_IN_A_DICT, compatibility_date=date)
    assert child.client.get("/").status_code == 201
    assert "UserWarning" not in child.output()


def test_an_object_of_options_that_is_a_dict(start_worker: StartWorker) -> None:
    """JavaScript sees no properties in a dict before: neither here nor on the platform does it have an effect."""
    child = start_worker(OPTIONS_IN_A_DICT, compatibility_date="2025-09-01")
    for _ in range(2):
        assert child.client.get("/").status_code == 200
    child.wait_for_output("entry.py:4: UserWarning: A dict is no object of options for JavaScript")
    assert child.output().count("UserWarning") == 1
