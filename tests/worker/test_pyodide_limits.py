"""What CPython lets a Worker do and Pyodide does not: a warning with the line, or an error with `strict`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.worker_child import Child

from wrangler_py.worker.pyodide_limits.packages import LISTED_ON, MODULES
from wrangler_py.worker_protocol import HandlerException, LoadError, Log, RequestDone

HANDLER = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        {body}
        return Response("ok")
"""
LATE = "2026-09-08"


def worker(body: str) -> str:
    return HANDLER.format(body=body.replace("\n", "\n        "))


def ask(child: Child) -> httpx.Response:
    """The answer to a request; all that was reported of it is in `child.events` by then."""
    count = len(child.of_kind(RequestDone)) + 1
    answer = child.client.get("/")
    child.wait_for(RequestDone, count)
    return answer


def warnings(child: Child) -> list[str]:
    return [event.message for event in child.of_kind(Log) if event.level == "warning"]


def line_of(source: str, mark: str = "# here") -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if mark in line)


THREAD = "This starts a thread"
PROCESS = "This starts a process"
USES = {
    "a thread": ("import threading\nthread = threading.Thread(target=int)\nthread.start()  # here", THREAD),
    "a timer": ("import threading\ntimer = threading.Timer(0, int)\ntimer.start()  # here", THREAD),
    "_thread": ("import _thread\n_thread.start_new_thread(int, ())  # here", THREAD),
    "an executor of processes": (
        "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\n"
        "with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as executor:\n"
        "    executor.submit(abs, 1).result()  # here",
        PROCESS,
    ),
    "an executor": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor() as executor:\n    executor.submit(int).result()  # here",
        THREAD,
    ),
    "a thread pool": (
        "from multiprocessing.pool import ThreadPool\nThreadPool(1).close()  # here",
        THREAD,
    ),
    "subprocess": ("import subprocess\nsubprocess.run(['true'])  # here", PROCESS),
    "os.system": ("import os\nos.system('true')  # here", PROCESS),
    "os.popen": ("import os\nos.popen('true').close()  # here", PROCESS),
    "os.posix_spawn": ("import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)  # here", PROCESS),
    "os.fork": ("import os\nos.waitpid(os.fork() or os._exit(0), 0)  # here", PROCESS),
    "asyncio's processes": (
        "import asyncio\nprocess = await asyncio.create_subprocess_exec('true')  # here\nawait process.wait()",
        PROCESS,
    ),
    "asyncio's shells": (
        "import asyncio\nprocess = await asyncio.create_subprocess_shell('true')  # here\nawait process.wait()",
        PROCESS,
    ),
    "multiprocessing": (
        "import multiprocessing\n"
        "process = multiprocessing.get_context('fork').Process(target=int)\nprocess.start()  # here\n"
        "process.join()",
        PROCESS,
    ),
    "a server": (
        "import socket\nserver = socket.socket()\nserver.bind(('127.0.0.1', 0))\n"
        "server.listen()  # here\nserver.close()",
        "This socket waits for others",
    ),
    "asyncio's servers": (
        "import asyncio\nserver = await asyncio.start_server(print, '127.0.0.1', 0)  # here\nserver.close()",
        "This socket waits for others",
    ),
    "UDP": (
        "import socket\nwith socket.socket(type=socket.SOCK_DGRAM) as udp:\n"
        "    udp.sendto(b'x', ('127.0.0.1', 9))  # here",
        "This socket is not TCP",
    ),
    "psycopg2": (
        "import psycopg2  # here\ntry:\n    psycopg2.connect('host=127.0.0.1 port=1')\n"
        "except psycopg2.OperationalError:\n    pass",
        "psycopg2 does not run in Python Workers",
    ),
    "psycopg.AsyncConnection": (
        "import psycopg\ntry:\n    await psycopg.AsyncConnection.connect('host=127.0.0.1 port=1')  # here\n"
        "except psycopg.OperationalError:\n    pass",
        "psycopg.AsyncConnection does not work in Python Workers",
    ),
    "a pool of connections": (
        "from psycopg_pool import ConnectionPool\n"
        "pool = ConnectionPool('host=127.0.0.1 port=1', open=True)  # here\npool.close()",
        "A pool of connections needs threads or tasks",
    ),
    "SQLAlchemy's asyncio": (
        "from sqlalchemy.ext.asyncio import create_async_engine\nimport sqlalchemy.exc\n"
        "engine = create_async_engine('postgresql+asyncpg://u@127.0.0.1:1/d')\n"
        "try:\n    await engine.connect()  # here\nexcept OSError:\n    pass",
        "SQLAlchemy's asyncio extension needs greenlet",
    ),
    "greenlet": ("import greenlet  # here", "greenlet does not run in Python Workers"),
    "a package the host has loaded before": ("import json, httptools  # here", "httptools has binary parts"),
    "a module that Pyodide leaves out": ("import fcntl  # here", "The module fcntl is not part of Python"),
}


@pytest.mark.parametrize("name", USES)
def test_each_is_warned_of_with_its_line(name: str, start_worker: Any) -> None:
    body, expected = USES[name]
    source = worker(body)
    child = start_worker(source, compatibility_date=LATE)
    for _ in range(2):
        assert ask(child).text == "ok"
    [warning] = warnings(child)
    assert warning.startswith(f"src/entry.py:{line_of(source)}: {expected}"), warning


@pytest.mark.parametrize("name", USES)
def test_strict_makes_an_error_of_each(name: str, start_worker: Any) -> None:
    body, expected = USES[name]
    source = worker(body)
    child = start_worker(source, ready=False, compatibility_date=LATE, strict=True)
    assert ask(child).status_code == 500
    told = [*child.of_kind(HandlerException), *child.of_kind(LoadError)]
    assert expected.casefold() in told[0].summary.casefold()  # asyncio quotes such texts in lower case
    assert f"src/entry.py:{line_of(source)}" in told[0].summary + getattr(told[0], "where", "")
    assert not warnings(child)


FINE = {
    "asyncio.to_thread": "import asyncio\nawait asyncio.to_thread(int)",
    "run_in_executor": "import asyncio\nawait asyncio.get_running_loop().run_in_executor(None, int)",
    "platform and uuid": "import platform, uuid\nplatform.processor()\nplatform.uname()\nuuid.uuid1()",
    "the SDK's fetch": "import js\ntry:\n    await js.fetch('http://127.0.0.1:1')\nexcept Exception:\n    pass",
    "psycopg": (
        "import psycopg\ntry:\n    psycopg.connect('host=127.0.0.1 port=1')\n"
        "except psycopg.OperationalError:\n    pass"
    ),
    "asyncpg": (
        "import asyncpg\ntry:\n    await asyncpg.connect('postgres://u@127.0.0.1:1/d')\nexcept OSError:\n    pass"
    ),
    "pg8000": (
        "import pg8000.native\ntry:\n    pg8000.native.Connection('u', host='127.0.0.1', port=1)\n"
        "except pg8000.exceptions.InterfaceError:\n    pass"
    ),
    "SQLAlchemy": "import sqlalchemy\nsqlalchemy.create_engine('postgresql+psycopg://')",
    "binary packages that Pyodide has": "import asyncpg, pydantic_core, markupsafe",
    "websockets, whose binary part is optional": "import websockets.speedups",
    "httpx": "import httpx\ntry:\n    httpx.get('http://127.0.0.1:1')\nexcept httpx.ConnectError:\n    pass",
    "Django": (
        "import django.conf\n"
        "django.conf.settings.configured or django.conf.settings.configure()\nimport django\ndjango.setup()"
    ),
    "files": "open(__file__).close()",
    "a look for IPv6, as libraries for HTTP do": (
        "import socket\nwith socket.socket() as probe:\n    probe.bind(('127.0.0.1', 0))"
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_code_that_works_there_causes_no_warning(name: str, start_worker: Any) -> None:
    child = start_worker(worker(FINE[name]), compatibility_date=LATE, strict=True)
    assert ask(child).text == "ok", child.of_kind(HandlerException)
    assert not warnings(child)


def test_fastapi_runs_functions_without_a_warning(start_worker: Any) -> None:
    source = """
        from fastapi import FastAPI
        from workers import WorkerEntrypoint, asgi

        app = FastAPI()

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return await asgi.fetch(app, request, self.env)

        @app.get("/")
        def root():
            return "ok"
    """
    child = start_worker(source, compatibility_date=LATE, strict=True)
    assert ask(child).json() == "ok"
    assert not warnings(child)


def test_what_a_thread_of_asyncio_does(start_worker: Any) -> None:
    """It runs in the request itself on the platform."""
    source = worker("import asyncio, subprocess\nawait asyncio.to_thread(subprocess.run, ['true'])")
    child = start_worker(source, compatibility_date=LATE)
    assert ask(child).text == "ok"
    assert [warning.startswith(f"src/entry.py: {PROCESS}") for warning in warnings(child)] == [True]


def test_the_global_scope_and_other_files(start_worker: Any) -> None:
    source = "import helper\n" + worker("helper.start()")
    helper = "import threading\n\ndef start():\n    threading.Thread(target=int).start()\n\nstart()\n"
    child = start_worker(source, files={"src/helper.py": helper}, compatibility_date=LATE)
    ask(child)
    assert [warning.partition(": ")[0] for warning in warnings(child)] == ["src/helper.py:4"]


def test_a_library_acts_for_the_line_that_calls_it(start_worker: Any, tmp_path: Path) -> None:
    library = "import threading\n\ndef begin():\n    threading.Thread(target=int).start()\n"
    source = worker("import lib\nlib.begin()  # here")
    child = start_worker(source, files={"python_modules/lib.py": library}, compatibility_date=LATE)
    assert ask(child).text == "ok"
    assert warnings(child)[0].startswith(f"src/entry.py:{line_of(source)}: {THREAD}")


@pytest.mark.parametrize(("importing", "warned"), [("import greenlet", True), ("optional", False)])
def test_a_library_that_goes_on_without_a_package(importing: str, warned: bool, start_worker: Any) -> None:
    library = "try:\n    import greenlet\nexcept ImportError:\n    pass\n" if importing == "optional" else importing
    source = worker("import lib  # here")
    child = start_worker(source, files={"python_modules/lib.py": library}, compatibility_date=LATE)
    assert ask(child).text == "ok"
    assert bool(warnings(child)) is warned


def test_a_package_that_pywrangler_has_found(start_worker: Any) -> None:
    vendored = {"python_modules/greenlet/__init__.py": ""}
    child = start_worker(worker("import greenlet"), files=vendored, compatibility_date=LATE)
    assert ask(child).text == "ok"
    assert not warnings(child)


def test_older_pythons_have_fewer_packages_and_no_sockets(start_worker: Any) -> None:
    source = worker(
        "import socket\nimport asyncpg  # package\nwith socket.socket() as client:\n"
        "    client.connect_ex(('127.0.0.1', 1))  # here"
    )
    child = start_worker(source, compatibility_date="2026-09-07")
    assert ask(child).text == "ok"
    package, connection = warnings(child)
    assert package.startswith(f"src/entry.py:{line_of(source, '# package')}: asyncpg has binary parts")
    assert "no build of it for Python 3.13" in package
    assert connection.startswith(f"src/entry.py:{line_of(source)}: Python Workers have no sockets before a later")
    assert f'Set compatibility_date to "{LATE}" or later' in connection


def test_the_lists_of_packages() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", LISTED_ON)
    assert sorted(MODULES) == ["3.12", "3.13", "3.14"]
    assert {"asyncpg", "psycopg_c", "sqlalchemy", "pydantic_core", "fastapi"} <= MODULES["3.14"]
    assert not {"psycopg2", "greenlet", "uvloop"} & MODULES["3.14"]
