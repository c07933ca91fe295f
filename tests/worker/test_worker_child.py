"""The worker child as its dev session sees it: start, events, bindings, order of output, and its end."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from support.worker_child import StartWorker

from wrangler_py.worker_protocol import HandlerException, HyperdriveEndpoint, Log, Ready, RequestDone

HELLO = """
    from workers import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("hello")
"""
PASSWORD = "correct horse/staple"
HYPERDRIVE = {"HYPERDRIVE": HyperdriveEndpoint("127.0.0.1", 5999, database="app", password=PASSWORD)}


def test_a_request_is_answered_and_reported(start_worker: StartWorker) -> None:
    child = start_worker(HELLO)
    response = child.client.get("/path?a=1")
    assert (response.status_code, response.text) == (200, "hello")
    assert response.headers["content-type"] == "text/plain;charset=UTF-8"
    event = child.wait_for(RequestDone)
    assert event == RequestDone("3-1", "GET", "/path", 200, event.ms)
    assert event.ms >= 0


def test_it_imports_the_files_beside_main(start_worker: StartWorker, tmp_path: Path) -> None:
    child = start_worker(
        "import helper\nfrom workers import Response\n"
        "def on_fetch(): return Response.json([helper.TEXT, helper.__file__, __file__])",
        files={"src/helper.py": "TEXT = 'helped'"},
    )
    source = tmp_path / "src"
    assert child.client.get("/").json() == ["helped", str(source / "helper.py"), str(source / "entry.py")]


@pytest.mark.parametrize(
    "source",
    [
        "async def on_fetch(request, env, ctx): return Response(env.NAME)",
        "@handler\nasync def on_fetch(request, env): return Response(env.NAME)",
        "def on_fetch(request): return Response(module_env.NAME)",
        "class Default(WorkerEntrypoint):\n    def fetch(self): return Response(self.env.NAME)",
        "class Default(WorkerEntrypoint):\n    async def fetch(self, request, env, ctx):\n"
        "        return Response(self.env.NAME)",
    ],
)
def test_every_form_of_handler_is_called_with_what_it_takes(start_worker: StartWorker, source: str) -> None:
    imports = "from workers import Response, WorkerEntrypoint, handler, env as module_env\n"
    child = start_worker(imports + source, vars={"NAME": "here"})
    assert child.client.get("/").text == "here"


def test_bindings_and_variables(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, WorkerEntrypoint, env

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                database = self.env.HYPERDRIVE
                assert env.HYPERDRIVE.connectionString == database.connectionString
                return Response.json({
                    "string": database.connectionString,
                    "parts": [database.host, database.port, database.user, database.password, database.database],
                    "text": self.env.TEXT,
                    "nested": self.env.SETTINGS.limits.upper,
                    "plain": self.env.SETTINGS.to_py(),
                    "repr": repr(database) + repr(self.env),
                })
        """,
        hyperdrive=HYPERDRIVE,
        vars={"TEXT": "some", "SETTINGS": {"limits": {"upper": 5}, "names": ["a"]}},
    )
    child.client.get("/")
    answer = child.client.get("/").json()
    encoded = "correct%20horse%2Fstaple"
    assert answer["string"] == f"postgresql://HYPERDRIVE.3-2:{encoded}@127.0.0.1:5999/app?sslmode=disable"
    assert answer["parts"] == ["127.0.0.1", 5999, "HYPERDRIVE.3-2", PASSWORD, "app"]
    assert (answer["text"], answer["nested"]) == ("some", 5)
    assert answer["plain"] == {"limits": {"upper": 5}, "names": ["a"]}
    assert PASSWORD not in answer["repr"]


AT_IMPORT = """
    from workers import Response, env
    STRING = env.HYPERDRIVE.connectionString
    def on_fetch(request, env): return Response(STRING + " " + env.HYPERDRIVE.user)
"""


def test_a_connection_string_read_at_import_warns_and_belongs_to_no_request(start_worker: StartWorker) -> None:
    child = start_worker(AT_IMPORT, hyperdrive=HYPERDRIVE)
    (warning,) = child.of_kind(Log)
    assert warning.level == "warning"
    assert "env.HYPERDRIVE was read at module level" in warning.message
    string, user = child.client.get("/").text.split()
    assert "//HYPERDRIVE.3-0:" in string
    assert user == "HYPERDRIVE.3-1"


def test_global_clients_cause_no_notice_if_they_are_allowed(start_worker: StartWorker) -> None:
    child = start_worker(AT_IMPORT, hyperdrive=HYPERDRIVE, allow_global_clients=True)
    assert not child.of_kind(Log)
    string, user = child.client.get("/").text.split()
    assert "//HYPERDRIVE.3-0:" in string
    assert user == "HYPERDRIVE.3-1"


def test_bindings_that_are_not_emulated_fail_at_their_use(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import DurableObject, Response, WorkflowEntrypoint
        class Room(DurableObject): pass
        class Flow(WorkflowEntrypoint): pass

        async def on_fetch(request, env):
            store = env.CACHE
            if request.url.endswith("/use"):
                await store.get("key")
            return Response("not used: fine")
        """,
        unavailable={"CACHE": "kv_namespaces"},
    )
    assert child.client.get("/").text == "not used: fine"
    assert "env.CACHE is a Workers KV binding" in child.client.get("/use").text


@pytest.mark.parametrize(
    ("kind", "use", "product"),
    [
        ("kv_namespaces", 'await env.IT.put("key", "value")', "Workers KV"),
        ("r2_buckets", 'await env.IT.get("key")', "R2"),
        ("d1_databases", 'await env.IT.prepare("SELECT 1").all()', "D1"),
        ("queues", 'await env.IT.send({"a": 1})', "Queues"),
        ("durable_objects", 'env.IT.get(env.IT.idFromName("room"))', "Durable Objects"),
        ("workflows", "await env.IT.create()", "Workflows"),
        ("services", "await env.IT.fetch(request)", "service"),
        ("worker_loaders", 'env.IT["x"]', "worker_loaders"),
    ],
)
def test_each_kind_of_binding_says_what_it_is_and_what_to_do(
    start_worker: StartWorker, kind: str, use: str, product: str
) -> None:
    child = start_worker(f"async def on_fetch(request, env):\n    {use}\n", unavailable={"IT": kind})
    text = child.client.get("/").text
    assert f"NotEmulatedError: env.IT is a {product} binding, and wrangler-py emulates Hyperdrive alone" in text
    assert "`pywrangler dev`" in text
    assert child.wait_for(HandlerException).where == "src/entry.py:2"


def test_print_and_events_come_in_order(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import sys
        from workers import Response
        def on_fetch():
            print("to stdout")
            print("to stderr", file=sys.stderr)
            print("no line end", end="")
            raise ValueError("after the output")
        """
    )
    child.client.get("/")
    child.wait_for(HandlerException)
    child.wait_for_output("to stdout\nto stderr\n")
    child.drain()
    child.wait()
    assert child.output() == "to stdout\nto stderr\nno line end"


def test_scheduled(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, WorkerEntrypoint
        class Default(WorkerEntrypoint):
            async def scheduled(self, controller, env, ctx):
                print("ran", controller.cron, controller.scheduledTime, env, ctx, self.env.NAME)
            async def fetch(self, request):
                return Response("fetch")
        """,
        vars={"NAME": "x"},
        test_scheduled=True,
    )
    response = child.client.get("/cdn-cgi/handler/scheduled?cron=*/5+*+*+*+*&time=1745856238000")
    assert (response.status_code, response.text) == (200, "ok")
    child.wait_for_output("ran */5 * * * * 1745856238000 None None x")
    for path in ("/__scheduled", "/cdn-cgi/local/scheduled"):
        assert child.client.get(f"{path}?cron=1+2+*+*+*").text == "ok"
        child.wait_for_output("ran 1 2 * * * ")


def test_scheduled_paths_without_the_option_or_the_handler(start_worker: StartWorker) -> None:
    child = start_worker(HELLO)
    assert child.client.get("/__scheduled").text == "hello"
    response = child.client.get("/cdn-cgi/handler/scheduled")
    assert response.status_code == 500
    assert "has no scheduled handler" in response.text


def test_handlers_of_events_that_never_come_are_named(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response, WorkerEntrypoint
        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return Response("fetch")
            async def queue(self, batch, env, ctx): ...
            async def email(self, message, env, ctx): ...
        """
    )
    for count, event in enumerate(("queue", "email"), 1):
        assert child.wait_for(Log, count).message == (
            f"Default.{event} is never called: wrangler-py has no {event} events. "
            "Run `wrangler-py dev --runtime workerd` to try them"
        )
    for path in ("/cdn-cgi/handler/email", "/cdn-cgi/local/email"):
        response = child.client.post(f"{path}?from=a@b.test&to=c@d.test", content="Subject: x")
        assert (response.status_code, "no email events" in response.text) == (501, True)
    assert child.client.get("/email").text == "fetch"


def test_wait_until_goes_on_after_the_response(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio
        from workers import Response, WorkerEntrypoint, wait_until
        release = asyncio.Event()

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                global loop
                if request.url.endswith("/release"):
                    loop.call_soon_threadsafe(release.set)
                    return Response("released")
                loop = asyncio.get_running_loop()
                async def later(text):
                    await release.wait()
                    print(text, self.env.HYPERDRIVE.user)
                self.ctx.waitUntil(later("first"))
                wait_until(later("second"))
                return Response("at once")
        """,
        hyperdrive=HYPERDRIVE,
    )
    assert child.client.get("/").text == "at once"
    assert child.client.get("/release").text == "released"
    child.wait_for(RequestDone, 2)
    child.wait_for_output("first HYPERDRIVE.3-1\nsecond HYPERDRIVE.3-1\n")
    assert {event.id for event in child.of_kind(RequestDone)} == {"3-1", "3-2"}


def test_an_exception_in_wait_until_work_is_reported(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response
        async def fail(): raise LookupError("in the background")
        async def on_fetch(request, env, ctx):
            ctx.waitUntil(fail())
            return Response("fine")
        """
    )
    assert child.client.get("/").text == "fine"
    event = child.wait_for(HandlerException)
    assert (event.id, event.summary) == ("3-1", "LookupError: in the background")
    assert child.wait_for(RequestDone).status == 200


def test_the_end_of_the_dev_session_ends_the_child_at_once(start_worker: StartWorker) -> None:
    child = start_worker("import time\ndef on_fetch():\n    print('begun')\n    time.sleep(60)")
    with socket.create_connection(("127.0.0.1", child.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        child.wait_for_output("begun")
    child.control.shutdown(socket.SHUT_RDWR)
    assert child.process.wait(5) == 0


def test_the_end_is_noticed_while_the_code_still_loads(start_worker: StartWorker) -> None:
    child = start_worker("import time\nprint('loading')\ntime.sleep(60)", ready=False)
    child.wait_for_output("loading")
    child.control.shutdown(socket.SHUT_RDWR)
    assert child.process.wait(5) == 0


SLOW = """
    import asyncio
    from workers import Response
    async def on_fetch(request):
        print("begun")
        await asyncio.sleep(0.4)
        return Response(NAME)
    NAME = "old"
"""


def test_draining_finishes_what_was_accepted(start_worker: StartWorker) -> None:
    child = start_worker(SLOW)
    answers: list[httpx.Response] = []
    request = threading.Thread(target=lambda: answers.append(child.client.get("/")))
    request.start()
    child.wait_for_output("begun")
    child.drain()
    request.join()
    assert answers[0].text == "old"
    assert answers[0].headers["connection"] == "close"
    assert child.wait() == 0
    assert child.of_kind(RequestDone)[0].status == 200


def test_draining_waits_for_wait_until_work(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio
        from workers import Response
        async def later():
            await asyncio.sleep(0.5)
            print("done later")
        async def on_fetch(request, env, ctx):
            ctx.waitUntil(later())
            return Response("x")
        """
    )
    child.client.get("/")
    child.drain()
    assert child.wait() == 0
    assert "done later" in child.output()
    assert len(child.of_kind(RequestDone)) == 1


def test_draining_serves_a_connection_whose_request_is_on_the_way(start_worker: StartWorker) -> None:
    child = start_worker(HELLO)
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    address = ("127.0.0.1", child.port)
    with socket.create_connection(address) as connection, socket.create_connection(address) as idle:
        # The child has accepted once another connection made after this one is answered.
        idle.sendall(request)
        answer = b""
        while not answer.endswith(b"hello"):
            answer += idle.recv(65536)
        child.drain()
        assert idle.recv(65536) == b""  # so the child knows of it
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert child.wait() == 0


def test_draining_closes_idle_connections(start_worker: StartWorker) -> None:
    child = start_worker(HELLO)
    with httpx.Client(base_url=child.url, trust_env=False) as client:
        client.get("/")
        child.drain()
        started = time.monotonic()
        assert child.wait() == 0
        assert time.monotonic() - started < 5


def test_no_request_is_lost_over_generations(start_worker: StartWorker, tmp_path: Path) -> None:
    """Clients with and without kept-alive connections ask all through four changes of generation."""
    source = "from workers import Response\ndef on_fetch(request, env): return Response(env.GENERATION)"
    child = start_worker(source, vars={"GENERATION": "0"})
    stop = threading.Event()
    failures: list[Exception | int] = []
    seen: set[str] = set()

    def ask(keep_alive: bool) -> None:
        headers = {} if keep_alive else {"connection": "close"}
        with httpx.Client(base_url=child.url, trust_env=False, headers=headers, timeout=20) as client:
            while not stop.is_set():
                try:
                    response = client.get("/")
                except httpx.HTTPError as error:
                    failures.append(error)
                else:
                    seen.add(response.text)
                    if response.status_code != 200:
                        failures.append(response.status_code)

    clients = [threading.Thread(target=ask, args=(index % 2 == 0,)) for index in range(4)]
    for client in clients:
        client.start()
    current = child
    current.wait_for(RequestDone, 20)
    for generation in range(1, 4):
        replacement = start_worker(
            source, vars={"GENERATION": str(generation)}, listener=child.listener, ready=False
        )
        current.drain()
        replacement.wait_for(Ready)
        assert current.wait() == 0
        replacement.wait_for(RequestDone, 20)
        current = replacement
    stop.set()
    for client in clients:
        client.join()
    assert failures == []
    assert seen == {"0", "1", "2", "3"}


def test_foreign_host_names_are_refused(start_worker: StartWorker) -> None:
    child = start_worker(HELLO)
    for allowed in ("localhost", f"127.0.0.1:{child.port}", "[::1]:8787", "192.168.1.20:8787", "app.localhost"):
        assert child.client.get("/", headers={"host": allowed}).status_code == 200, allowed
    for refused in ("evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example"):
        response = child.client.get("/", headers={"host": refused})
        assert response.status_code == 403, refused
        assert "DNS rebinding" in response.text


def test_it_runs_without_a_console_for_a_large_launch_message(start_worker: StartWorker) -> None:
    child = start_worker(HELLO, vars={"LARGE": "x" * 500_000})
    assert child.client.get("/").text == "hello"
    assert child.wait_for(Ready) == Ready()
