"""The first use of a binding that is not emulated is in the log, whatever becomes of the exception."""

from __future__ import annotations

from pathlib import Path

from support.dev_process import DevProcess, write_project

CONFIG = """
[[kv_namespaces]]
binding = "CACHE"
id = "1"

[[d1_databases]]
binding = "DB"
database_name = "db"
database_id = "1"
"""

SWALLOWS = """
from store import lookup
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            if request.url.endswith("/kv"):
                await lookup(self.env)
            if request.url.endswith("/d1"):
                self.env.DB.prepare("SELECT 1")
        except Exception:
            return Response("swallowed")
        return Response("not used")
"""

FRAMEWORK = """
import asgi
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from workers import WorkerEntrypoint

app = FastAPI()

@app.exception_handler(Exception)
async def failed(request, error):
    return PlainTextResponse("sorry", status_code=500)

@app.get("/")
async def root(request: Request):
    return await request.scope["env"].CACHE.get("key")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await asgi.fetch(app, request.js_object, self.env)
"""


def test_the_first_use_is_in_the_log_with_its_line(tmp_path: Path) -> None:
    root = write_project(tmp_path, SWALLOWS, CONFIG)
    (root / "src" / "store.py").write_text("async def lookup(env):\n    return await env.CACHE.get('key')\n")
    with DevProcess(root) as dev:
        assert dev.ready().get("/").text == "not used"
        before = dev.mark()
        assert dev.get("/kv").text == "swallowed"
        dev.wait_for(r"env\.CACHE was used at src/store\.py:2: a Workers KV binding", since=before)
        assert dev.get("/kv").text == "swallowed"
        assert dev.get("/d1").text == "swallowed"
        dev.wait_for(r"env\.DB was used at src/entry\.py:11: a D1 binding", since=before)
        assert dev.output.count("env.CACHE was used at") == 1


def test_a_framework_that_swallows_the_exception(tmp_path: Path) -> None:
    with DevProcess(write_project(tmp_path, FRAMEWORK, CONFIG)) as dev:
        assert dev.ready().get("/").text == "sorry"
        dev.wait_for(r"env\.CACHE was used at src/entry\.py:15: a Workers KV binding")
