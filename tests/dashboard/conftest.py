"""A dashboard, a browser and a Worker for it, shared by the tests of a module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect
from support.browser import OpenPage, chromium, open_browser
from support.dashboard import DashboardClient, Shop, serve_shop
from support.node_packages import axe, node
from support.postgres_server import PostgresServer

__all__ = ["axe", "chromium", "node"]

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def shop(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """`wrangler-py dev` with the Worker of `support.shop_worker` on the test server."""
    with serve_shop(postgres, tmp_path_factory.mktemp("shop")) as served:
        yield served


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture
def api(shop: Shop) -> Iterator[DashboardClient]:
    """The API, with the token."""
    with shop.client() as client:
        yield client


DESKTOP: ViewportSize = {"width": 1360, "height": 850}


@pytest.fixture
def open_page(browser: Browser, shop: Shop) -> Iterator[OpenPage]:
    """Opens the dashboard at a page: `open_page("cache", color_scheme="dark")`; the rest are options of a context.

    Whatever a page logs as an error, and each exception in it, fails the test.
    """
    problems: list[str] = []
    contexts: list[BrowserContext] = []

    def logged(message: ConsoleMessage) -> None:
        # A refusal by the API, or its end, is shown on the page, and logged by the browser as well.
        if message.type == "error" and not re.search(r"status of 4\d\d|net::ERR_", message.text):
            problems.append(message.text)

    def open_(path: str = "queries", url: str | None = None, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", logged)
        page.goto(f"{url or shop.dashboard_url}#/{path}")
        expect(page.locator("#main > section")).to_be_visible()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []
