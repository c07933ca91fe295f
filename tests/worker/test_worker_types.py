"""The type stubs: a typed Worker checks against them, a mistaken one does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wrangler_py.worker.stubs import make_stubs, outdated, write_types

PROJECT: dict[str, Any] = {
    "variables": {"GREETING": "hi", "LIMIT": 5, "SETTINGS": {"a": 1}, "not-a-name": "x", "class": "y"},
    "hyperdrive": ["HYPERDRIVE"],
    "unavailable": ["CACHE"],
    "assets": "ASSETS",
}

GOOD = """
from http import HTTPMethod, HTTPStatus

import asgi
from js import JSON, URL, Object, Response as JSResponse, TransformStream, WebSocketPair
from pyodide.ffi import create_proxy, to_js
from workers import Blob, File, FormData, Request, Response, WorkerEntrypoint, env, fetch, handler, wait_until, wsgi


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response | JSResponse:
        string: str = self.env.HYPERDRIVE.connectionString
        port: int = self.env.HYPERDRIVE.port
        limit: int = env.LIMIT
        method: HTTPMethod = request.method
        address: str | None = request.headers.get("cf-connecting-ip")
        stream = TransformStream.new()
        self.ctx.waitUntil(self.later(self.env.GREETING))
        form: FormData = await request.form_data()
        answer = await fetch("https://example.com", method=HTTPMethod.POST, redirect="manual", headers={"a": "b"})
        async for piece in answer.body:
            data: bytes = piece.to_bytes()
        if request.method is HTTPMethod.HEAD:
            return await self.env.ASSETS.fetch(request)
        page: Response = await self.env.ASSETS.fetch("https://assets.local/page", method=HTTPMethod.HEAD)
        if self.env.SETTINGS.a or page.ok:
            moved: JSResponse = Response.redirect("https://example.com/x", HTTPStatus.SEE_OTHER)
            return moved
        return Response.from_json({"ok": answer.ok, "data": await answer.json()}, status=201, headers=[("a", "b")])

    async def later(self, text: str) -> None:
        print(text)


@handler
async def on_scheduled(controller: object) -> None: ...
"""

MISTAKES = {
    "self.env.HYPERDRIVE.conectionString": '"Hyperdrive" has no attribute "conectionString"',
    "self.env.MISSING": '"Env" has no attribute "MISSING"',
    "Response.from_json({}, staus=200)": 'Unexpected keyword argument "staus"',
    "request.metod": '"Request" has no attribute "metod"',
    "self.env.ASSETS.fetch(5)": "has incompatible type",
    "self.ctx.waitUntil(5)": "has incompatible type",
}


@pytest.fixture(scope="module")
def typings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "typings"
    write_types(folder, **PROJECT)
    return folder


def mypy(typings: Path, source: str) -> str:
    worker = typings.parent / "entry.py"
    worker.write_text(source)
    config = typings.parent / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\nmypy_path = typings\n")
    outcome = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config.name, worker.name],
        cwd=typings.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return outcome.stdout + outcome.stderr


def test_a_typed_worker_checks_and_mistakes_are_found(typings: Path) -> None:
    assert "Success: no issues found" in mypy(typings, GOOD)
    handler = "\n".join(f"        {mistake}" for mistake in MISTAKES)
    report = mypy(
        typings,
        "from workers import Request, Response, WorkerEntrypoint\n"
        "class Default(WorkerEntrypoint):\n"
        f"    async def fetch(self, request: Request) -> None:\n{handler}\n",
    )
    for line, expected in enumerate(MISTAKES.values(), start=4):
        assert any(
            reported.startswith(f"entry.py:{line}:") and expected in reported for reported in report.splitlines()
        ), (expected, report)


def test_env_has_the_bindings_of_the_project() -> None:
    env = make_stubs(**PROJECT)["js/_bindings.pyi"]
    block = env[env.index("class Env:") : env.index("class Hyperdrive")]
    for line in (
        "GREETING: str",
        "LIMIT: int",
        "SETTINGS: JsObject",
        "HYPERDRIVE: Hyperdrive",
        "ASSETS: Assets",
        "CACHE: Unavailable",
    ):
        assert line in block
    assert "not-a-name" not in block
    assert "class:" not in block.replace("class Env:", "")
    assert "'hi'" not in env, "values may be secret"


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    assert outdated(tmp_path, **PROJECT)
    assert write_types(tmp_path, **PROJECT)
    assert write_types(tmp_path, **PROJECT) == []
    assert outdated(tmp_path, **PROJECT) == []
    changed = PROJECT | {"hyperdrive": ["OTHER"]}
    assert outdated(tmp_path, **changed) == [tmp_path / "js" / "_bindings.pyi"]
