"""Saving files while `wrangler-py dev` runs."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.dev_process import DEADLINE_S, HYPERDRIVE, DevProcess, write_project
from support.postgres_server import PostgresServer

ENTRY = """
import asyncio
import os
import psycopg
from pathlib import Path
from urllib.parse import urlsplit
from workers import Response, WorkerEntrypoint

VERSION = "0"

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        if path == "/slow":
            started, go_on = Path(self.env.SIGNALS) / "started", Path(self.env.SIGNALS) / "go on"
            started.touch()
            while not go_on.exists():
                await asyncio.sleep(0.01)
            with psycopg.connect(self.env.HYPERDRIVE.connectionString) as connection:
                connection.execute("SELECT 1")
        if path == "/crash":
            os._exit(3)
        if path == "/fail":
            raise LookupError("for the page")
        if path == "/bindings":
            return Response(",".join(name for name in ("HYPERDRIVE", "SECOND") if hasattr(self.env, name)))
        if path in ("/second", "/third"):
            binding = getattr(self.env, path.strip("/").upper())
            with psycopg.connect(binding.connectionString) as connection:
                return Response(str(connection.execute("SELECT 42").fetchone()[0]))
        return Response(VERSION + getattr(self.env, "SUFFIX", ""))
"""


@pytest.fixture(scope="module")
def signals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signals")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, signals: Path) -> Iterator[DevProcess]:
    project = write_project(tmp_path_factory.mktemp("project"), ENTRY, HYPERDRIVE)
    environment = {
        f"CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{binding}": postgres.dsn()
        for binding in ("HYPERDRIVE", "SECOND")
    }
    with DevProcess(project, "--var", f"SIGNALS:{signals}", environment=environment) as dev:
        yield dev.ready()


def save(dev: DevProcess, version: str) -> None:
    (dev.project / "src" / "entry.py").write_text(ENTRY.replace('VERSION = "0"', f'VERSION = "{version}"'))


def reload(dev: DevProcess, version: str) -> None:
    since = dev.mark()
    save(dev, version)
    dev.wait_for(r"^Reloaded in \d+ ms", since=since)
    dev.wait_until_answers(version)


def test_the_next_answer_comes_from_the_saved_file(dev: DevProcess) -> None:
    for version in ("1", "2", "3"):  # the same size within one second: no stale bytecode
        reload(dev, version)


def test_a_broken_file_is_shown_and_the_next_save_recovers(dev: DevProcess) -> None:
    since = dev.mark()
    (dev.project / "src" / "entry.py").write_text("def broken(:\n")
    dev.wait_for(r"ERROR.*cannot be loaded.*entry\.py.*SyntaxError|ERROR.*SyntaxError", since=since)
    response = dev.get()
    assert response.status_code == 500
    assert "SyntaxError" in response.text
    dev.wait_for(r"^GET / 500 Internal Server Error \(\d+ ms\)$", since=since)
    reload(dev, "recovered")


# A page open in a browser, as far as its script can tell.
BROWSER = """
const address = process.argv[1];
const page = await (await fetch(address, { headers: { accept: "text/html" } })).text();
const [, generation, script] = page.match(/<script data-generation="(\\d+)">(.*?)<\\/script>/s);
const fetchFrom = globalThis.fetch;
globalThis.fetch = (path, options) => fetchFrom(new URL(path, address), options);
globalThis.document = { currentScript: { dataset: { generation } } };
globalThis.location = { reload() { console.log("reloaded"); process.exit(); } };
new Function(script)();
console.log("open");
"""


@pytest.mark.parametrize("path", ["/", "/fail"])
def test_an_error_page_reloads_itself_after_the_next_save(dev: DevProcess, node: str, path: str) -> None:
    since = dev.mark()
    if path == "/":
        (dev.project / "src" / "entry.py").write_text("def broken(:\n")
        dev.wait_for("ERROR.*SyntaxError", since=since)
    else:
        save(dev, "fails at /fail")
        dev.wait_until_answers("fails at /fail")
    command = [node, "--input-type=module", "--eval", BROWSER, dev.url + path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as browser:
        try:
            assert browser.stdout is not None
            assert browser.stdout.readline() == "open\n"
            save(dev, "mended")
            dev.wait_until_answers("mended")
            assert browser.communicate(timeout=DEADLINE_S)[0] == "reloaded\n"
        finally:
            browser.kill()


def test_a_new_folder_with_code_in_it_reloads(dev: DevProcess) -> None:
    since = dev.mark()
    folder = dev.project / "lib"
    folder.mkdir()
    (folder / "greeting.py").write_text("TEXT = 'hi'\n")
    dev.wait_for("^Reloaded", since=since)
    since = dev.mark()
    (folder / "greeting.py").write_text("TEXT = 'hello'\n")
    dev.wait_for("^Reloaded", since=since)


def test_variables_are_read_again(dev: DevProcess) -> None:
    reload(dev, "with variables ")
    (dev.project / ".dev.vars").write_text("SUFFIX=added\n")
    dev.wait_until_answers("with variables added")
    (dev.project / ".dev.vars").unlink()
    dev.wait_until_answers("with variables ")


def test_a_dotenv_file_is_read_again(dev: DevProcess, postgres: PostgresServer) -> None:
    """Its variables, and the connection string of a binding that comes with it."""
    reload(dev, "with dotenv ")
    config, dotenv = dev.project / "wrangler.toml", dev.project / ".env"
    before = config.read_text()
    dotenv.write_text("SUFFIX=added\n")
    dev.wait_until_answers("with dotenv added")
    name = "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_THIRD"
    dotenv.write_text(f"SUFFIX=changed\n{name}={postgres.dsn()}\n")
    dev.wait_until_answers("with dotenv changed")
    config.write_text(before + HYPERDRIVE.replace('"HYPERDRIVE"', '"THIRD"'))
    dev.wait_until_answers("42", "/third")
    config.write_text(before)
    dotenv.unlink()
    dev.wait_until_answers("with dotenv ")


@pytest.mark.parametrize("folder", [".", "outside", "project/.wrangler"])
def test_a_named_file_of_variables_is_read_again(tmp_path: Path, folder: str) -> None:
    project = write_project(tmp_path / "project", ENTRY)
    variables = tmp_path / folder / "x.env"
    variables.parent.mkdir(exist_ok=True)
    variables.write_text("SUFFIX=before\n")
    with DevProcess(project, "--env-file", f"src/../../{folder}/x.env") as dev:
        dev.ready().wait_until_answers("0before")
        variables.write_text("SUFFIX=after\n")
        dev.wait_until_answers("0after")


def test_a_worker_on_installed_libraries_reloads_its_own_code_only(dev: DevProcess) -> None:
    """Libraries may be imported ahead of a save; what the person wrote never is."""
    for number in ("7", "8", "9"):
        (dev.project / "src" / "own.py").write_text(f"import httpx\nNUMBER = '{number}'\n")
        source = ENTRY.replace('VERSION = "0"', "from own import NUMBER as VERSION")
        (dev.project / "src" / "entry.py").write_text(source)
        dev.wait_until_answers(number)


def test_bindings_come_and_go(dev: DevProcess) -> None:
    config = dev.project / "wrangler.toml"
    before = config.read_text()
    dev.wait_until_answers("HYPERDRIVE", "/bindings")
    config.write_text(before + HYPERDRIVE.replace('"HYPERDRIVE"', '"SECOND"'))
    dev.wait_until_answers("HYPERDRIVE,SECOND", "/bindings")
    assert dev.get("/second").text == "42"
    config.write_text(before)
    dev.wait_until_answers("HYPERDRIVE", "/bindings")


def test_a_broken_config_file_leaves_the_worker_running(dev: DevProcess) -> None:
    reload(dev, "steady")
    config = dev.project / "wrangler.toml"
    before = config.read_text()
    since = dev.mark()
    config.write_text(before + "[vars\n")
    dev.wait_for(r"ERROR.*wrangler\.toml", since=since)
    dev.wait_for("keeps the previous version", since=since)
    assert dev.get().text == "steady"
    since = dev.mark()
    config.write_text(before)
    dev.wait_for("^Reloaded", since=since)


def test_a_request_under_way_ends_well(dev: DevProcess, signals: Path) -> None:
    reload(dev, "old")
    with ThreadPoolExecutor() as executor:
        answer = executor.submit(dev.get, "/slow")
        while not (signals / "started").exists():
            assert not answer.done(), answer.result().text
        reload(dev, "new")
        assert not answer.done()
        (signals / "go on").touch()
        assert answer.result().text == "old"
    assert "1 query" in dev.wait_for(r"^GET /slow 200 OK")


class Visitor(threading.Thread):
    """Sends requests one after another, and keeps what went wrong."""

    def __init__(self, url: str, *, keep_alive: bool) -> None:
        super().__init__()
        self._url = url
        self._headers = {} if keep_alive else {"connection": "close"}
        self._leave = threading.Event()
        self._answered = threading.Condition()
        self.answers: set[str] = set()
        self.failures: list[str] = []

    def run(self) -> None:
        with httpx.Client(headers=self._headers, timeout=20) as client:
            while not self._leave.is_set():
                try:
                    response = client.get(self._url)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if response.status_code == 200:
                    with self._answered:
                        self.answers.add(response.text)
                        self._answered.notify_all()
                else:
                    self.failures.append(f"{response.status_code} {response.text}")

    def wait_until_answered(self, text: str) -> None:
        """Waits for the answer `text` to one of its requests."""
        with self._answered:
            assert self._answered.wait_for(lambda: text in self.answers, timeout=20), self.failures

    def __enter__(self) -> Visitor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self.join()


@pytest.mark.parametrize("keep_alive", [False, True], ids=["new connections", "keep-alive"])
def test_no_request_fails_through_several_reloads(dev: DevProcess, keep_alive: bool) -> None:
    versions = [f"{'k' if keep_alive else 'n'}{number}" for number in range(5)]
    with Visitor(dev.url, keep_alive=keep_alive) as one, Visitor(dev.url, keep_alive=keep_alive) as other:
        for version in versions:
            reload(dev, version)
            one.wait_until_answered(version)
            other.wait_until_answered(version)
    assert one.failures + other.failures == []


def test_a_burst_of_saves_is_one_reload(dev: DevProcess) -> None:
    since = dev.mark()
    for number in range(10):
        save(dev, f"burst {number}")
    dev.wait_until_answers("burst 9")
    reloads = re.findall(r"^Reloaded", "\n".join(dev.output.splitlines()[since:]), re.MULTILINE)
    assert len(reloads) <= 2


def test_ignored_folders_do_not_reload(dev: DevProcess) -> None:
    reload(dev, "undisturbed")
    config = dev.project / "wrangler.toml"
    before = config.read_text()
    since = dev.mark()
    for folder in (".venv", ".git", "node_modules", "src/__pycache__", ".wrangler"):
        (dev.project / folder).mkdir(parents=True, exist_ok=True)
        (dev.project / folder / "module.py").write_text("")
    # A broken config is noticed after them, and loads nothing.
    config.write_text(before + "[vars\n")
    dev.wait_for("keeps the previous version", since=since)
    assert dev.get().text == "undisturbed"
    assert "Reloaded" not in "\n".join(dev.output.splitlines()[since:])
    config.write_text(before)
    dev.wait_for("^Reloaded", since=since)


def test_a_worker_that_dies_is_started_again(dev: DevProcess) -> None:
    reload(dev, "alive")
    since = dev.mark()
    with pytest.raises(httpx.HTTPError):
        dev.get("/crash")
    dev.wait_for(r"^GET /crash failed: the Worker's process ended meanwhile$", since=since)
    dev.wait_for(r"ERROR.*ended by itself: exit status 3", since=since)
    assert dev.get().text == "alive"


def test_a_worker_that_dies_while_it_loads_does_not_leave_requests_waiting(dev: DevProcess) -> None:
    since = dev.mark()
    (dev.project / "src" / "entry.py").write_text("import os\nos._exit(4)\n")
    dev.wait_for(r"ERROR.*ended by itself: exit status 4.*Next start in \d+ s", since=since)
    response = dev.get()
    assert response.status_code == 503
    assert "exit status 4" in response.text
    assert response.headers["refresh"] == "1"
    reload(dev, "alive again")
