"""What a person is told when their Worker cannot be loaded or fails, in the terminal and in the browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.streamed import STREAMED
from support.worker_child import PATIENCE_S, Child, StartWorker

from wrangler_py.worker_protocol import HandlerException, HyperdriveEndpoint, LoadError, Log, Ready, RequestDone

BROWSER = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def load_error(start_worker: StartWorker, source: str, **options: Any) -> tuple[Child, LoadError]:
    child = start_worker(source, ready=False, **options)
    return child, child.wait_for(LoadError)


def test_a_syntax_error_points_at_its_line(start_worker: StartWorker) -> None:
    child, event = load_error(start_worker, "import json\n\ndef broken(:\n    pass\n")
    assert event.summary == "src/entry.py:3: SyntaxError: invalid syntax"
    assert "def broken(:" in event.traceback
    assert "wrangler_py/worker" not in event.traceback
    for _ in range(2):
        response = child.client.get("/any/path")
        assert response.status_code == 500
        assert response.headers["content-type"].startswith("text/plain")
        assert "src/entry.py:3" in response.text
    assert not child.of_kind(Ready)
    child.drain()
    assert child.wait() == 0


def test_an_error_in_an_imported_file_points_there(start_worker: StartWorker) -> None:
    child, event = load_error(
        start_worker, "import helper", files={"src/helper.py": "VALUE = 1\nOTHER = VALUE + missing\n"}
    )
    assert event.summary == "src/helper.py:2: NameError: name 'missing' is not defined"
    page = child.client.get("/", headers=BROWSER).text
    assert page.index("src/helper.py:2") < page.index("src/entry.py:1") < page.index("Full traceback")


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("psycopg_pool.missing", "pip install 'psycopg[binary,pool]'"),
        ("psycopg2.missing", "use psycopg 3"),
        ("left_pad", "pip install left_pad"),
        ("psycopgg", "Did you mean psycopg?"),
        ("worker", "Did you mean workers?"),
    ],
)
def test_a_missing_package_comes_with_the_command_that_installs_it(
    start_worker: StartWorker, module: str, advice: str
) -> None:
    child, event = load_error(start_worker, f"import {module}")
    assert advice in (event.hint or "")
    assert advice in child.client.get("/").text


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("shelf.films", None),
        ("shelf.inner.films", None),
        ("shelf.boks", "Did you mean shelf.books?"),
        ("shelf.inner.pges", "Did you mean shelf.inner.pages?"),
        ("json.films", None),
        ("httpx.films", f"httpx {httpx.__version__} is installed and has no such module"),
        ("httpx._transports.films", f"httpx {httpx.__version__} is installed and has no such module"),
    ],
)
def test_a_module_missing_in_a_package_that_is_there(start_worker: StartWorker, module: str, hint: str) -> None:
    files = {f"src/shelf/{name}.py": "" for name in ("__init__", "books", "inner/__init__", "inner/pages")}
    _, event = load_error(start_worker, f"import {module}", files=files)
    assert f"No module named '{module}'" in event.summary
    assert (event.hint or "").startswith(hint) if hint else event.hint is None


def test_a_missing_driver_inside_a_handler_comes_with_advice_too(start_worker: StartWorker) -> None:
    child = start_worker("def on_fetch():\n    import psycopg.nothing_of_this_name\n")
    assert "pip install 'psycopg[binary]'" in child.client.get("/").text


def test_a_package_that_is_installed_meanwhile(start_worker: StartWorker, tmp_path: Path) -> None:
    packages = tmp_path / "python_modules"
    packages.mkdir()
    child, event = load_error(start_worker, "from late import on_fetch")
    assert (event.hint or "").startswith("pip install late")
    (packages / "late.py").write_text("from workers import Response\ndef on_fetch(): return Response('late')\n")
    deadline = time.monotonic() + PATIENCE_S
    while (text := child.client.get("/").text) != "late":
        assert time.monotonic() < deadline, text
    assert child.wait_for(Ready)
    assert child.wait_for(Log).message == "late is installed now: loading the Worker again."
    assert len(child.of_kind(LoadError)) == 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", "exports no handler"),
        (
            "from workers import WorkerEntrypoint\n\nclass Defualt(WorkerEntrypoint):\n    def fetch(self): ...",
            "src/entry.py:3: The entry point must be named Default; found class Defualt",
        ),
        ("class default:\n    async def fetch(self): ...", "src/entry.py:1: The entry point must be named Default"),
        (
            "from workers import WorkerEntrypoint\n\nclass Default(WorkerEntrypoint):\n"
            "    async def fecth(self, request): ...",
            "src/entry.py:3: class Default has no fetch method (it has fecth: is that meant?)",
        ),
        ("from workers import fetch", "exports no handler"),
        (
            "from workers import WorkerEntrypoint\n\nclass Default(WorkerEntrypoint):\n"
            "    async def queue(self, batch): ...",
            "src/entry.py:4: The Worker handles queue events, and wrangler-py has none of them. Run `",
        ),
        (
            "\nclass Worker:\n    async def fetch(self, request): ...",
            "src/entry.py:2: The entry point must be named Default; found class Worker",
        ),
        (
            "from workers import WorkerEntrypoint\n\nclass Default(WorkerEntrypoint):\n"
            "    async def fetch(request): ...",
            "src/entry.py:4: Default.fetch has no self. Write `async def fetch(self, request)`",
        ),
        (
            "\nclass Default:\n    async def fetch(self, request): ...",
            "src/entry.py:2: class Default does not extend WorkerEntrypoint",
        ),
    ],
)
def test_a_missing_entry_point_is_named(start_worker: StartWorker, source: str, expected: str) -> None:
    _, event = load_error(start_worker, source)
    assert expected in event.summary


def test_a_name_that_a_module_has_not(start_worker: StartWorker) -> None:
    child, event = load_error(start_worker, "from workers import Respnse\n")
    assert event.summary == "src/entry.py:1: ImportError: cannot import name 'Respnse' from 'workers'"
    assert event.hint == "from workers import Response"
    assert "wrangler_py" not in child.client.get("/").text


def test_a_file_with_the_name_of_a_module_of_the_platform(start_worker: StartWorker) -> None:
    _, event = load_error(start_worker, "from workers import hire\n", files={"src/workers.py": "def hire(): ...\n"})
    assert event.hint == "another name for your workers.py: `workers` is the platform's module"


def test_an_entry_point_that_cannot_be_made(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, WorkerEntrypoint
        class Default(WorkerEntrypoint):
            def __init__(self):
                pass
            def fetch(self, request):
                return Response("x")
        """
    )
    assert "write `def __init__(self, ctx, env)`" in child.client.get("/").text
    event = child.wait_for(HandlerException)
    assert event.where == "src/entry.py:4"
    assert event.traceback == ""


def test_a_missing_main_file(start_worker: StartWorker, tmp_path: Path) -> None:
    _, event = load_error(start_worker, "", main=str(tmp_path / "src" / "gone.py"))
    assert "main is src/gone.py, and there is no such file" in event.summary


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("None", "on_fetch returned nothing"),
        ("{'a': 1}", "on_fetch returned a dict, not a Response. Write `return Response.json(…)`"),
        ("'text'", "on_fetch returned str, not a Response. Write `return Response(…)`"),
        ("Response({'a': 1})", "TypeError: Unsupported type in Response: dict"),
        ("Response('x', headers={'bad name': 'x'})", "Invalid header name"),
        ("Response('x', headers={'x': 'a\\nb'})", "Invalid header value"),
        ("Response('x', status=99)", "status codes in the range 200 to 599"),
        ("Response('x', status=204)", "Response with null body status"),
    ],
)
def test_a_wrong_result_points_at_the_handler(start_worker: StartWorker, expression: str, expected: str) -> None:
    child = start_worker(f"from workers import Request, Response\n\ndef on_fetch():\n    return {expression}\n")
    response = child.client.get("/")
    assert response.status_code == 500
    assert expected in response.text
    assert child.wait_for(HandlerException).where in ("src/entry.py:3", "src/entry.py:4")


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("Response(request.path)", "urllib.parse.urlsplit(request.url).path"),
        ("Response(request.txt())", "Did you mean text?"),
        ("Response((await request.json()).name)", "write ['name']: a dict has keys, not attributes"),
        ("Response(request.json()['name'])", "put `await` before the call"),
        ("Response(request.json().get('name'))", "put `await` before the call"),
        ("Response(request.text())", "put `await` before the call"),
        ("Response.json({'at': date.today()})", "convert such values first: in SQL with column::text"),
        ("Response.jsn({})", "Did you mean json?"),
        ("Response(js.URL.nothing(1))", "a Python library in place of js.URL.nothing"),
        ("psycopg.connect(env.HYPERDRIVE)", "env.BINDING.connectionString"),
        ("psycopg.connect(env.HYPERDRIVE.connection_string)", "Did you mean connectionString?"),
        ("Response({'a': 1})", "Response.json(…)"),
        ("Response(letter for letter in 'ab')", "wrap it in a stream"),
        ("Response(bytearray(b'a'))", "Response(bytes(…))"),
        ("Response(Blob(['a']))", "Response(blob.js_object)"),
        ("Response('x', headers=request.headers)", "headers=dict(…) or a list of pairs"),
        ("Response('x', headers=Headers({}))", "js.Headers.new(…) or a dict"),
        ("js.Response.new('x', headers={'a': 'b'})", "a list of pairs, or to_js(dict, dict_converter=Object."),
        ("js.Response.new(await request.js_object.text() + await request.js_object.text())", "clone() before"),
        (
            "await js.Response.new(js.ReadableStream.from_(js.Array.of('a'))).text()",
            "streams of bodies carry bytes",
        ),
        ("Response.redirect('/login')", 'urllib.parse.urljoin(request.url, "/…")'),
        ("Response(js.Headers())", "Class.new(…)"),
        ("Response(js.Map())", "Class.new(…)"),
        ("request.js_object.headers.set('a', 'b')", "change the headers of a copy"),
        ("isinstance(request.js_object, js.Request)", "a constructor of js is no class of Python's"),
        ("Response((await request.js_object.json()).nme)", "Did you mean name?"),
        ("Response(request.js_object.json().name)", "put `await` before the call"),
        ("env['HYPERDRIVE']", "env has attributes, not items"),
    ],
)
def test_a_typo_gets_a_suggestion(start_worker: StartWorker, expression: str, hint: str) -> None:
    child = start_worker(
        "from datetime import date\nimport js, psycopg\nfrom workers import Blob, Headers, Response\n\n"
        f"async def on_fetch(request, env):\n    return {expression}\n",
        hyperdrive={"HYPERDRIVE": HyperdriveEndpoint(host="127.0.0.1", port=1, password="x", database="d")},
    )
    assert f"Try: {hint}" in child.client.post("/", json={"name": "n"}).text
    assert child.wait_for(HandlerException).where == "src/entry.py:6"


def test_a_breakpoint_without_a_terminal(start_worker: StartWorker) -> None:
    child = start_worker("def on_fetch():\n    breakpoint()\n    return 1\n")
    assert "wrangler-py dev --no-reload" in child.client.get("/").text


def test_there_is_no_origin_to_pass_an_exception_on_to(start_worker: StartWorker) -> None:
    child = start_worker(
        "def on_fetch(request, env, ctx):\n    ctx.passThroughOnException()\n    raise LookupError('nothing')\n"
    )
    response = child.client.get("/")
    assert (response.status_code, "LookupError: nothing" in response.text) == (500, True)


def test_a_response_is_returned_once(start_worker: StartWorker) -> None:
    child = start_worker(
        "from workers import Response\nSHARED = Response('x')\n\ndef on_fetch(request):\n    return SHARED\n"
    )
    assert child.client.get("/").text == "x"
    assert "on_fetch returned a Response whose body was used already" in child.client.get("/").text
    assert child.wait_for(HandlerException).where == "src/entry.py:4"


def test_an_exception_shows_the_persons_code(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import json
        from workers import Response

        def on_fetch(request):
            secret = "local values are not shown"
            return parse("<script>alert(1)</script>")

        def parse(text):
            return json.loads(text)
        """
    )
    text = child.client.get("/").text
    assert "JSONDecodeError" in text
    event = child.wait_for(HandlerException)
    assert event.where == "src/entry.py:10"
    assert event.id == "3-1"
    assert "File" in event.traceback
    assert "wrangler_py/worker" not in event.traceback
    page = child.client.get("/", headers=BROWSER)
    assert page.headers["content-type"] == "text/html;charset=UTF-8"
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert "width=device-width" in page.text
    assert 'data-generation="3"' in page.text
    assert (
        page.text.index("src/entry.py:10") < page.text.index("src/entry.py:7") < page.text.index("Full traceback")
    )
    assert child.wait_for(RequestDone).status == 500


def test_the_generation_is_told_even_when_loading_failed(start_worker: StartWorker) -> None:
    child, _ = load_error(start_worker, "1/0", generation=12)
    response = child.client.get("/cdn-cgi/wrangler-py/generation")
    assert (response.status_code, response.text) == (200, "12")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "failure", ["raise SystemExit(3)", "import sys; sys.exit('bye')", "raise KeyboardInterrupt"]
)
def test_a_handler_cannot_end_the_server(start_worker: StartWorker, failure: str) -> None:
    child = start_worker(
        f"from workers import Response\ndef on_fetch(request):\n"
        f"    if request.url.endswith('/end'):\n        {failure}\n    return Response('alive')"
    )
    assert child.client.get("/end").status_code == 500
    assert child.client.get("/").text == "alive"


def test_secrets_are_in_no_error_text(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        def on_fetch(request, env):
            raise ValueError(f"cannot reach {env.HYPERDRIVE.connectionString} with {env.API_TOKEN}")
        """,
        hyperdrive={"DB": HyperdriveEndpoint(host="127.0.0.1", port=1, password="pässword/12", database="d")}
        | {"HYPERDRIVE": HyperdriveEndpoint(host="127.0.0.1", port=1, password="swordfish/12", database="d")},
        vars={"API_TOKEN": "token-abcdef"},
    )
    text = child.client.get("/").text + child.client.get("/", headers=BROWSER).text
    text += str(child.wait_for(HandlerException, 2))
    assert "cannot reach" in text
    for secret in ("swordfish", "token-abcdef"):
        assert secret not in text


def test_an_exception_while_streaming_breaks_the_body_off(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from streamed import streamed
        async def pieces():
            yield b"some"
            raise RuntimeError("in the middle")
        def on_fetch(): return streamed(pieces())
        """,
        files={"src/streamed.py": STREAMED},
    )
    with pytest.raises(httpx.RemoteProtocolError):
        child.client.get("/")
    assert child.wait_for(HandlerException).summary == "RuntimeError: in the middle"


def test_env_has_no_items(start_worker: StartWorker) -> None:
    child = start_worker("def on_fetch(request, env): return env['GREETING']", vars={"GREETING": "hi"})
    assert "env has attributes, not items: env.NAME" in child.client.get("/").text


def test_env_says_what_it_has(start_worker: StartWorker) -> None:
    child = start_worker("def on_fetch(request, env): return env.GREETNG", vars={"GREETING": "hi", "OTHER": "x"})
    assert "env has no binding or variable named 'GREETNG' (it has: GREETING, OTHER)" in child.client.get("/").text


FORGETFUL = """
    import asyncio
    from workers import Response

    from libraries import begin

    async def save():
        await asyncio.sleep(60)

    async def on_fetch(request, env, ctx):
        if request.url.endswith("/await"):
            save()
        elif request.url.endswith("/text"):
            return Response(request.text())
        elif request.url.endswith("/task"):
            task = asyncio.create_task(save())
        elif request.url.endswith("/kept"):
            ctx.waitUntil(asyncio.sleep(0))
            begin()
        return Response("done")
"""
LIBRARY = """
    import asyncio

    def begin():
        asyncio.create_task(asyncio.sleep(60))
"""


@pytest.mark.parametrize(
    ("path", "warning"),
    [
        ("/await", "src/entry.py:12: save() did nothing: it was not awaited. Put `await` before the call."),
        ("/text", "src/entry.py:14: text() did nothing: it was not awaited. Put `await` before the call."),
        (
            "/task",
            "src/entry.py:16: the task save() was cancelled, since its request has ended. "
            "Pass it to ctx.waitUntil(…), or await it.",
        ),
    ],
)
def test_work_that_is_not_awaited_causes_a_warning(start_worker: StartWorker, path: str, warning: str) -> None:
    child = start_worker(FORGETFUL, files={"python_modules/libraries.py": LIBRARY})
    child.client.get(path)
    assert child.wait_for(Log) == Log("warning", warning)
    child.drain()
    child.wait()
    assert child.output() == ""


def test_other_tasks_that_a_request_leaves_are_not_warned_of(start_worker: StartWorker) -> None:
    child = start_worker(FORGETFUL, files={"python_modules/libraries.py": LIBRARY})
    assert child.client.get("/kept").text == "done"
    child.drain()
    child.wait()
    assert not child.of_kind(Log)


def test_the_exception_of_a_promised_coroutine_is_reported_with_its_line(start_worker: StartWorker) -> None:
    """Python code gets a JsException of it, as on the platform."""
    child = start_worker(
        """
        import js
        from workers import Response
        async def save():
            raise KeyError("k")
        async def on_fetch(request):
            try:
                await js.Promise.resolve(save())
            except KeyError:
                return Response("caught")
        """
    )
    assert child.client.get("/").status_code == 500
    reported = child.wait_for(HandlerException)
    assert (reported.summary, reported.where) == ("KeyError: 'k'", "src/entry.py:5")
