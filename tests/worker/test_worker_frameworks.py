"""FastAPI, Starlette and Flask in a Worker."""

from __future__ import annotations

import pytest
from support.worker_child import Child, StartWorker
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from wrangler_py.worker_protocol import HandlerException, Log, RequestDone

FASTAPI = """
    from contextlib import asynccontextmanager
    import asyncio
    import asgi
    from fastapi import BackgroundTasks, FastAPI, HTTPException, Request, WebSocket
    from fastapi.responses import StreamingResponse
    from pydantic import BaseModel
    from workers import WorkerEntrypoint

    @asynccontextmanager
    async def lifespan(app):
        print("startup")
        yield {"opened": "pool"}
        print("shutdown")

    app = FastAPI(lifespan=lifespan)

    class Item(BaseModel):
        name: str

    @app.get("/")
    async def root(request: Request):
        return {"env": request.scope["env"].NAME, "state": request.state.opened, "client": request.client}

    @app.get("/depends")
    async def depends(env=asgi.env):
        return env.NAME

    @app.get("/sync/{name}")
    def synchronous(name: str):
        return {"name": name}

    @app.post("/items")
    async def create(item: Item, tasks: BackgroundTasks):
        tasks.add_task(lambda: print("background", item.name))
        return item

    @app.get("/stream")
    async def stream():
        async def pieces():
            for piece in range(3):
                yield f"{piece};"
                await asyncio.sleep(0)
        return StreamingResponse(pieces())

    @app.get("/missing")
    async def missing():
        raise HTTPException(404, "no such thing")

    @app.get("/fail")
    async def fail():
        raise ValueError("in the framework")

    @app.websocket("/ws")
    async def ws(socket: WebSocket):
        await socket.accept(subprotocol="chat")
        while True:
            text = await socket.receive_text()
            await socket.send_text(f"{socket.scope['env'].NAME} {text}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.headers.get("upgrade") == "websocket":
                return await asgi.websocket(app, request.js_object, self.env)
            return await asgi.fetch(app, request.js_object, self.env)
"""


@pytest.fixture
def fastapi(start_worker: StartWorker) -> Child:
    return start_worker(FASTAPI, vars={"NAME": "n"})


def test_fastapi(fastapi: Child) -> None:
    client = fastapi.client
    assert client.get("/").json() == {"env": "n", "state": "pool", "client": None}
    assert client.get("/depends").json() == "n"
    assert client.get("/sync/caf%C3%A9").json() == {"name": "café"}
    assert client.get("/stream").text == "0;1;2;"
    assert client.get("/missing").json() == {"detail": "no such thing"}
    assert client.post("/items", json={}).status_code == 422
    assert client.post("/items", json={"name": "thing"}).json() == {"name": "thing"}
    fastapi.wait_for_output("background thing")
    fastapi.wait_for(RequestDone, 7)
    fastapi.wait_for_output("shutdown\n")
    assert fastapi.output().count("startup") == 7


def test_an_exception_in_fastapi_points_at_the_route(fastapi: Child) -> None:
    response = fastapi.client.get("/fail")
    assert response.status_code == 500
    event = fastapi.wait_for(HandlerException)
    assert event.summary == "ValueError: in the framework"
    assert event.where.startswith("src/entry.py:")


def test_fastapi_web_sockets(fastapi: Child) -> None:
    address = fastapi.url.replace("http", "ws") + "/ws"
    with connect(address, subprotocols=[Subprotocol("chat")], proxy=None) as socket:
        for text in ("one", "two"):
            socket.send(text)
            assert socket.recv(10) == f"n {text}"
    assert fastapi.wait_for(RequestDone).status == 101
    with connect(address.replace("/ws", "/nowhere"), proxy=None) as socket, pytest.raises(ConnectionClosed):
        socket.recv(10)


def test_an_application_without_a_lifespan(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import asgi
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            body = (await receive())["body"]
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"1"), (b"a", b"2")]})
            await send({"type": "http.response.body", "body": body})
        Default = asgi.entrypoint(app)
        """
    )
    response = child.client.post("/", content=b"sent")
    assert (response.text, response.headers.get_list("a")) == ("sent", ["1", "2"])


def test_a_failing_start_up_is_reported(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from contextlib import asynccontextmanager
        from starlette.applications import Starlette
        from workers import asgi
        @asynccontextmanager
        async def lifespan(app):
            raise RuntimeError("no database")
            yield
        Default = asgi.entrypoint(Starlette(lifespan=lifespan))
        """
    )
    assert "no database" in child.client.get("/").text


def test_a_wsgi_application_runs_on_the_event_loop(start_worker: StartWorker) -> None:
    """As on the platform, where `asyncio.run` works nevertheless."""
    child = start_worker(
        """
        import asyncio
        from flask import Flask, Response
        from pyodide.ffi import run_sync
        from workers import env, wait_until, wsgi

        app = Flask(__name__)

        async def inside(text):
            await asyncio.sleep(0)
            return f"{text} {env.NAME}"

        async def later():
            print(await inside("later"))

        @app.get("/")
        def root():
            loop = asyncio.get_running_loop()
            told = [asyncio.run(inside("run")), run_sync(inside("run_sync"))]
            wait_until(later())
            return Response(f"{piece}; " for piece in [*told, loop is asyncio.get_running_loop()])

        @app.get("/stream")
        def stream():
            def pieces():
                for _ in range(2):
                    yield asyncio.run(inside(""))
            return Response(pieces())

        Default = wsgi.entrypoint(app)
        """,
        vars={"NAME": "n"},
    )
    for _ in range(2):
        assert child.client.get("/").text == "run n; run_sync n; True; "
    child.wait_for_output("later n\nlater n\n")
    assert child.client.get("/stream").text == " n n"
    assert not child.of_kind(HandlerException)


def test_a_web_socket_that_meets_asgi_fetch(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asgi
        from fastapi import FastAPI, WebSocket
        from workers import WorkerEntrypoint

        app = FastAPI()

        @app.websocket("/ws")
        async def ws(socket: WebSocket):
            await socket.accept()

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return await asgi.fetch(app, request, self.env)
        """
    )
    with pytest.raises(Exception, match="404"):
        connect(child.url.replace("http", "ws") + "/ws", proxy=None)
    message = child.wait_for(Log).message
    assert "asgi.fetch serves HTTP alone" in message
    assert "asgi.websocket" in message
    assert "asgi.entrypoint" in message


def test_django_on_the_event_loop(start_worker: StartWorker) -> None:
    """Django refuses the database there, here as on the platform, and says so in its log alone."""
    source = """
        import os
        os.environ.update(ENVIRON)
        from django.conf import settings
        settings.configure(
            SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="pages", MIDDLEWARE=[],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        )
        from django.core.wsgi import get_wsgi_application
        from workers import wsgi
        Default = wsgi.entrypoint(get_wsgi_application())
    """
    pages = """
        from django.db import connection
        from django.http import HttpResponse
        from django.urls import path

        def one(request):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return HttpResponse(str(cursor.fetchone()))

        urlpatterns = [path("", one)]
    """
    child = start_worker(source.replace("ENVIRON", "{}"), files={"src/pages.py": pages})
    assert child.client.get("/").status_code == 500
    exception = child.wait_for(HandlerException)
    assert "SynchronousOnlyOperation" in exception.summary
    assert 'os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"' in (exception.hint or "")
    assert exception.where == "src/pages.py:7"
    child = start_worker(source.replace("ENVIRON", "{'DJANGO_ALLOW_ASYNC_UNSAFE': 'true'}"))
    assert child.client.get("/").text == "(1,)"
    assert not child.of_kind(HandlerException)


def test_what_a_framework_tells_of_the_client(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from fastapi import FastAPI, Request
        from workers import asgi

        app = FastAPI()

        @app.get("/")
        async def root(request: Request):
            return request.client.host

        Default = asgi.entrypoint(app)
        """
    )
    child.client.get("/")
    exception = child.wait_for(HandlerException)
    assert exception.summary == "AttributeError: 'NoneType' object has no attribute 'host'"
    assert exception.where == "src/entry.py:9"
    assert "cf-connecting-ip" in (exception.hint or "")
    child.wait_for(RequestDone)
    assert len(child.of_kind(HandlerException)) == 1


def test_flask(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from flask import Flask, Response, jsonify, make_response, request
        from workers import WorkerEntrypoint, wsgi

        app = Flask(__name__)

        @app.get("/")
        def root():
            return jsonify(message=request.environ["workers.env"].NAME, host=request.host)

        @app.get("/hello/<name>")
        def hello(name):
            return jsonify(message=f"Hello, {name}!", args=request.args.to_dict())

        @app.post("/echo")
        def echo():
            return jsonify(request.get_json(silent=True))

        @app.post("/upload")
        def upload():
            return str(len(request.files["file"].read()))

        @app.get("/cookies")
        def cookies():
            response = make_response("x")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            return response

        @app.get("/stream")
        def stream():
            return Response(f"{piece};" for piece in range(3))

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return await wsgi.fetch(app, request, self.env)
        """,
        vars={"NAME": "n"},
    )
    client = child.client
    assert client.get("/").json() == {"message": "n", "host": f"127.0.0.1:{child.port}"}
    assert client.get("/hello/caf%C3%A9?q=%26").json() == {"message": "Hello, café!", "args": {"q": "&"}}
    assert client.post("/echo", json={"a": 1}).json() == {"a": 1}
    assert client.post("/upload", files={"file": b"x" * 300_000}).text == "300000"
    assert len(client.get("/cookies").headers.get_list("set-cookie")) == 2
    assert client.get("/stream").text == "0;1;2;"
    assert client.get("/nowhere").status_code == 404
