"""Everyone can use each page: axe's rules, light and dark; a keyboard alone; a phone; a screen reader's view."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from support.browser import OpenPage
from support.dashboard import Shop

PAGES = ("queries", "requests", "pools", "cache", "metrics", "configs", "database")
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module", autouse=True)
def _something_to_show(shop: Shop) -> None:
    for path in ("/articles", "/joined", "/recent", "/view", "/view", "/fails", "/transfer"):
        shop.get(path)


def violations(page: Page, axe: Path) -> list[Any]:
    page.evaluate(axe.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (each["id"], [node["html"][:120] + " " + node["failureSummary"][:300] for node in each["nodes"][:3]])
        for each in found["violations"]
    ]


@pytest.mark.parametrize(
    ("scheme", "options"), [("light", {}), ("dark", {"viewport": PHONE})], ids=["light", "dark"]
)
def test_axe_finds_nothing(open_page: OpenPage, axe: Path, scheme: str, options: dict[str, Any]) -> None:
    # Playwright's own evaluation is not subject to the policy of the page.
    page = open_page("queries", color_scheme=scheme, **options)
    found: dict[str, Any] = {}
    expect(page.get_by_role("row").first).to_be_visible()
    found["queries"] = violations(page, axe)
    page.get_by_role("row").filter(has_text="published_at").first.click()
    expect(page.get_by_role("complementary")).to_contain_text("STABLE")
    found["one query"] = violations(page, axe)
    for name in PAGES[1:]:
        page.evaluate(f"location.hash = '#/{name}'")
        expect(page.locator(f"#navigation [aria-current=page][data-page={name}]")).to_be_attached()
        match name:
            case "requests":
                page.get_by_role("button", name="GET /articles").first.click()
                expect(page.get_by_role("listitem").filter(has_text="FROM authors").first).to_be_visible()
            case "pools":
                expect(page.get_by_role("region", name="Origin connections of HYPERDRIVE")).to_be_visible()
            case "cache":
                expect(page.get_by_role("region", name="Table: Stale reads")).to_be_visible()
            case "metrics":
                expect(page.get_by_role("img").first).to_be_visible()
            case "configs":
                page.get_by_role("button", name="Create configuration").first.click()
                expect(page.get_by_role("dialog")).to_be_visible()
            case "database":
                page.get_by_role("button", name="shop.articles").click()
                page.get_by_role("textbox", name="SQL").fill("SELECT now()")
                page.get_by_role("button", name="Run").click()
                expect(page.get_by_role("region", name="Table: Rows")).to_be_visible()
        found[name] = violations(page, axe)
        page.keyboard.press("Escape")
    assert {name: each for name, each in found.items() if each} == {}, json.dumps(found, indent=1)


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_each_page_without_scrolling_sideways(open_page: OpenPage, name: str) -> None:
    page = open_page(name, viewport=PHONE, has_touch=True)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    widths = page.evaluate("[document.documentElement.scrollWidth, document.getElementById('main').scrollWidth]")
    assert max(widths) <= PHONE["width"]


def test_a_query_on_a_phone(open_page: OpenPage) -> None:
    page = open_page("queries", viewport=PHONE, has_touch=True)
    page.get_by_role("row").filter(has_text="published_at").first.tap()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("What to change")
    box = panel.bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"]
    panel.get_by_role("button", name="Close").tap()
    expect(panel).to_be_hidden()


def test_dark_mode_is_dark(open_page: OpenPage) -> None:
    def lightness(scheme: str) -> int:
        page = open_page("queries", color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(","))

    assert lightness("dark") < 100 < 600 < lightness("light")


def test_the_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page("queries")
    expect(page.get_by_role("row").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    expect(page.get_by_label("Search the SQL")).to_be_focused()
    page.keyboard.type("published_at")
    grid = page.get_by_role("grid", name="Queries")
    expect(grid).to_have_attribute("aria-rowcount", "1")
    for _ in range(20):
        page.keyboard.press("Tab")
        if grid.evaluate("grid => grid === document.activeElement"):
            break
    expect(grid).to_be_focused()
    active = grid.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_contain_text("published_at")
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("STABLE")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(grid).to_be_focused()
    page.keyboard.press("6")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hyperdrive configs")
    page.keyboard.press("2")
    expect(page.get_by_role("heading", level=1)).to_have_text("Requests")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Search the queries")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_arrow_keys_move_in_the_list(open_page: OpenPage) -> None:
    page = open_page("queries")
    grid = page.get_by_role("grid", name="Queries")
    expect(grid.get_by_role("row").first).to_be_visible()
    grid.focus()
    ids = []
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowUp", "End", "PageUp", "Home"):
        page.keyboard.press(key)
        ids.append(grid.get_attribute("aria-activedescendant"))
    assert ids[0] == ids[-1]
    assert ids[1] == ids[3]
    assert len({*ids[:3], ids[4]}) == 4


def test_a_row_is_read_cell_by_cell(open_page: OpenPage) -> None:
    page = open_page("queries")
    row = page.get_by_role("row").filter(has_text="published_at").first
    expect(row.get_by_role("gridcell")).to_have_count(6)
    expect(row.get_by_role("gridcell").nth(1)).to_have_text("volatile")


def test_a_lost_session_is_reported(shop: Shop, open_page: OpenPage) -> None:
    """Ends the session: this is the last test of the module."""
    page = open_page("pools")
    expect(page.locator("#status")).to_contain_text("Live")
    assert shop.dev.interrupt() == 0
    expect(page.locator("#status")).to_contain_text("Not connected")
