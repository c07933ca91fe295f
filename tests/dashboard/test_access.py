"""Who gets in, and who does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from support.dashboard import DashboardClient, Shop

CHANGES = [("DELETE", "/api/cache"), ("POST", "/api/pools/HYPERDRIVE/restart"), ("DELETE", "/api/queries")]


@pytest.fixture
def visitor(shop: Shop) -> Iterator[httpx.Client]:
    """A client without the token."""
    with httpx.Client(base_url=shop.origin, timeout=60) as client:
        yield client


@pytest.fixture
def logged_in(shop: Shop, visitor: httpx.Client) -> httpx.Client:
    """A client with the cookie, as a browser has it."""
    assert visitor.get(shop.dashboard_url).status_code == 303
    return visitor


def test_the_token_of_the_url_becomes_a_cookie(shop: Shop, visitor: httpx.Client) -> None:
    response = visitor.get(shop.dashboard_url)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    name, *attributes = response.headers["set-cookie"].split("; ")
    port = shop.origin.rpartition(":")[2]
    assert name.startswith(f"wrangler_py_dashboard_{port}=")
    assert {each.lower() for each in attributes} >= {"httponly", "samesite=strict", "path=/"}
    page = visitor.get("/")
    assert page.status_code == 200
    assert shop.token not in page.text


@pytest.mark.parametrize(
    "path", ["/", "/api/session", "/api/queries", "/api/events", "/metrics", "/static/js/app.js"]
)
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%00%ff"])
def test_nothing_without_the_token(visitor: httpx.Client, path: str, query: str) -> None:
    response = visitor.get(path + query)
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert "URL that wrangler-py printed" in response.text


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Basic {token}", "{token}", "Bearer", "Bearer {token}x"])
def test_only_the_right_bearer_token_counts(shop: Shop, visitor: httpx.Client, authorization: str) -> None:
    headers = {"Authorization": authorization.format(token=shop.token)}
    assert visitor.get("/api/session", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "cookie", ["wrangler_py_dashboard_1={token}", "{name}=wrong", "{name}", "a b; {name}={token}x"]
)
def test_only_the_right_cookie_counts(shop: Shop, visitor: httpx.Client, cookie: str) -> None:
    name = f"wrangler_py_dashboard_{shop.origin.rpartition(':')[2]}"
    headers = {"Cookie": cookie.format(name=name, token=shop.token)}
    assert visitor.get("/api/session", headers=headers).status_code == 401


def test_cookies_of_other_servers_on_this_host_do_no_harm(shop: Shop, logged_in: httpx.Client) -> None:
    name = f"wrangler_py_dashboard_{shop.origin.rpartition(':')[2]}"
    cookie = f'a b; c["d"]=é"; wrangler_py_dashboard_1=x; {name}={shop.token}'
    headers = {b"Cookie": cookie.encode()}
    assert httpx.get(f"{shop.origin}/api/session", headers=headers, timeout=60).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil:{port}",
        "0.0.0.0:{port}",
        "",
    ],
)
def test_a_wrong_host_gets_nothing(shop: Shop, api: DashboardClient, host: str) -> None:
    port = shop.origin.rpartition(":")[2]
    for path in ("/", "/api/session", "/metrics"):
        response = api.get(path, headers={"Host": host.format(port=port)})
        assert response.status_code in (400, 421)
        assert "HYPERDRIVE" not in response.text


def test_localhost_is_the_dashboards_host_too(shop: Shop, api: DashboardClient) -> None:
    port = shop.origin.rpartition(":")[2]
    assert api.get("/api/session", headers={"Host": f"localhost:{port}"}).status_code == 200


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},  # what a browser calls the Worker, on another port
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/queries"), ("GET", "/"), ("GET", "/metrics"), *CHANGES])
def test_another_origin_gets_nothing_with_the_cookie(
    logged_in: httpx.Client, headers: dict[str, str], method: str, path: str
) -> None:
    response = logged_in.request(method, path, headers=headers)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_change_needs_a_same_origin_request(shop: Shop, logged_in: httpx.Client, method: str, path: str) -> None:
    assert logged_in.request(method, path).status_code == 403
    assert logged_in.request(method, path, headers={"Origin": shop.origin}).status_code == 200
    assert logged_in.request(method, path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_preflight_permits_nothing(visitor: httpx.Client) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    response = visitor.options("/api/cache", headers=headers)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_link_from_another_page_may_open_the_dashboard(logged_in: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert logged_in.get("/", headers=headers).status_code == 200
    assert logged_in.get("/api/queries", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/session", "/static/js/app.js", "/static/nothing", "/metrics"])
def test_every_answer_has_the_security_headers(api: DashboardClient, path: str) -> None:
    headers = api.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/js/%2e%2e/%2e%2e/app.py"]
)
def test_only_the_pages_files_are_served(api: DashboardClient, path: str) -> None:
    request = httpx.Request("GET", f"{str(api.base_url).rstrip('/')}{path}", headers=api.headers)
    assert api.send(request).status_code == 404


def test_the_page_loads_nothing_from_elsewhere(api: DashboardClient) -> None:
    from wrangler_py.dashboard.app import STATIC

    for file in STATIC.rglob("*.*"):
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text


SCRIPT = """
import asyncio, sys
from wrangler_py.console import Console
from wrangler_py.dashboard.server import Dashboard
from wrangler_py.dashboard.sources import Sources

async def main():
    async with Dashboard(Sources(messages=Console())) as dashboard:
        print(dashboard.url, flush=True)
        await asyncio.sleep(0.05)
    print(*sys.modules)

asyncio.run(main())
"""


def test_an_unopened_dashboard_loads_no_web_server() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    assert not {"starlette", "uvicorn", "prometheus_client"} & set(result.stdout.split())


def test_a_taken_port_is_named(shop: Shop) -> None:
    port = shop.origin.rpartition(":")[2]
    command = [sys.executable, "-m", "wrangler_py", "hyperdrive", "proxy", "--dashboard-port", port]
    command += ["--connection-string", "postgres://a:b@127.0.0.1/c"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert f"The dashboard cannot listen on port {port}" in result.stderr
    assert "Traceback" not in result.stderr
