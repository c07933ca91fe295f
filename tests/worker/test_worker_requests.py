"""Requests side by side: blocking handlers, context, disconnects, streams, and what is left of 20,000 of them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket

import httpx
import psutil
import pytest
from psycopg import sql
from support.postgres_server import DATABASE, SUPERUSER, PostgresServer
from support.streamed import STREAMED
from support.worker_child import StartWorker

from wrangler_py.worker_protocol import HandlerException, HyperdriveEndpoint, RequestDone, RequestStarted


def test_blocking_handlers_run_side_by_side(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import threading
        from workers import Response
        together = threading.Barrier(5)
        def on_fetch():
            return Response(str(together.wait(15) >= 0))
        """
    )
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: httpx.get(child.url, trust_env=False, timeout=20).text, range(5)))
    assert answers == ["True"] * 5


def test_blocking_psycopg_calls_run_side_by_side(start_worker: StartWorker, postgres: PostgresServer) -> None:
    """Each of five requests counts itself in SQL, and waits in a blocking loop until all five are counted."""
    users = [f"HYPERDRIVE.3-{number}" for number in range(1, 6)]
    with postgres.connect(user=SUPERUSER, autocommit=True) as admin:
        admin.execute("CREATE SEQUENCE together MINVALUE 0")
        for user in users:
            statement = sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD 'one-time'").format(sql.Identifier(user))
            admin.execute(statement)
        try:
            child = start_worker(
                """
                import psycopg
                from workers import Response
                def on_fetch(request, env):
                    with psycopg.connect(env.HYPERDRIVE.connectionString, autocommit=True) as connection:
                        connection.execute("SELECT nextval('together')")
                        counted = 0
                        while counted < 4:
                            counted, = connection.execute("SELECT last_value FROM together").fetchone()
                            connection.execute("SELECT pg_sleep(0.01)")
                        return Response(connection.execute("SELECT current_user").fetchone()[0])
                """,
                hyperdrive={
                    "HYPERDRIVE": HyperdriveEndpoint(
                        "127.0.0.1", postgres.port, database=DATABASE, password="one-time"
                    )
                },
            )
            with concurrent.futures.ThreadPoolExecutor(5) as pool:
                answers = list(pool.map(lambda _: httpx.get(child.url, trust_env=False, timeout=20).text, users))
            assert sorted(answers) == users
        finally:
            admin.execute("DROP SEQUENCE together")
            for user in users:
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


def test_context_variables_belong_to_one_request(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio, contextvars
        from workers import Response, env
        seen = contextvars.ContextVar("seen", default="nothing")
        def user(): return env.HYPERDRIVE.user
        async def on_fetch(request):
            before = seen.get()
            seen.set(request.url)
            async def inside(): return seen.get(), user()
            task = await asyncio.create_task(inside())
            thread = await asyncio.to_thread(user)
            return Response.json([before, task[0] == request.url, task[1], thread])
        """,
        hyperdrive={"HYPERDRIVE": HyperdriveEndpoint(host="h", port=1, password="secret", database="d")},
    )
    for number in (1, 2):
        user = f"HYPERDRIVE.3-{number}"
        assert child.client.get(f"/{number}").json() == ["nothing", True, user, user]


def test_tasks_left_behind_end_with_their_request(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio
        from workers import Response
        async def forever():
            try:
                await asyncio.Event().wait()
            finally:
                print("task ended")
        async def on_fetch():
            global task
            task = asyncio.create_task(forever())
            await asyncio.sleep(0)
            return Response("x")
        """
    )
    assert child.client.get("/").text == "x"
    child.wait_for_output("task ended")


@pytest.mark.parametrize("told", ["logging.getLogger('asgi').exception('lost')", "raise RuntimeError('lost')"])
def test_errors_of_tasks_left_behind_are_not_reported(start_worker: StartWorker, told: str) -> None:
    """The platform never resumes such a task: the error is one of ending it here."""
    child = start_worker(
        f"""
        import asyncio, logging
        from workers import Response
        async def forever():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                print("task ended")
                {told}
        async def on_fetch():
            asyncio.create_task(forever())
            await asyncio.sleep(0)
            return Response("x")
        """
    )
    assert child.client.get("/").text == "x"
    child.wait_for_output("task ended")
    assert child.client.get("/").text == "x"
    child.wait_for(RequestDone, 2)
    assert not child.of_kind(HandlerException)


def test_a_client_that_goes_away_cancels_its_request(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio
        from workers import Response
        async def on_fetch(request, env, ctx):
            async def later():
                await asyncio.sleep(0.2)
                print("waitUntil went on")
            ctx.waitUntil(later())
            print("begun")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("cancelled")
                raise
        """
    )
    connection = socket.create_connection(("127.0.0.1", child.port))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    child.wait_for_output("begun")
    connection.close()
    child.wait_for_output("cancelled\nwaitUntil went on\n")
    assert child.wait_for(RequestDone).status == 499
    assert not child.of_kind(HandlerException)


def test_a_client_that_goes_away_ends_a_stream(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import asyncio
        from streamed import streamed
        async def endless():
            try:
                while True:
                    yield b"x" * 1000
                    await asyncio.sleep(0.01)
            finally:
                print("stream ended")
        def on_fetch(): return streamed(endless())
        """,
        files={"src/streamed.py": STREAMED},
    )
    with child.client.stream("GET", "/") as response:
        next(response.iter_bytes())
    child.wait_for_output("stream ended")
    assert child.wait_for(RequestDone).status == 499
    assert not child.of_kind(HandlerException)


def test_streams_come_piece_by_piece_in_both_directions(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from streamed import streamed
        async def echo(request):
            async for piece in request.body:
                yield b"<" + piece.to_bytes() + b">"
        def on_fetch(request): return streamed(echo(request))
        """,
        files={"src/streamed.py": STREAMED},
    )

    async def talk() -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", child.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0)
        answers = []
        for piece in (b"one", b"two"):
            # Each piece is sent only after the one before has come back.
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            answers.append(await reader.readuntil(b">"))
        writer.write(b"0\r\n\r\n")
        answers.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.close()
        return answers

    first, second, _ = asyncio.run(asyncio.wait_for(talk(), 20))
    assert first.endswith(b"<one>")
    assert second.endswith(b"<two>")


def test_a_slow_reader_holds_the_stream_back(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from streamed import streamed
        from workers import Response
        made = 0
        async def large():
            global made
            for _ in range(2000):
                made += 100_000
                yield b"x" * 100_000
        def on_fetch(request):
            return Response(str(made)) if request.url.endswith("/made") else streamed(large())
        """,
        files={"src/streamed.py": STREAMED},
    )
    with child.client.stream("GET", "/large") as response:
        pieces = response.iter_raw(100_000)
        next(pieces)
        with httpx.Client(base_url=child.url, trust_env=False) as other:
            made = [int(other.get("/made").text) for _ in range(200)]
        assert made[-1] < 100_000_000
        assert len(next(pieces)) + sum(map(len, pieces)) == 199_900_000


def test_a_handler_may_take_its_time_before_it_reads_the_body(start_worker: StartWorker) -> None:
    """The host looks out for the client's going away by then, and has met the body."""
    child = start_worker(
        """
        import time
        from workers import Response
        async def on_fetch(request):
            time.sleep(0.3)
            return Response(await request.text())
        """
    )
    assert httpx.post(child.url, content="late", trust_env=False, timeout=20).text == "late"
    assert httpx.post(child.url, content="x" * 1_000_000, trust_env=False, timeout=20).text == "x" * 1_000_000


def test_large_bodies_arrive_whole(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import hashlib
        from workers import Response
        async def on_fetch(request):
            return Response(hashlib.sha256(await request.bytes()).hexdigest())
        """
    )
    import hashlib

    for size in (1, 65536, 5_000_000):
        content = bytes(range(256)) * (size // 256 + 1)
        assert child.client.post("/", content=content).text == hashlib.sha256(content).hexdigest()
    assert child.client.post("/", content=b"").text == hashlib.sha256(b"").hexdigest()


def test_twenty_thousand_requests_leave_nothing_behind(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response
        async def nothing(): pass
        def on_fetch(request, env, ctx):
            ctx.waitUntil(nothing())
            return Response("x")
        """
    )
    process = psutil.Process(child.process.pid)

    async def ask(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", child.port)
        for _ in range(count):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head
            assert await reader.readexactly(1) == b"x"
        writer.close()
        await writer.wait_closed()

    async def load(total: int) -> None:
        await asyncio.gather(*(ask(total // 8) for _ in range(8)))

    asyncio.run(load(4000))
    before = process.memory_info().rss
    asyncio.run(load(20_000))
    child.wait_for(RequestDone, 24_000)
    growth = process.memory_info().rss - before
    assert growth < 8 * 1024 * 1024
    assert process.num_threads() <= 24
    assert len(process.net_connections()) <= 12


def test_head_and_body_come_in_one_piece(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response
        def on_fetch(request):
            return Response("hello")
        """
    )
    with socket.create_connection(("127.0.0.1", child.port)) as connection:
        for _ in range(20):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(65536).endswith(b"\r\n\r\nhello")


def test_a_request_is_reported_before_what_happens_in_it(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        def on_fetch(request):
            raise ValueError("no")
        """
    )
    child.client.get("/")
    child.wait_for(RequestDone)
    kinds = [type(event) for event in child.events]
    assert kinds[-3:] == [RequestStarted, HandlerException, RequestDone]


def test_a_response_to_head_with_an_invalid_length(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response
        def on_fetch(request):
            return Response("text", headers={"content-length": request.headers.get("x-length")})
        """
    )
    for length, answered in (("abc", None), ("-1", None), ("7", "7")):
        assert child.client.head("/", headers={"x-length": length}).headers.get("content-length") == answered
    child.drain()
    assert child.wait() == 0


def test_a_header_with_a_control_character(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        from workers import Response
        def on_fetch(request):
            return Response("text", headers={"x-bell": "a\\x07"})
        """
    )
    assert child.client.get("/").status_code == 500
    assert (
        child.wait_for(HandlerException).summary == "The response's header 'x-bell' has a control character in it"
    )


@pytest.mark.parametrize("response", ['Response("text")', "Response(ReadableStream.new())"])
def test_a_response_that_cannot_be_sent_ends_its_request(start_worker: StartWorker, response: str) -> None:
    child = start_worker(
        """
        from js import ReadableStream
        from workers import Response
        def on_fetch(request):
            response = RESPONSE
            # Nothing a handler can do lets the server refuse it.
            response.js_object.headers._values["x y"] = ["z"]
            return response
        """.replace("RESPONSE", response)
    )
    with pytest.raises(httpx.RemoteProtocolError):
        child.client.get("/")
    assert "Invalid HTTP header name" in child.wait_for(HandlerException).summary
    assert child.wait_for(RequestDone).status == 500
    child.drain()
    assert child.wait() == 0
