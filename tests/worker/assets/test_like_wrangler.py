"""Static assets are answered as wrangler answers them: the same files, the same config, the same requests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.asset_answers import Answer, answers
from support.asset_recording import FILE, complaints, record, version_of, write
from support.asset_sites import EARLY, SITES, Site
from support.dev_process import DevProcess
from support.node_packages import node, node_modules

__all__ = ["node", "node_modules"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="some of the files have names that Windows does not take")

ENTRY = """
from urllib.parse import parse_qs, urlsplit
from workers import Request, Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        if url.path == "/through":
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            assets = self.env.ASSETS if hasattr(self.env, "ASSETS") else self.env.FILES
            return await assets.fetch(
                "http://any.example" + query["path"],
                redirect=query.get("redirect", "follow"),
                method=query.get("method", "GET"),
            )
        if url.path.startswith("/pass/"):
            return await self.env.ASSETS.fetch(Request(f"http://{url.netloc}{url.path[5:]}"))
        if url.path == "/asset-request":
            return await self.env.FILES.fetch(request)
        return Response(f"worker {request.method} {url.path}")
"""

each_site = pytest.mark.parametrize("site", SITES, ids=[site.name for site in SITES])


def differences(site: Site, ours: list[Answer], theirs: list[Answer]) -> list[str]:
    assert len(ours) == len(theirs) == len(site.requests)
    return [
        f"{method} {path} {headers}\n  {answer}\n  not\n  {expected}"
        for (method, path, headers), answer, expected in zip(site.requests, ours, theirs, strict=True)
        if answer != expected
    ]


@each_site
def test_the_host_answers_as_wrangler_did(site: Site, tmp_path: Path) -> None:
    recorded = json.loads(FILE.read_text())
    site.write(tmp_path / "public")
    (tmp_path / "wrangler.toml").write_text(site.toml("src/entry.py", "python_workers"))
    if site.worker:
        (tmp_path / "src").mkdir()
        # Before August 2025 the platform called handlers so.
        entry = ENTRY.replace("def fetch(", "def on_fetch(") if site.date == EARLY else ENTRY
        (tmp_path / "src" / "entry.py").write_text(entry)
    with DevProcess(tmp_path) as dev:
        port = urlsplit(dev.url).port
        assert port is not None
        expected = recorded[site.name]
        found = differences(site, answers(port, site.requests), expected["answers"])
        assert not found, "\n".join(found)
        assert complaints(dev.output.splitlines()) == expected["complaints"]


@each_site
def test_wrangler_answers_as_it_did(site: Site, node_modules: Path, request: pytest.FixtureRequest) -> None:
    version = version_of(node_modules)
    if tuple(map(int, version.split("-")[0].split("."))) < site.since:
        pytest.skip(f"wrangler {version} does not know what this site has")
    now = record(site, node_modules)
    if request.config.getoption("--record-wrangler"):
        write(site.name, now, node_modules)
    expected = json.loads(FILE.read_text())[site.name]
    found = differences(site, now["answers"], expected["answers"])
    assert not found, "\n".join(found)
    assert now["complaints"] == expected["complaints"]
