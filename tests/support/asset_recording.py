"""What wrangler answers about static assets: asked of it, and kept in a file."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from support.asset_answers import Answer, answers
from support.asset_sites import SITES, Site

FILE = Path(__file__).resolve().parents[1] / "worker" / "assets" / "wrangler_answers.json"
_READY = re.compile(r"Ready on http://[^:]+:(\d+)")


class Recorded(TypedDict):
    """What wrangler made of one site."""

    answers: list[Answer]
    complaints: list[str]


WORKER = """
export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname === "/through") {
      const q = url.searchParams
      return env[env.ASSETS ? "ASSETS" : "FILES"].fetch(new URL(q.get("path"), "http://any.example"), {
        redirect: q.get("redirect") ?? "follow", method: q.get("method") ?? "GET",
      })
    }
    if (url.pathname.startsWith("/pass/")) {
      return env.ASSETS.fetch(new Request(new URL(url.pathname.slice(5), url), request))
    }
    if (url.pathname === "/asset-request") return env.FILES.fetch(request)
    return new Response(`worker ${request.method} ${url.pathname}`)
  },
}
"""


class Wrangler:
    """One `wrangler dev`; its lines are in `lines`."""

    def __init__(self, node_modules: Path, project: Path) -> None:
        environment = {**os.environ, "CI": "1", "WRANGLER_SEND_METRICS": "false", "NO_COLOR": "1"}
        environment["VSCODE_INSPECTOR_OPTIONS"] = "{}"  # no inspector, whose port would be shared
        self.lines: list[str] = []
        self.port = 0
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [str(node_modules / ".bin" / "wrangler"), "dev", "--port", "0", "--ip", "127.0.0.1"],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def wait(self) -> int:
        """The port it answers on."""
        self._ready.wait(120)
        if not self.port:
            raise RuntimeError("wrangler did not start:\n" + "".join(self.lines))
        return self.port

    def end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reading.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                if found := _READY.search(line):
                    self.port = int(found[1])
                    self._ready.set()
        self._ready.set()


def complaints(lines: Sequence[str]) -> list[str]:
    """What is said of invalid lines in `_headers` and `_redirects`."""
    kept = (line.strip() for line in lines)
    return [line for line in kept if line.startswith(("▶︎", "at public/"))]


def record(site: Site, node_modules: Path) -> Recorded:
    """What wrangler answers to the requests of `site`, and what it says of its rules."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        site.write(root / "public")
        (root / "index.js").write_text(WORKER)
        (root / "wrangler.toml").write_text(site.toml("index.js"))
        wrangler = Wrangler(node_modules, root)
        try:
            port = wrangler.wait()
            return {"answers": answers(port, site.requests), "complaints": complaints(wrangler.lines)}
        finally:
            wrangler.end()


def version_of(node_modules: Path) -> str:
    """The version of wrangler that is installed there."""
    version: str = json.loads((node_modules / "wrangler" / "package.json").read_text())["version"]
    return version


def write(name: str, recorded: Recorded, node_modules: Path) -> None:
    """Replace in the file what was recorded of one site."""
    before: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    before[name] = {"wrangler": version_of(node_modules), "date": today, **recorded}
    lines = json.dumps({site.name: before.get(site.name) for site in SITES}, indent=1, ensure_ascii=False)
    # One answer a line keeps the differences between two recordings readable.
    FILE.write_text(re.sub(r"\n   (?:  ?(?=\")|(?=\}))", " ", lines) + "\n")
