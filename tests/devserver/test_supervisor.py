"""The supervisor of worker processes, where the system refuses one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from support.dev_process import write_project

from wrangler_py.console import Level
from wrangler_py.devserver.listening_socket import LOOPBACK, open_listening_socket, url_of
from wrangler_py.devserver.output import Output
from wrangler_py.devserver.spare_process import SpareProcess
from wrangler_py.devserver.supervisor import Supervisor
from wrangler_py.devserver.worker_process import WorkerEvent
from wrangler_py.worker_protocol import Launch, Ready

ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("hello")
"""


def test_a_process_that_cannot_be_started_is_reported_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write_project(tmp_path / "project", ENTRY)

    def launch(generation: int) -> Launch:
        return Launch(main=project / "src" / "entry.py", root=project, generation=generation)

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(url)

    async def run() -> None:
        events: asyncio.Queue[WorkerEvent] = asyncio.Queue()
        output = Output(level=Level.INFO, color=False)
        spare = SpareProcess(listener, output.worker_line)
        supervisor = Supervisor(listener, output, spare, launch=launch, on_event=events.put_nowait)

        async def ready() -> None:
            while not isinstance(await events.get(), Ready):
                pass

        async with asyncio.timeout(60):
            await supervisor.replace()
            await ready()
            with monkeypatch.context() as broken:
                broken.setattr(sys, "executable", "/no/such/python")
                left = await supervisor.replace(afresh=True)
                assert left is not None
                await left
                refused = await get()
            assert (refused.status_code, "cannot be started" in refused.text) == (503, True)
            await ready()  # it was tried again
            assert (await get()).text == "hello"
            await supervisor.stop(1)

    with open_listening_socket(LOOPBACK, 0) as listener:
        url = url_of(listener)
        asyncio.run(run())
    assert "process cannot be started: No such file or directory. Next start in 1 s" in capsys.readouterr().out
