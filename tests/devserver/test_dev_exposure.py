"""Who may use the dev server: names, other sites, and other machines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.dev_process import DEADLINE_S, DevProcess, dev_environment, write_project

ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(request.url)
    async def scheduled(self, controller, env, ctx):
        print("scheduled ran", flush=True)
"""
ALLOWED = ("--allowed-host", "worker", "--allowed-host", ".Tunnel.example", "--allowed-host", "bücher.test:80")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevProcess]:
    project = write_project(tmp_path_factory.mktemp("project") / "project", ENTRY)
    with DevProcess(project, "--test-scheduled", *ALLOWED) as dev:
        yield dev.ready()


def get(dev: DevProcess, path: str = "/", **headers: str) -> httpx.Response:
    return httpx.get(dev.url + path, headers={name.replace("_", "-"): headers[name] for name in headers})


@pytest.mark.parametrize(
    "host", ["worker:8787", "WORKER", "a.tunnel.example", "b.a.tunnel.example", "xn--bcher-kva.test"]
)
def test_a_name_that_is_allowed(dev: DevProcess, host: str) -> None:
    response = get(dev, host=host)
    assert (response.status_code, response.text.lower()) == (200, f"http://{host.lower()}/")


@pytest.mark.parametrize("host", ["evil.example", "tunnel.example", "eviltunnel.example", "worker.evil.example"])
def test_a_refused_host_name_is_reported_once_with_a_hint(dev: DevProcess, host: str) -> None:
    for _ in range(2):
        response = get(dev, host=host)
        assert response.status_code == 403
        assert "--allowed-host" in response.text
    dev.wait_for(rf"WARNING.*host {re.escape(host)}: .*--allowed-host {re.escape(host)}$")
    assert get(dev).status_code == 200
    assert dev.output.count(f"host {host}: ") == 1


@pytest.mark.parametrize("name", ["", "//worker", "*", "a b", "a..b", "worker:x"])
def test_invalid_names(tmp_path: Path, name: str) -> None:
    project = write_project(tmp_path / "project", ENTRY)
    result = subprocess.run(
        [sys.executable, "-m", "wrangler_py", "dev", "--allowed-host", name],
        cwd=project,
        env=dev_environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert result.returncode == 2
    assert "--allowed-host takes a host name" in result.stderr


CROSS_SITE = [
    {"sec_fetch_site": "cross-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"referer": "https://evil.example/page"},
    {"referer": "http://localhost.evil.example/"},
    {"origin": "http://localhost:3000", "sec_fetch_site": "cross-site"},
]
HANDLERS = [
    "/cdn-cgi/handler/scheduled",
    "/cdn-cgi/handler/sched%75led?cron=x",
    "/__scheduled",
    "/cdn-cgi/local/scheduled",
]


@pytest.mark.parametrize("path", HANDLERS)
@pytest.mark.parametrize("headers", CROSS_SITE)
def test_another_site_runs_no_handler(dev: DevProcess, path: str, headers: dict[str, str]) -> None:
    since = dev.mark()
    for method in ("GET", "POST"):
        response = httpx.request(
            method, dev.url + path, headers={name.replace("_", "-"): headers[name] for name in headers}
        )
        assert response.status_code == 403
    dev.wait_for("WARNING.*Refused /.*another site", since=since)
    assert get(dev, "/after").status_code == 200
    dev.wait_for("GET /after 200", since=since)
    assert "scheduled ran" not in "\n".join(dev.output.splitlines()[since:])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin"},
        {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
        {"host": "worker", "origin": "http://worker", "sec_fetch_site": "same-origin"},
    ],
)
@pytest.mark.parametrize("path", ["/cdn-cgi/handler/scheduled", "/__scheduled"])
def test_this_machine_runs_its_handlers(dev: DevProcess, path: str, headers: dict[str, str]) -> None:
    since = dev.mark()
    assert get(dev, path, **headers).text == "ok"
    dev.wait_for("scheduled ran", since=since)


def test_another_site_may_ask_for_the_workers_own_pages(dev: DevProcess) -> None:
    assert get(dev, "/", origin="https://evil.example", sec_fetch_site="cross-site").status_code == 200


@pytest.mark.parametrize(
    ("address", "open_to"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("::1", False)]
)
def test_an_address_that_others_reach_is_warned_of(tmp_path: Path, address: str, open_to: bool) -> None:
    project = write_project(tmp_path / "project", ENTRY)
    with DevProcess(project, "--ip", address) as dev:
        dev.ready()
        warnings = [line for line in dev.output.splitlines() if "Listening on every address" in line]
        assert len(warnings) == open_to
        if warnings:
            assert address in warnings[0]
            assert "scheduled handler" in warnings[0]
            assert "source lines" in warnings[0]
